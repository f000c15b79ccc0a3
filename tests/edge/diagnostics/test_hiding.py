"""What leaves the box tells of nobody and opens nothing."""

from edge.diagnostics.hiding import Hider
from shared.events import CommandTaken, EntryRefused, VehicleEntered
from tests.builders import facility


def hide(value: object) -> object:
    hider = Hider()
    hider.learn(value)
    return hider.hide(value)


def test_plates_tokens_and_who_they_belong_to_are_hidden_wherever_they_stand() -> None:
    entered = VehicleEntered(
        session_id="log-a-7",
        lane_id="in-1",
        plate="4AB12C",
        right={"kind": "ACCOUNT", "customer_id": "customer-ann", "right_id": "r-1"},  # type: ignore[arg-type]
        space_id="ev-1",
        space_kind="EV",  # type: ignore[arg-type]
    )
    told = hide(
        [
            entered.model_dump(mode="json"),
            EntryRefused(lane_id="in-1", plate="9ZZ999", reason="no right").model_dump(mode="json"),
            CommandTaken(command_id="c-1", by="hq ann", command={"id_token": "TOKEN-ann"}).model_dump(mode="json"),
            {"msg": "car 4AB12C at ev-1 shows TOKEN-ann, not 9ZZ999", "tokens": ["A1B2C3"]},
        ]
    )
    text = str(told)
    for private in ("4AB12C", "9ZZ999", "customer-ann", "TOKEN-ann", "hq ann", "A1B2C3"):
        assert private not in text
    assert all(public in text for public in ("log-a-7", "in-1", "ev-1", "no right"))


def test_passwords_their_hashes_and_logins_in_addresses_are_hidden() -> None:
    text = str(hide({"facility": facility(11_000).model_dump(mode="json"), "broker_url": "mqtt://here:pass@host:1"}))
    (station,) = facility(11_000).stations
    assert station.password_sha256 not in text
    assert "here:pass" not in text
    assert "mqtt://***@host:1" in text
    frame = '[2,"1","SetVariables",{"component":"BasicAuthPassword","attributeValue":"open sesame"}]'
    assert "open sesame" not in str(hide({"msg": frame}))


def test_of_a_station_password_no_variable_value_is_left_in_its_record() -> None:
    order = {"type": "StationOrdered", "details": {"key": "AuthorizationKey", "value": "open sesame"}}
    assert "open sesame" not in str(Hider().record(order))
    other = {"details": {"key": "HeartbeatInterval", "value": "300"}}
    assert Hider().record(other) == other


def test_numbers_and_what_is_empty_tell_of_nobody() -> None:
    assert hide({"plate": "", "tokens": [], "token": None, "lines": 3}) == {
        "plate": "",
        "tokens": [],
        "token": None,
        "lines": 3,
    }


def test_a_short_value_is_hidden_where_it_stands_and_spoils_nothing_else() -> None:
    assert hide({"plate": "EV", "msg": "EV space 3"}) == {"plate": "***", "msg": "EV space 3"}


def test_a_value_that_names_an_entry_is_hidden_too() -> None:
    assert hide([{"plate": "4AB12C"}, {"4AB12C": "log-a-7"}]) == [{"plate": "***"}, {"***": "log-a-7"}]
