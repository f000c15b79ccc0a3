"""The lived time of a request: the one clock of the process, handed to routes as an argument."""

from typing import Annotated

from fastapi import Depends, Request

from shared.clock import Clock


def _now_ms(request: Request) -> int:
    clock: Clock = request.app.state.clock
    return clock.now_ms()


NowMs = Annotated[int, Depends(_now_ms)]
"""What a route asks for: the instant being lived, milliseconds UTC, one reading per request."""
