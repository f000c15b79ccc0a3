"""``easypark plan``: what sessions of the past would have got under a budget, by policy."""

from dataclasses import dataclass
from pathlib import Path

from edge.rules.policies import POLICIES
from provisioning.local.errors import SetupError
from provisioning.plan.replay import Outcome, Site, replay
from provisioning.plan.report import table, write_plot
from provisioning.plan.sessions import read


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. ``policy`` is one of the house's or ``all``; ``plot`` None: none is drawn."""

    sessions: Path
    site: Site
    policy: str
    plot: Path | None


def run(wish: Wish) -> int:
    """Replay, print the table, draw the plot. Raises SetupError when the file is not what it must be."""
    site = wish.site
    if wish.policy not in (*POLICIES, "all"):
        raise SetupError(f"no policy {wish.policy!r}; there are {', '.join(POLICIES)} and all")
    if site.chargers < 1:
        raise SetupError(f"--chargers must be at least 1, got {site.chargers}")
    sessions = read(wish.sessions)
    outcomes: dict[str, Outcome] = {
        name: replay(sessions, site, policy) for name, policy in POLICIES.items() if wish.policy in (name, "all")
    }
    print(
        f"{len(sessions)} sessions, {sum(s.energy_wh for s in sessions) / 1000:,.1f} kWh, departures "
        f"{'told' if site.departures else 'not told'}; {site.chargers} chargers of {site.rating_w / 1000:g} kW, "
        f"at least {site.minimum_w / 1000:g} kW or a pause, on {site.budget_w / 1000:g} kW"
    )
    print(table(outcomes))
    if wish.plot is not None:
        write_plot(wish.plot, outcomes, site)
        print(f"plot: {wish.plot}")
    return 0
