"""The jobs of billing by name, for a worker to run."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.billing.ledger import PAY_CHARGE
from cloud.billing.payments import Cashier
from cloud.billing.refunding import GIVE_REFUND, Refunder
from cloud.gateway import Gateway
from cloud.jobs import Task
from shared.clock import Clock


def tasks(engine: AsyncEngine, gateway: Gateway, clock: Clock) -> Mapping[str, Task]:
    """Each runs at least once and does its work once."""
    return {
        PAY_CHARGE: Cashier(engine, gateway, clock).pay_charge,
        GIVE_REFUND: Refunder(engine, gateway, clock).give_refund,
    }
