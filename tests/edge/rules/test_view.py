"""The facility as people see it."""

import copy

from edge.rules.inputs import Knowledge, Matches
from edge.rules.view import view
from tests.builders import NINE_MS, facility, right
from tests.edge.rules.site import Site


def test_nothing_is_shown_before_headquarters_has_configured_the_facility():
    assert view(Site(facility()).state, Knowledge(), NINE_MS) is None


def test_it_counts_free_spaces_and_shows_who_charges_where():
    site = Site(facility(11_000))
    site.connect("cs-1")
    ann = right("ann", "ANNSCAR")
    site.drive_through("in-1", "ANNSCAR", ann)
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=Matches(rights=(ann,)))
    site.transaction("cs-1", "Updated", 1, power_w=7_000, soc_pct=40)
    shown = view(site.state, site.knowledge, site.now_ms)
    assert [(s.kind, s.free, s.total) for s in shown.spaces] == [("REGULAR", 3, 3), ("EV", 0, 1)]
    [charger] = shown.chargers
    assert (charger.plate, charger.drawn_w, charger.limit_w, charger.soc_pct) == ("ANNSCAR", 7_000, 11_000, 40)
    assert (shown.drawn_w, shown.worst_case_w, shown.budget_w) == (7_000, 11_000, 400_000)


def test_looking_changes_nothing():
    site = Site(facility(11_000))
    before = copy.deepcopy(site.state)
    view(site.state, site.knowledge, site.now_ms)
    assert site.state == before
