"""A broker for the boxes of some facilities, and headquarters' API with a connection to it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from provisioning.local.broker import Broker
from tests.cloud.link.boxes_kit import PLACES, SITE_ID
from tests.cloud.serving import Api, serving
from tests.waiting import until


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Of each test file its own: a broker remembers who was there."""
    with Broker(tmp_path_factory.mktemp("broker"), facility_ids=("here", "there", SITE_ID, *PLACES)) as broker:
        yield broker


@pytest.fixture
async def hq(database_url: str, broker: Broker) -> AsyncIterator[Api]:
    """The whole HTTP application, with boxes in its reach."""
    async with serving(database_url, broker.url()) as api:
        await until(lambda: api.app.state.desk.connected)
        yield api
