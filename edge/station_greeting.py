"""What a station is told and asked when it comes up, and what we remember of it from before."""

import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable

from edge.ocpp.capacity import Room, declared
from edge.ocpp.notes import Kind, Note
from edge.ocpp.rpc import Answered, Refused
from edge.ocpp.v201_calls import LEASE_STACK_LEVEL
from edge.ocpp.version import CallBody, Listing, Named, Registration, Version
from edge.rules.inputs import BootReported, ConnectorReported, Input
from edge.rules.orders import AskMessage
from edge.rules.station_inputs import ListRoomTold
from edge.station_calls import NoAnswer, StationAway, StationBusy
from edge.surroundings import Surroundings
from shared.clock import SECOND_MS
from shared.facilities import PowerSettings, Station

_log = logging.getLogger(__name__)
_REQUEST_ID_MAX = 2**31
LIST_LINE_BYTES = 200
"""What a token takes in a local list, at the most that we write."""
PROFILES_AN_EVSE = 2
"""A fallback and a lease."""


class Greeting:
    """Of one connection. ``held_back`` is what the station's next boot is to be answered. ``request`` calls the
    station and waits; it raises StationAway, StationBusy or NoAnswer."""

    def __init__(
        self,
        station: Station,
        version: Version,
        around: Surroundings,
        request: Callable[[CallBody], Awaitable[Answered | Refused]],
    ) -> None:
        self.held_back: Registration = "Accepted"
        self._station = station
        self._version = version
        self._around = around
        self._request = request
        self._inventoried: str | None = None
        self._firmware: str | None = None
        self._status_told: set[int] = set()

    def hear(self, given: Input) -> None:
        """What the station tells by itself need not be asked."""
        if isinstance(given, ConnectorReported):
            self._status_told.add(given.evse_id)
        elif isinstance(given, BootReported):
            self._firmware = given.firmware

    async def recall(self) -> None:
        """Look up whether the station is held back, and at which firmware it was asked what it is made of. What cannot
        be read stays as it was."""
        station_id, book = self._station.station_id, self._around.book
        try:
            self.held_back = await book.registration(station_id)
            asked = await book.note(station_id, Kind.INVENTORY)
            self._inventoried = None if asked is None else str(asked.body["firmware"])
        except sqlite3.Error as error:
            _log.warning("what a station told cannot be read", extra=self._about(problem=str(error)))

    async def run(self) -> None:
        """Tell the station how to meter, and when transactions begin and end; then ask it for what is not known. It may
        refuse each: then it goes on as it is set, and the rules take what comes."""
        with contextlib.suppress(StationAway, StationBusy):
            for body in self._settings():
                if not await self._ask(body):
                    return
            for body in self._questions():
                if not await self._ask(body):
                    return
            if await self._take_inventory():
                await self._take_bounds()

    async def _ask(self, body: CallBody) -> bool:
        """False without an answer: each unanswered call holds up the limits behind it, so no other is tried."""
        try:
            told = await self._request(body)
        except NoAnswer as error:
            _log.warning("station did not answer", extra=self._about(problem=str(error)))
            return False
        _log.debug("station answered", extra=self._about(told=told))
        return True

    def _settings(self) -> tuple[CallBody, ...]:
        facility = self._around.knowledge().facility
        power = facility.power if facility is not None else PowerSettings()
        return self._version.settings_calls(self._station, power)

    def _questions(self) -> list[CallBody]:
        """The status of EVSEs that said none since the station connected."""
        silent = [x.evse_id for x in self._station.evses if x.evse_id not in self._status_told]
        asked = [self._version.order_call(AskMessage("StatusNotification", evse_id)) for evse_id in silent]
        return [body for body in asked if body is not None]

    async def _take_inventory(self) -> bool:
        """Ask the station what it is made of, once for each firmware: one that chokes on its own report, or sends it in
        a frame that is too long, must not lose its connection over it for ever. False without an answer."""
        now_ms = self._around.clock.now_ms()
        if self._inventoried is not None and self._firmware in (None, self._inventoried):
            return True
        asked = Note(Kind.INVENTORY, "", {"firmware": self._firmware or ""})
        try:
            await self._around.book.keep(self._station.station_id, [asked], now_ms)
        except sqlite3.Error as error:
            _log.warning("a station is not asked what it is made of", extra=self._about(problem=str(error)))
            return True
        return await self._ask(self._version.inventory_call(now_ms // SECOND_MS % _REQUEST_ID_MAX))

    async def _take_bounds(self) -> None:
        """Let the rules know how long a local list this station takes, and people how many profiles are too few."""
        bounds, question = self._version.bounds, self._version.bounds_question()
        known = question is None or (await self.room(self._version.listings[question.action])).items_max is not None
        if question is not None and not known and not await self._ask(question):
            return
        per_message = await self.room(Listing("", bounds.list_items, bounds.list_octets))
        in_all = await self._declared(bounds.list_entries)
        items = [per_message.items_max, per_message.bytes_max and per_message.bytes_max // LIST_LINE_BYTES]
        most = min((max(1, x) for x in items if x is not None), default=None)
        if most is not None or in_all is not None:
            await self._around.submit(ListRoomTold(self._station.station_id, most, in_all))
        await self._warn_of_too_few_profiles()

    async def _warn_of_too_few_profiles(self) -> None:
        """It holds to its fallbacks as far as it takes them; leases may be refused."""
        bounds, needed = self._version.bounds, PROFILES_AN_EVSE * len(self._station.evses)
        level, kept = await self._declared((bounds.stack_level, "")), await self._declared(bounds.profiles)
        if level is not None and level < LEASE_STACK_LEVEL:
            _log.warning(
                "a station has too few stack levels", extra=self._about(highest=level, needed=LEASE_STACK_LEVEL)
            )
        if kept is not None and kept < needed:
            _log.warning("a station keeps too few charging profiles", extra=self._about(kept=kept, needed=needed))

    async def room(self, listing: Listing) -> Room:
        """How much the station declared to take at once of what a call lists."""
        octets = await self._declared((listing.octets, "")) if listing.octets else None
        return Room(await self._declared((listing.items, "")) or None, octets or None)

    async def _declared(self, named: Named) -> int | None:
        """A number of the station's device model, as told last; None when it is not known or cannot be read."""
        name, characteristic = named
        try:
            kept = await self._around.book.note(self._station.station_id, Kind.VARIABLE, name)
        except sqlite3.Error as error:
            _log.warning("what a station told cannot be read", extra=self._about(problem=str(error)))
            return None
        return None if kept is None else declared(kept.body, characteristic)

    def _about(self, **more: object) -> dict[str, object]:
        return {"station_id": self._station.station_id, **more}
