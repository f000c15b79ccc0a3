"""What a station is told and asked when it comes up, and what we remember of it from before."""

import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable

from edge.ocpp.notes import Kind, Note
from edge.ocpp.rpc import Answered, Refused
from edge.ocpp.version import CallBody, Registration, Version
from edge.rules.inputs import BootReported, ConnectorReported, Input
from edge.rules.orders import AskMessage
from edge.station_calls import NoAnswer, StationAway, StationBusy
from edge.surroundings import Surroundings
from shared.clock import SECOND_MS
from shared.facilities import PowerSettings, Station

_log = logging.getLogger(__name__)
_REQUEST_ID_MAX = 2**31


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
            await self._take_inventory()

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

    async def _take_inventory(self) -> None:
        """Ask the station what it is made of, once for each firmware: one that chokes on its own report, or sends it in
        a frame that is too long, must not lose its connection over it for ever."""
        now_ms = self._around.clock.now_ms()
        body = self._version.inventory_call(now_ms // SECOND_MS % _REQUEST_ID_MAX)
        known = self._inventoried is not None and self._firmware in (None, self._inventoried)
        if body is None or known:
            return
        asked = Note(Kind.INVENTORY, "", {"firmware": self._firmware or ""})
        try:
            await self._around.book.keep(self._station.station_id, [asked], now_ms)
        except sqlite3.Error as error:
            _log.warning("a station is not asked what it is made of", extra=self._about(problem=str(error)))
            return
        await self._ask(body)

    def _about(self, **more: object) -> dict[str, object]:
        return {"station_id": self._station.station_id, **more}
