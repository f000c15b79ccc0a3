"""A right holds where and while it says, and a session keeps what it began under."""

import pytest

from shared.rights import Right, RightKind, Vehicle, reference


def right(facility_ids: tuple[str, ...] = (), from_ms: int = 100, until_ms: int | None = 200) -> Right:
    return Right(
        right_id="sub-1",
        kind=RightKind.SUBSCRIPTION,
        customer_id="ada",
        vehicles=(Vehicle(plate="4AB12C", is_ev=True), Vehicle(plate="7XYZ890")),
        facility_ids=facility_ids,
        from_ms=from_ms,
        until_ms=until_ms,
        covers_parking=True,
    )


@pytest.mark.parametrize(("now_ms", "holds"), [(99, False), (100, True), (199, True), (200, False)])
def test_a_right_holds_from_its_first_instant_until_just_before_its_last(now_ms: int, holds: bool) -> None:
    assert right().valid_at("boston", now_ms) is holds


def test_a_right_without_an_end_holds_until_it_is_revoked() -> None:
    assert right(until_ms=None).valid_at("boston", 2**50)


def test_a_right_without_facilities_holds_at_every_one_and_otherwise_only_at_its_own() -> None:
    assert right().valid_at("anywhere", 150)
    assert right(("boston",)).valid_at("boston", 150)
    assert not right(("boston",)).valid_at("philadelphia", 150)


def test_a_vehicle_is_found_by_its_plate() -> None:
    assert right().vehicle("4AB12C") == Vehicle(plate="4AB12C", is_ev=True)
    assert right().vehicle("UNKNOWN") is None


def test_a_session_keeps_who_pays_and_what_is_covered() -> None:
    kept = reference(right())
    assert (kept.kind, kept.right_id, kept.customer_id) == (RightKind.SUBSCRIPTION, "sub-1", "ada")
    assert (kept.covers_parking, kept.covers_charging) == (True, False)
