"""The processes are told what they need, and nothing of the caller's own accounts."""

from pathlib import Path

import pytest

from cloud.billing import api, webhooks
from provisioning.demo.places import Ports, Secrets
from provisioning.demo.programs import WEBHOOK_EVENTS, WEBHOOK_PATH, Addresses, Programs
from provisioning.local.processes import Child

PORTS = Ports(page=4, api=1, stripe=2, mail=3, ocpp={}, edge_api={})
SECRETS = Secrets(jwt_file=Path("jwt"), jwt="j", stripe_key="sk_test_drawn", webhook="whsec_drawn", edge_tokens={})


def test_every_event_that_billing_acts_on_is_sent_to_where_it_listens() -> None:
    assert set(WEBHOOK_EVENTS) == {webhooks.SETUP_SUCCEEDED, *webhooks._HANDLERS}
    assert WEBHOOK_PATH in {route.path for route in api.router.routes}  # type: ignore[attr-defined]


def test_who_runs_it_is_told_which_events_to_tick_and_where_to_have_them_sent() -> None:
    page = (Path(__file__).parents[3] / "docs" / "running.md").read_text()
    assert [name for name in (*WEBHOOK_EVENTS, WEBHOOK_PATH) if f"`{name}`" not in page] == []


def environment(child: Child) -> dict[str, str]:
    return dict(child._environment or {})


def test_a_real_account_of_the_caller_never_reaches_a_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_theirs")
    monkeypatch.setenv("EASYPARK_DATABASE_URL", "postgresql://production/")
    monkeypatch.setenv("EASYPARK_LINK_SHARDS", "07")
    programs = Programs(logs=tmp_path, timeline="0.0,0,1.0", ports=PORTS, secrets=SECRETS)
    worker = environment(programs.cloud("worker", Addresses("postgresql://here/", "mqtt://here")).child)
    assert worker["STRIPE_API_KEY"] == "sk_test_drawn"
    assert worker["EASYPARK_STRIPE_API_BASE"] == "http://127.0.0.1:2"
    assert worker["EASYPARK_DATABASE_URL"] == "postgresql://here/"
    assert worker["EASYPARK_TIMELINE"] == "0.0,0,1.0"
    assert "EASYPARK_LINK_SHARDS" not in worker
    world = environment(programs.world(tmp_path / "world.json").child)
    assert not [name for name in world if name.startswith("STRIPE_")]


def test_only_the_cloud_can_be_pulled_of_them(tmp_path: Path) -> None:
    programs = Programs(logs=tmp_path, timeline="", ports=PORTS, secrets=SECRETS)
    addresses = Addresses("", "")
    parts = {programs.cloud(process, addresses).part for process in ("api", "link", "worker")}
    assert parts == {"cloud"}
    assert programs.stripe(tmp_path).part is None
    assert programs.mailbox(tmp_path).part is None
