"""What may be subscribed to, and the right it gives."""

import pytest

from cloud.subscriptions.rules import Plan, Subscription, refusal, terms
from shared.rights import RightKind

PLAN = Plan("monthly", "Monthly parking", covers_parking=True, covers_charging=False, facility_ids=("boston",))


@pytest.mark.parametrize(
    ("plan", "from_ms", "until_ms", "refused"),
    [
        (PLAN, 100, None, None),
        (PLAN, 100, 200, None),
        (PLAN, 0, 101, None),
        (PLAN, 200, 300, None),
        (PLAN, 200, 200, "a subscription must end after it begins"),
        (PLAN, 0, 100, "a subscription must not be over already"),
        (Plan("old", "Old", True, False, on_sale=False), 100, None, "plan old is not on sale"),
    ],
)
def test_a_pass_is_for_a_plan_on_sale_and_for_time_to_come(
    plan: Plan, from_ms: int, until_ms: int | None, refused: str | None
) -> None:
    assert refusal(plan, from_ms=from_ms, until_ms=until_ms, now_ms=100) == refused


def test_a_pass_gives_what_its_plan_covers_where_the_plan_holds() -> None:
    given = terms(Subscription("0a", "ada", "monthly", from_ms=1, until_ms=2, created_ms=1), PLAN)
    assert (given.right_id, given.kind, given.customer_id) == ("sub-0a", RightKind.SUBSCRIPTION, "ada")
    assert (given.from_ms, given.until_ms, given.facility_ids) == (1, 2, ("boston",))
    assert (given.covers_parking, given.covers_charging) == (True, False)
