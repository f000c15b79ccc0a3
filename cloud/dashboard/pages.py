"""The live page's HTML, from templates. Everything that changes is a part with an id of its own."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cloud.dashboard.live import Picture
from cloud.dashboard.rules import chart, words
from cloud.dashboard.rules.overview import FacilityNow, Overview, Presence, Tone
from cloud.dashboard.rules.telling import tell_concerns
from shared.money import format_usd

REGION = "hq"

environment = Environment(
    loader=PackageLoader("cloud.dashboard"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.globals.update(words=words, usd=format_usd, Presence=Presence, Tone=Tone)


def render(template: str, **values: Any) -> str:
    """A whole page or a piece of one."""
    return environment.get_template(template).render(**values)


def picture(overview: Overview) -> Picture:
    """The region of headquarters: what is sent to pages."""
    parts = _parts(overview)
    return Picture(
        as_of=f"{words.clock(overview.at_ms, overview.zone)} {words.zone_name(overview.at_ms, overview.zone)}",
        shape=" ".join(f.facility_id for f in overview.facilities),
        whole=render("region.html", facilities=overview.facilities, parts=parts),
        parts=parts,
    )


def _parts(overview: Overview) -> Mapping[str, str]:
    now_ms = overview.at_ms
    parts = {
        "concerns": render("concerns.html", told=tell_concerns(overview.facilities, overview.concerns, now_ms=now_ms)),
        "totals": render("totals.html", totals=overview.totals),
        "happenings": render("happenings.html", overview=overview),
        "receipts": render("receipts.html", overview=overview),
    }
    for facility in overview.facilities:
        parts[f"{facility.facility_id}-now"] = render("facility.html", f=facility, now_ms=now_ms)
        parts[f"{facility.facility_id}-power"] = _power(facility, now_ms)
    return parts


def _power(facility: FacilityNow, now_ms: int) -> str:
    return render(
        "power.html",
        f=facility,
        title=chart.title(facility.name, facility.curve, facility.watts, facility.zone),
        chart=chart.draw(facility.curve, zone=facility.zone, now_ms=now_ms),
    )
