"""A CSMS made of the ``ocpp`` package as it comes: its ChargePoint, its routing, its validation. Prints its port."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ocpp.routing import on
from ocpp.v201 import ChargePoint, call_result
from ocpp.v201.enums import Action
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol


class _Station(ChargePoint):
    @on(Action.boot_notification)
    def booted(self, **_told: Any) -> call_result.BootNotification:
        now = datetime.now(UTC).isoformat()
        return call_result.BootNotification(current_time=now, interval=300, status="Accepted")

    @on(Action.meter_values)
    def metered(self, **_told: Any) -> call_result.MeterValues:
        return call_result.MeterValues()

    @on(Action.transaction_event)
    def transaction(self, **_told: Any) -> call_result.TransactionEvent:
        return call_result.TransactionEvent()


async def _serve(connection: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        await _Station("cs", connection).start()


async def main() -> None:
    spoken = [Subprotocol("ocpp2.0.1")]
    async with serve(_serve, "127.0.0.1", 0, subprotocols=spoken, compression=None, ping_timeout=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
