"""The law of the schemas: all of OCPP 2.0.1 is there at start, or the daemon says what is missing."""

import pytest
from jsonschema import Draft6Validator
from ocpp.v201.enums import Action

from edge import schemas
from edge.ocpp.rpc import ErrorCode
from edge.schemas import SchemaSetError, v201_dialect
from tests.edge.ocpp.samples import least, schema


def test_every_action_has_a_request_and_a_response() -> None:
    dialect = v201_dialect()
    assert set(dialect.requests) == set(dialect.responses) == {str(action) for action in Action}
    assert len(dialect.requests) == 64
    assert len(dialect.from_station) == 25


@pytest.mark.parametrize("action", list(Action))
def test_compiled_schemas_judge_as_the_packages_own_do(action: str) -> None:
    """The reference implementation of JSON Schema agrees on a good payload, an unknown field and each missing one."""
    for kind, judge in (("Request", v201_dialect().requests[action]), ("Response", v201_dialect().responses[action])):
        root = schema(f"{action}{kind}")
        good = least(root, root)
        missing = [{k: v for k, v in good.items() if k != gone} for gone in good]
        for payload in (good, {**good, "noSuchField": 1}, *missing, [], None):
            assert (judge(payload) is None) == Draft6Validator(root).is_valid(payload)


def test_a_problem_says_where_and_what_but_not_the_value() -> None:
    payload = {"reason": "PowerUp", "chargingStation": {"model": 4711, "vendorName": "V"}}
    problem = v201_dialect().requests["BootNotification"](payload)
    assert problem is not None
    assert problem.code is ErrorCode.TYPE_CONSTRAINT_VIOLATION
    assert problem.description == 'chargingStation/model: the value is not of type "string"'
    assert problem.details == {"at": "chargingStation/model", "rule": "type"}


def test_a_package_without_a_schema_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "Action", [*[*Action][:-1], "NoSuchAction"])
    with pytest.raises(SchemaSetError, match="NoSuchActionRequest"):
        v201_dialect.__wrapped__()


def test_a_package_with_fewer_actions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "Action", [*Action][:-1])
    with pytest.raises(SchemaSetError, match="63 actions"):
        v201_dialect.__wrapped__()
