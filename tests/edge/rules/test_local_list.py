"""The lists by which stations let cars charge while the link is down."""

from edge.rules.inputs import BootReported, Matches, OrderReplied, OrderSetpoint, StationOpened
from edge.rules.knowledge import StandingSeen
from edge.rules.local_list import CHUNK
from edge.rules.orders import LocalToken, SendLocalList
from edge.rules.station_inputs import ListRoomTold
from shared.events import LocalListBounded
from shared.rights import Right
from tests.builders import facility, right
from tests.edge.rules.site import Site

ZOE = right("zoe", "ZOESCAR")
ANN, BOB = right("ann", "ANNSCAR", group_id="family"), right("bob", "BOBSCAR")


def lists(site: Site) -> list[OrderSetpoint]:
    return [s for s in site.setpoints if isinstance(s, OrderSetpoint) and isinstance(s.order, SendLocalList)]


def tell(site: Site, outcome: str = "ACCEPTED") -> None:
    """The station's word to the newest list."""
    newest = lists(site)[-1]
    site.give(OrderReplied(newest.order_id, newest.station_id, outcome))  # type: ignore[arg-type]


def enter(site: Site, holder: Right) -> None:
    plate = holder.vehicles[0].plate
    site.drive_through("in-1", plate, holder)
    site.give(StandingSeen(plate, Matches(rights=(holder,))))


def with_list() -> Site:
    """A station that has taken the list with Zoe's token."""
    site = Site(facility(11_000, regular=100))
    site.connect("cs-1")
    enter(site, ZOE)
    tell(site)
    return site


def test_a_station_begins_with_a_whole_list_so_that_what_it_had_before_is_gone():
    site = with_list()
    assert [s.order for s in lists(site)] == [SendLocalList(1, (LocalToken("TOKEN-zoe"),), full=True)]


def test_a_station_without_a_list_is_sent_none_while_there_is_nobody_to_list():
    site = Site(facility(11_000))
    site.connect("cs-1")
    site.wait(3600)
    assert lists(site) == []


def test_a_station_that_has_not_confirmed_its_fallback_gets_none():
    site = Site(facility(11_000))
    site.give(StationOpened("cs-1", "2.0.1"))
    enter(site, ANN)
    site.wait(3600)
    assert lists(site) == []


def test_tokens_of_cars_that_came_in_follow_together_after_a_while():
    site = with_list()
    enter(site, ANN)
    enter(site, BOB)
    site.wait(59)
    assert len(lists(site)) == 1
    site.wait(1)
    tokens = (LocalToken("TOKEN-ann", group_id="family"), LocalToken("TOKEN-bob"))
    assert lists(site)[-1].order == SendLocalList(2, tokens, full=False)


def test_the_token_of_a_car_that_left_is_taken_off():
    site = with_list()
    enter(site, ANN)
    site.wait(60)
    tell(site)
    site.drive_through("out-1", "ANNSCAR")
    site.wait(60)
    assert lists(site)[-1].order == SendLocalList(3, (), full=False, removed=("TOKEN-ann",))


def test_nothing_is_sent_when_nothing_changed():
    site = with_list()
    site.wait(3600)
    assert len(lists(site)) == 1


def test_a_list_that_was_refused_or_not_answered_is_sent_whole_after_a_while():
    site = with_list()
    enter(site, ANN)
    site.wait(60)
    tell(site, "REJECTED")
    site.wait(599)
    assert len(lists(site)) == 2
    site.wait(1)
    assert lists(site)[-1].order == SendLocalList(
        3, (LocalToken("TOKEN-zoe"), LocalToken("TOKEN-ann", group_id="family")), full=True
    )


def test_a_station_that_keeps_no_list_is_left_alone_until_it_boots():
    site = Site(facility(11_000))
    site.connect("cs-1")
    enter(site, ZOE)
    tell(site, "UNSUPPORTED")
    site.wait(7200)
    assert len(lists(site)) == 1
    site.give(BootReported("cs-1", "V", "M", "2", "FirmwareUpdate"))
    assert len(lists(site)) == 2


def test_no_message_and_no_list_is_longer_than_the_station_says_it_takes():
    site = with_list()
    site.give(ListRoomTold("cs-1", per_message=2, in_all=4))
    for i in range(5):
        enter(site, right(f"n{i}", f"CAR{i}"))
    for _ in range(3):
        site.wait(60)
        tell(site)
    assert [len(s.order.tokens) for s in lists(site)] == [1, 2, 1]
    site.drive_through("out-1", "ZOESCAR")
    site.wait(60)
    assert lists(site)[-1].order == SendLocalList(4, (LocalToken("TOKEN-n3"),), full=False, removed=("TOKEN-zoe",))


def test_a_list_that_was_refused_goes_at_once_when_it_shows_that_it_was_too_long():
    site = Site(facility(11_000, regular=100))
    site.connect("cs-1")
    for holder in (ZOE, ANN, BOB):
        enter(site, holder)
    tell(site)
    site.wait(60)
    tell(site, "REJECTED")
    site.give(ListRoomTold("cs-1", per_message=2, in_all=None))
    assert [len(s.order.tokens) for s in lists(site)] == [1, 2, 2]
    site.give(ListRoomTold("cs-1", per_message=2, in_all=None))
    assert len(site.of(LocalListBounded)) == 1


def test_many_tokens_go_in_several_messages():
    site = with_list()
    for i in range(CHUNK + 10):
        enter(site, right(f"n{i}", f"CAR{i}"))
    for _ in range(3):
        site.wait(60)
        tell(site)
    assert [len(s.order.tokens) for s in lists(site)] == [1, CHUNK, 10]
