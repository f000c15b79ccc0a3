"""The parts beside the lanes: stations, link, commands, API, upkeep of the file. Built once the lanes work, because
what they import takes longer than the lanes' whole start.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from edge import api, schemas, standings
from edge.commands import Commands
from edge.diagnostics.collector import Diagnostics
from edge.diagnostics.recent import RecentLines
from edge.lanes import Lanes
from edge.link import Link, LinkSettings
from edge.part import Part
from edge.retention import Retention
from edge.rules import signatures, station_quarantine
from edge.rules.gathering import GatherDiagnostics
from edge.rules.inputs import CommandSettled, LimitSetpoint, Matches, OrderSetpoint
from edge.station_book import StationBook
from edge.station_entrances import entrances
from edge.station_renewal import Certificates
from edge.station_secrets import StationSecrets
from edge.stations import StationServer, Transport
from edge.store import Store
from edge.upkeep import Upkeep


def prepare() -> None:
    """What takes long and touches nothing, for a thread. Raises SchemaSetError."""
    schemas.v201_dialect()
    schemas.v16_dialect()


class Outside:
    """Builds every part once; ``live`` keeps them alive. The constructor raises what a part's own does."""

    def __init__(self, lanes: Lanes) -> None:
        runtime, store, config, clock = lanes.runtime, lanes.store, lanes.config, lanes.clock
        link = Link(
            LinkSettings(config.facility_id, config.broker_url, lanes.version), store, clock, learn=runtime.learn
        )
        link.packer.site_at_work = lambda: runtime.at_work
        link.on_outrun = lambda: lanes.end("the data folder is an older copy, a new log begins at the next start")
        self._book = StationBook(config.data_dir)
        certificates = Certificates(config.data_dir, config.facility_id, clock)
        stations = StationServer(
            submit=runtime.submit,
            knowledge=lambda: runtime.knowledge,
            clock=clock,
            matches_for_token=_looked_up(store),
            transport=_transport(lanes, self._book, certificates),
        )
        commands = Commands(clock, submit=runtime.submit, taken=lambda: runtime.state.commands)
        commands.respond, link.on_request = link.respond, commands.heard
        commits = api.commit_times()
        self._lanes = lanes
        self._upkeep = Upkeep(config, store, clock)
        retention = Retention(store, clock, config.retention, acked=lambda: link.view().acked)
        inside = api.Inside(
            facility_id=config.facility_id,
            clock=clock,
            runtime=runtime,
            store=store,
            link=link,
            bearers=lanes.bearers,
            parts=self.problems,
            commands=commands,
            commits=commits,
            data_dir=config.data_dir,
            stations=stations,
        )
        app = api.build(inside)
        self._recent = RecentLines()
        self._parts = (
            Part("stations", lambda: stations.serve(*entrances(config.ocpp, certificates))),
            Part("certificates", lambda: certificates.run(stations)),
            Part("link", link.run),
            Part("standings", lambda: standings.keep(runtime)),
            Part("retention", retention.run),
            Part("upkeep", self._upkeep.run),
            Part("api", lambda: api.serve(app, config.api.host, config.api.port)),
        )
        self._attach(inside)
        self._be_diagnosed(inside)

    def _attach(self, inside: api.Inside) -> None:
        """Let the runtime's commits and setpoints reach the parts."""
        runtime = inside.runtime
        runtime.on_appended = inside.link.stir
        runtime.on_commit = inside.commits.observe
        runtime.on_setpoint(LimitSetpoint, inside.stations.send_limit)
        runtime.on_setpoint(OrderSetpoint, inside.stations.send_order)
        runtime.on_setpoint(CommandSettled, inside.commands.settled)

    def _be_diagnosed(self, inside: api.Inside) -> None:
        """Keep the newest log lines, and gather them with what else tells how the box is when that is asked for."""
        logging.getLogger().addHandler(self._recent)
        told = {**api.readings(inside), "log.jsonl": lambda: [*self._recent.lines]}
        diagnostics = Diagnostics(self._lanes.config, inside.clock, told, submit=inside.runtime.submit)
        inside.commands.on_reading = diagnostics.piece
        inside.runtime.on_setpoint(GatherDiagnostics, diagnostics.gather)

    async def live(self) -> None:
        """Keep every part alive until cancelled."""
        async with asyncio.TaskGroup() as group:
            for part in self._parts:
                group.create_task(part.keep_alive(), name=part.name)

    def close(self) -> None:
        """Let go of what stations told, and of the log."""
        logging.getLogger().removeHandler(self._recent)
        self._book.close()

    def problems(self) -> dict[str, str | None]:
        """Each part, the disk, the last copy and the building's meter, with what is wrong; None where nothing is."""
        found = {part.name: part.problem for part in self._parts}
        found["upkeep"] = found["upkeep"] or self._upkeep.problem
        return {**found, "disk": self._lanes.runtime.stalled, **self._lanes.problems()}


def _transport(lanes: Lanes, book: StationBook, certificates: Certificates) -> Transport:
    runtime, clock = lanes.runtime, lanes.clock
    return Transport(
        book=book,
        secrets=StationSecrets(lanes.config.data_dir),
        signer=certificates,
        quarantined_until=lambda name: station_quarantine.until(runtime.state, name, clock.now_ms()),
        untimed=lambda name: name in runtime.state.stations and runtime.state.stations[name].untimed,
        meter_keys=lambda name: signatures.seen_keys(runtime.state, name),
    )


def _looked_up(store: Store) -> Callable[[str], Awaitable[Matches]]:
    async def matches_for_token(token: str) -> Matches:
        return store.matches_for_token(token)

    return matches_for_token
