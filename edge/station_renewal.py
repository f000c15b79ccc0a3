"""New passwords and new certificates for stations, given from here (OCPP 2.0.1 A01 and A02, 1.6 whitepaper)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from edge.certificates import CsrError, SiteAuthority
from edge.ocpp.rpc import Answered, Payload, Refused
from edge.ocpp.version import CallBody, LimitOutcome, Version
from edge.station_calls import NoAnswer, StationAway, StationBusy
from edge.station_secrets import StationSecrets
from shared.clock import DAY_MS, Clock
from shared.facilities import Station

RENEW_BEFORE_MS = 30 * DAY_MS
LOOK_EVERY_REAL_S = 3_600.0
WAITING_MAX = 256
_log = logging.getLogger(__name__)


class Reachable(Protocol):
    """What is needed of the station server."""

    async def call(self, station_id: str, action: str, payload: Payload) -> Answered | Refused: ...

    def version_of(self, station_id: str) -> Version | None: ...

    def certificates(self) -> dict[str, int]: ...


async def renew_password(stations: Reachable, secrets: StationSecrets, station: Station) -> LimitOutcome:
    """Give a station a new password. It counts before it is sent: whatever becomes of the answer, the station can come
    back. Raises StationAway or StationBusy (nothing was sent), and OSError when it could not be written down."""
    version = stations.version_of(station.station_id)
    if version is None:
        raise StationAway(f"{station.station_id} is not connected")
    body = version.password_call(await asyncio.to_thread(secrets.draw, station))
    try:
        became = version.password_outcome(await stations.call(station.station_id, body.action, body.payload))
    except NoAnswer as error:
        return LimitOutcome("UNKNOWN", str(error))
    except (StationAway, StationBusy):
        secrets.withdraw(station)
        raise
    if became.outcome == "REJECTED":
        secrets.withdraw(station)
    return became


class Certificates:
    """Signs what stations ask for, and makes them ask in good time. The authority is made when it is first needed."""

    def __init__(self, folder: Path, name: str, clock: Clock) -> None:
        self._folder, self._name, self._clock = folder, name, clock
        self._authority: SiteAuthority | None = None
        self._asked: asyncio.Queue[tuple[str, Payload]] = asyncio.Queue(WAITING_MAX)

    def authority(self) -> SiteAuthority:
        """Raises what its constructor does."""
        if self._authority is None:
            self._authority = SiteAuthority(self._folder, self._name, self._clock.now_ms())
        return self._authority

    def problem(self, station_id: str, payload: Payload) -> str | None:
        """Why a SignCertificate will not lead to a certificate; None when it will."""
        if self._asked.full():
            return "too many requests wait"
        try:
            return self.authority().problem(station_id, str(payload["csr"]))
        except (OSError, ValueError) as error:
            return f"the site's certificate authority cannot be used: {error}"

    def sign(self, station_id: str, payload: Payload) -> None:
        """Sign as soon as ``run`` comes to it; what ``problem`` has nothing against."""
        if not self._asked.full():
            self._asked.put_nowait((station_id, payload))

    async def run(self, stations: Reachable) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look(stations))
            while True:
                station_id, payload = await self._asked.get()
                group.create_task(self._hand_over(stations, station_id, payload))

    async def _hand_over(self, stations: Reachable, station_id: str, payload: Payload) -> None:
        version = stations.version_of(station_id)
        if version is None:
            return
        try:
            chain = self.authority().sign(station_id, str(payload["csr"]), self._clock.now_ms())
        except (CsrError, OSError, ValueError) as error:
            _log.warning("a certificate was not signed", extra={"station_id": station_id, "problem": str(error)})
            return
        await _tell(stations.call, station_id, version.certificate_call(chain))

    async def _look(self, stations: Reachable) -> None:
        """Ask stations whose certificate ends within a month to draw a new one."""
        while True:
            soon_ms = self._clock.now_ms() + RENEW_BEFORE_MS
            for station_id, ends_ms in stations.certificates().items():
                version = stations.version_of(station_id)
                if version is not None and ends_ms < soon_ms:
                    await _tell(stations.call, station_id, version.certificate_wanted)
            await asyncio.sleep(LOOK_EVERY_REAL_S)


async def _tell(
    call: Callable[[str, str, Payload], Awaitable[Answered | Refused]], station_id: str, body: CallBody
) -> None:
    try:
        told = await call(station_id, body.action, body.payload)
    except (StationAway, StationBusy, NoAnswer) as error:
        _log.warning("a station could not be asked", extra={"station_id": station_id, "problem": str(error)})
        return
    _log.info("station answered", extra={"station_id": station_id, "action": body.action, "told": str(told)[:200]})
