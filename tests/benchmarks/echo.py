"""A bare ``websockets`` server that sends every frame back, set up as the station server is; prints its port."""

import asyncio

from websockets.asyncio.server import ServerConnection, serve


async def _echo(connection: ServerConnection) -> None:
    async for frame in connection:
        await connection.send(frame)


async def main() -> None:
    async with serve(_echo, "127.0.0.1", 0, compression=None, ping_timeout=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
