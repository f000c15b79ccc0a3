"""Customers over HTTP. A customer sees and changes what is theirs, staff what is anybody's.

Signing in is not here: a token comes from elsewhere, and a customer's token names their id as its subject.
"""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from cloud.auth import STAFF, Caller, Role, require
from cloud.customers import accounts, blocks, cards, store
from cloud.customers.inputs import EMAIL, ID_TOKEN, NO_CONTROLS, CustomerId, TypedPlate
from cloud.customers.rules import Customer
from cloud.db import Connection
from cloud.lived import NowMs
from cloud.problems import Problem, not_found
from shared.facilities import ConnectorType, Size
from shared.ids import Id
from shared.rights import Vehicle

router = APIRouter(prefix="/api/v1")
router.include_router(cards.router)
router.include_router(blocks.router)

_customers = APIRouter(prefix="/customers", tags=["customers"])


class NewCustomer(BaseModel):
    name: str = Field(min_length=1, max_length=200, pattern=NO_CONTROLS)
    email: str = Field(max_length=254, pattern=EMAIL)


class NewVehicle(BaseModel):
    plate: TypedPlate
    is_ev: bool = False
    size: Size = Size.STANDARD
    connector: ConnectorType | None = None


class NewToken(BaseModel):
    """An RFID card or tag, as the station reads it."""

    token: str = Field(pattern=ID_TOKEN)


class SavedCard(BaseModel):
    payment_method_id: str
    brand: str
    last4: str
    is_default: bool


class CustomerSummary(BaseModel):
    customer_id: str
    name: str
    email: str


class CustomerView(CustomerSummary):
    vehicles: tuple[Vehicle, ...]
    tokens: tuple[str, ...]
    payment_methods: tuple[SavedCard, ...]


Registrar = Annotated[Caller, Depends(require(Role.CUSTOMER, Role.ATTENDANT, Role.MANAGER, Role.HQ))]
Clerk = Annotated[Caller, Depends(require(Role.ATTENDANT, Role.MANAGER, Role.HQ))]
Staff = Annotated[Caller, Depends(require(*STAFF))]


@_customers.post("", status_code=201)
async def register(new: NewCustomer, conn: Connection, now_ms: NowMs, caller: Registrar) -> CustomerView:
    """Register a customer: a customer registers themselves under their token's subject, staff register anybody."""
    customer_id = _own_id(caller) if caller.role is Role.CUSTOMER else f"cust-{secrets.token_hex(8)}"
    customer = Customer(customer_id, new.name, new.email, gateway_customer_id=None, account_assigned=False)
    if not await store.add_customer(conn, customer, now_ms):
        raise Problem(409, "this customer, or one with this e-mail address, is registered already")
    return await _view(conn, customer)


def _own_id(caller: Caller) -> str:
    try:
        return TypeAdapter(Id).validate_python(caller.subject)
    except ValidationError as error:
        raise Problem(
            422, "the token's subject cannot be a customer id: lower-case letters, digits, hyphens"
        ) from error


@_customers.get("")
async def page(
    conn: Connection,
    _caller: Staff,
    after: Annotated[str, Query(max_length=64, pattern=r"^[a-z0-9-]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[CustomerSummary]:
    """Customers by id; the next page begins ``after`` the last one of this."""
    return [_summary(customer) for customer in await store.customer_page(conn, after=after, limit=limit)]


@_customers.get("/{customer_id}")
async def one(customer_id: CustomerId, conn: Connection) -> CustomerView:
    """A customer with their vehicles, tokens and saved cards."""
    return await _view(conn, await _known(conn, customer_id))


@_customers.post("/{customer_id}/vehicles", status_code=201)
async def add_vehicle(customer_id: CustomerId, new: NewVehicle, conn: Connection) -> Vehicle:
    """Add a vehicle, or change what is known of it. Every right of the customer holds for it at once."""
    customer = await _locked(conn, customer_id)
    vehicle = Vehicle(**new.model_dump())
    if not await store.put_vehicle(conn, customer_id, vehicle):
        raise Problem(409, f"plate {vehicle.plate} is another customer's; they or the office must remove it first")
    await accounts.republish(conn, customer)
    return vehicle


@_customers.delete("/{customer_id}/vehicles/{plate}", status_code=204)
async def remove_vehicle(customer_id: CustomerId, plate: TypedPlate, conn: Connection) -> None:
    """Remove a vehicle; no right of the customer holds for it any more. A session under way goes on as it began."""
    customer = await _locked(conn, customer_id)
    if not await store.remove_vehicle(conn, customer_id, plate):
        raise not_found(f"vehicle {plate} of customer {customer_id}")
    await accounts.republish(conn, customer)


@_customers.post("/{customer_id}/tokens", status_code=201)
async def add_token(customer_id: Id, new: NewToken, conn: Connection, _caller: Clerk) -> NewToken:
    """Give a customer an RFID card; staff only, who have it in their hands."""
    customer = await _locked(conn, customer_id)
    token = new.token.upper()
    if not await store.put_token(conn, customer_id, token):
        raise Problem(409, f"token {token} is another customer's")
    await accounts.republish(conn, customer)
    return NewToken(token=token)


@_customers.delete("/{customer_id}/tokens/{token}", status_code=204)
async def remove_token(
    customer_id: CustomerId, token: Annotated[str, Path(pattern=ID_TOKEN)], conn: Connection
) -> None:
    """Take an RFID card out of use, as when it was lost."""
    customer = await _locked(conn, customer_id)
    if not await store.remove_token(conn, customer_id, token.upper()):
        raise not_found(f"token {token} of customer {customer_id}")
    await accounts.republish(conn, customer)


@_customers.delete("/{customer_id}/payment-methods/{payment_method_id}", status_code=204)
async def remove_payment_method(
    customer_id: CustomerId, payment_method_id: Annotated[str, Path(pattern=NO_CONTROLS)], conn: Connection
) -> None:
    """Forget a saved card. With the last one the account right ends; what is owed stays owed."""
    customer = await _locked(conn, customer_id)
    if not await accounts.remove_payment_method(conn, customer, payment_method_id):
        raise not_found(f"payment method {payment_method_id} of customer {customer_id}")


async def _known(conn: Connection, customer_id: str) -> Customer:
    found = await store.customer(conn, customer_id)
    if found is None:
        raise not_found(f"customer {customer_id}")
    return found


async def _locked(conn: Connection, customer_id: str) -> Customer:
    try:
        return await accounts.locked(conn, customer_id)
    except accounts.UnknownCustomer as error:
        raise not_found(f"customer {customer_id}") from error


def _summary(customer: Customer) -> CustomerSummary:
    return CustomerSummary(customer_id=customer.customer_id, name=customer.name, email=customer.email)


async def _view(conn: Connection, customer: Customer) -> CustomerView:
    cards = await store.payment_methods_of(conn, customer.customer_id)
    return CustomerView(
        **_summary(customer).model_dump(),
        vehicles=await store.vehicles_of(conn, customer.customer_id),
        tokens=await store.tokens_of(conn, customer.customer_id),
        payment_methods=tuple(
            SavedCard(
                payment_method_id=card.payment_method_id, brand=card.brand, last4=card.last4, is_default=card.is_default
            )
            for card in cards
        ),
    )


router.include_router(_customers)
