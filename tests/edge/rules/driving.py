"""A driver of ``electrics.py``: things that happen, drawn at random, dense where a promise ends."""

from typing import Protocol, TypeVar

from edge.rules.inputs import BootReported, CommandGiven, LoadMetered, Matches
from shared.commands import SetLimit, TrustCharger
from shared.facilities import Facility
from tests.builders import right
from tests.edge.rules.chargers import Charger, Manner, Profiles
from tests.edge.rules.electrics import Electrics

T = TypeVar("T")
HEALING_MINUTES = 15


class Chance(Protocol):
    """What ``random.Random`` has, and a list of small numbers can be."""

    def randrange(self, stop: int, /) -> int: ...


class Driver:
    """The same facility and chance make the same run. ``step`` until ``site.found`` is not empty, which is a fault."""

    def __init__(self, facility: Facility, chance: Chance, *, commissioned: bool = True) -> None:
        self.site = Electrics(facility)
        self._chance = chance
        self._serial = 0
        self._budget_w = facility.power.budget_w
        if commissioned:
            self.come_back()

    def step(self) -> None:
        """One thing that happens."""
        _DECK[self._chance.randrange(len(_DECK))](self)

    def _one(self, among: "list[T] | tuple[T, ...]") -> T:
        return among[self._chance.randrange(len(among))]

    def _some(self, *, charging: bool = False, connected: bool | None = None) -> Charger | None:
        fit = [
            c
            for c in self.site.chargers
            if (not charging or c.transaction_id) and (connected is None or c.connected is connected)
        ]
        return self._one(fit) if fit else None

    # Limits and answers.

    def look(self) -> None:
        """A station takes the oldest limit that it was sent."""
        waiting = [c for c in self.site.chargers if c.wire]
        if waiting:
            self._one(waiting).look()

    def hear(self) -> None:
        """An answer comes, be it late."""
        waiting = [c for c in self.site.chargers if c.said]
        if waiting:
            self.site.hear(self._one(waiting))

    def settle(self) -> None:
        self.site.settle()

    def lose_an_answer(self) -> None:
        """Nobody waits any longer for an answer. The station did as it was told, or will yet, or never heard of it."""
        if self.site.unanswered:
            limit = self.site.unanswered[self._one(list(self.site.unanswered))]
            wire = self.site.by_id[limit.station_id].wire
            if limit in wire and self._chance.randrange(4) == 0:
                wire.remove(limit)
            self.site.answer(limit, "UNKNOWN")

    # Connections.

    def connect(self) -> None:
        charger = self._some(connected=False)
        if charger is not None:
            self.site.open(charger)

    def come_back(self) -> None:
        for charger in self.site.chargers:
            if not charger.connected:
                self.site.open(charger)
        self.site.settle()

    def cut(self) -> None:
        """What was on the wire arrived or did not, but nobody knows; some never left."""
        charger = self._some(connected=True)
        if charger is None:
            return
        for limit in [x for x in self.site.unanswered.values() if x.station_id == charger.station_id]:
            outcome = "UNKNOWN"
            if limit in charger.wire and self._chance.randrange(2):
                charger.wire.remove(limit)
                outcome = self._one(("UNSENT", "UNKNOWN"))
            self.site.answer(limit, outcome)
        self.site.close(charger)

    def boot(self) -> None:
        """What a station was thinking about is lost, its profiles too if it forgets them."""
        charger = self._one(self.site.chargers)
        charger.wire.clear()
        if charger.manner is Manner.FORGETS:
            charger.held = Profiles()
        if charger.connected:
            self.site.give(BootReported(charger.station_id, "v", "m", "1", "PowerUp"))

    def restart(self) -> None:
        for charger in self.site.chargers:
            if self._chance.randrange(3) == 0:
                charger.wire.clear()
        self.site.restart()

    def rest(self) -> None:
        """The daemon dies and is away for a while, so nothing is renewed."""
        self.site.wait(self._one((20_000, 90_000, 250_000, 400_000)), dead=True)
        self.restart()

    # Cars.

    def arrive(self) -> None:
        free = [c for c in self.site.chargers if not c.transaction_id]
        if free:
            self._start(self._one(free))

    def _start(self, charger: Charger) -> None:
        # A station starts a car on its own only while it is away, and if it was ever told of a token.
        if not charger.connected and (not charger.ready or charger.manner is Manner.REFUSES):
            return
        self._serial += 1
        name, number = f"t{self._serial}", charger.station_id.removeprefix("cs-")
        charger.seq_no = 0
        charger.started_ms = charger.metered_ms = self.site.now_ms + charger.offset_ms
        charger.ahead_ms = charger.offset_ms if charger.connected else -self.site.now_ms
        holder = right(f"car{number}", f"CAR{number}")
        details = {"id_token": f"TOKEN-car{number}", "matches": Matches(rights=(holder,)), "charging_state": "Charging"}
        answer = self.site.tell(charger, "Started", transaction_id=name, **details)
        if answer is None or answer.status == "Accepted":  # type: ignore[attr-defined]
            charger.transaction_id = name
            self.site.judge()
        else:
            self.site.tell(charger, "Ended", transaction_id=name)

    def leave(self) -> None:
        charger = self._some(charging=True)
        if charger is not None:
            name, charger.transaction_id = charger.transaction_id, ""
            self.site.tell(charger, "Ended", transaction_id=name, power_w=0)

    def meter(self) -> None:
        charger = self._some(charging=True, connected=True)
        if charger is not None:
            self.site.meter(charger, self._one((100, 100, 95, 60, 0)))

    def meter_all(self) -> None:
        for charger in self.site.chargers:
            if charger.transaction_id and charger.connected:
                self.site.meter(charger, 100)

    def resume(self) -> None:
        """A car pauses and goes on."""
        charger = self._some(charging=True, connected=True)
        if charger is not None:
            for state in ("SuspendedEV", "Charging"):
                self.site.tell(charger, "Updated", transaction_id=charger.transaction_id, charging_state=state)

    # People, manners, clocks, the building.

    def misbehave(self) -> None:
        """A station takes up another manner, or comes back from it."""
        charger = self._one(self.site.chargers)
        charger.manner = self._one(_BAD) if charger.manner is Manner.OBEYS else Manner.OBEYS
        charger.held = Profiles(charger.agreed.fallback_w, charger.agreed.lease)

    def _mend(self) -> None:
        """Every station keeps its word from now on, and nobody waits for what got lost."""
        for limit in list(self.site.unanswered.values()):
            self.site.answer(limit, "UNKNOWN")
        for charger in self.site.chargers:
            charger.manner, charger.held = Manner.OBEYS, Profiles(charger.agreed.fallback_w, charger.agreed.lease)

    def trust(self) -> None:
        if self.site.flagged:
            self._command(TrustCharger(station_id=self._one(sorted(self.site.flagged)), evse_id=1))

    def cap(self) -> None:
        charger = self._one(self.site.chargers)
        self._command(SetLimit(station_id=charger.station_id, evse_id=1, limit_w=self._one((0, 5_000, 9_000, None))))

    def _command(self, command: SetLimit | TrustCharger) -> None:
        self._serial += 1
        self.site.give(CommandGiven(f"c{self._serial}", command, by="clerk", within_ms=1_000, until_real_ms=0))

    def meter_the_building(self) -> None:
        if self.site.facility.power.building is not None:
            self.site.give(LoadMetered(self._chance.randrange(12) * 10_000))

    def turn_a_clock(self) -> None:
        """A station's clock runs away, as far as it may, or is set."""
        drift_ms = self.site.drift_ms
        self._one(self.site.chargers).offset_ms = self._one((-drift_ms, drift_ms, 0, drift_ms // 2, -drift_ms // 2))
        self.site.judge()

    def change_the_budget(self) -> None:
        self._mend()
        power = self.site.facility.power
        budget_w = self._budget_w * self._one((60, 80, 100, 120)) // 100
        changed = power.model_copy(update={"budget_w": budget_w})
        self.site.configure(self.site.facility.model_copy(update={"power": changed}))

    def heal(self) -> None:
        """All is well again: whoever can charge does, everybody answers. Then the budget must be used."""
        self._mend()
        self.come_back()
        for station_id in sorted(self.site.flagged):
            self._command(TrustCharger(station_id=station_id, evse_id=1))
        for charger in self.site.chargers:
            self._command(SetLimit(station_id=charger.station_id, evse_id=1, limit_w=None))
        for _ in range(HEALING_MINUTES):
            for charger in self.site.chargers:
                if not charger.transaction_id:
                    self._start(charger)
            self.meter_the_building()
            self.site.wait(60_000)
            self.site.settle()
            self.meter_all()
            self.site.settle()
        self.site.judge_use()

    # Time.

    def wait(self) -> None:
        self.site.wait(self._one((1, 100, 1_000, 5_000, 10_000, 20_000, 40_000)))

    def wait_for_an_end(self) -> None:
        """Until about an instant at which a lease is to be renewed, may end, or surely has."""
        renew_ms, drift_ms, instants = self.site.facility.power.renew_s * 1_000, self.site.drift_ms, []
        for lease in (x for c in self.site.chargers for x in (c.agreed.lease, *c.wire)):
            if lease is not None and lease.until_ms is not None:
                instants += [lease.from_ms + renew_ms, *(lease.until_ms + sign * drift_ms for sign in (-1, 0, 1))]
        near = sorted(x + self._one((-1, 0, 1)) for x in instants if x > self.site.now_ms + 1)
        if near:
            self.site.wait(self._one(near[:4]) - self.site.now_ms)


_BAD = (Manner.IGNORES, Manner.IGNORES, Manner.FORGETS, Manner.REFUSES, Manner.NEVER_ZERO, Manner.ROUNDS)
_DECK = (
    *(Driver.look,) * 14,
    *(Driver.hear,) * 14,
    *(Driver.settle,) * 8,
    *(Driver.lose_an_answer,) * 8,
    *(Driver.connect,) * 8,
    *(Driver.come_back,) * 2,
    *(Driver.cut,) * 4,
    *(Driver.boot,) * 3,
    Driver.restart,
    Driver.rest,
    *(Driver.arrive,) * 12,
    *(Driver.leave,) * 6,
    *(Driver.meter,) * 6,
    *(Driver.meter_all,) * 6,
    *(Driver.resume,) * 2,
    *(Driver.misbehave,) * 4,
    Driver.trust,
    *(Driver.cap,) * 2,
    *(Driver.meter_the_building,) * 4,
    *(Driver.turn_a_clock,) * 5,
    *(Driver.wait,) * 8,
    *(Driver.wait_for_an_end,) * 12,
)
"""What may happen, each as often as it is likely. A changed budget is rare: it takes its time."""
