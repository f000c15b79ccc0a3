"""Whether this box is well, for its supervisor. Needs no token."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from edge.api.inside import Inside, InsideDep

router = APIRouter()


@router.get("/health")
async def health(inside: InsideDep) -> JSONResponse:
    """200 while every part runs, else 503. A cloud that is away is no ill health: the facility works alone."""
    body = told(inside)
    return JSONResponse(body, 200 if body["healthy"] else 503)


def told(inside: Inside) -> dict[str, Any]:
    """Whether the box is well, and what is wrong if it is not."""
    parts = inside.parts()
    link = inside.link.view()
    commits_ms = sorted(1_000 * s for s in inside.runtime.commits_real_s)
    return {
        "facility_id": inside.facility_id,
        "healthy": not any(parts.values()),
        "parts": {name: problem or "running" for name, problem in parts.items()},
        "cloud": "refuses this box" if link.refused else "connected" if link.connected else "away",
        "cloud_problem": link.problem,
        "inputs_waiting": inside.runtime.waiting,
        "commit_ms": {f"p{q}": round(_quantile(commits_ms, q), 3) for q in (50, 99)},
        "unread_decisions": inside.store.unread_decisions(),
    }


def _quantile(ascending: list[float], percent: int) -> float:
    return ascending[min(len(ascending) - 1, len(ascending) * percent // 100)] if ascending else 0.0
