"""When a version of a tariff may be published."""

from cloud.tariffs.rules import refusal
from tests import builders

PARKING, _ = builders.tariffs()
SECOND = PARKING.model_copy(update={"version": 2})


def test_a_first_version_and_every_higher_one_may_be_published() -> None:
    assert refusal(PARKING, known=None, latest_version=0) is None
    assert refusal(SECOND, known=None, latest_version=1) is None
    assert refusal(PARKING.model_copy(update={"version": 9}), known=None, latest_version=1) is None


def test_the_same_again_is_fine() -> None:
    assert refusal(PARKING, known=PARKING, latest_version=3) is None


def test_a_published_version_is_never_changed() -> None:
    other = PARKING.model_copy(update={"effective_from_ms": 5})
    why_not = refusal(other, known=PARKING, latest_version=3)
    assert why_not is not None
    assert "publish version 4" in why_not


def test_versions_only_go_up() -> None:
    why_not = refusal(SECOND, known=None, latest_version=5)
    assert why_not is not None
    assert "publish version 6" in why_not
