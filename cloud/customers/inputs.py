"""What the routes of this context take: text as people type it, and the customer that a caller may ask for."""

from typing import Annotated

from fastapi import Depends
from pydantic import BeforeValidator

from cloud.auth import STAFF, Caller, Role, require
from shared.ids import Id, Plate, normalise_plate

NO_CONTROLS = r"^[^\x00-\x1f\x7f]+$"
EMAIL = r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$"
ID_TOKEN = r"^[A-Za-z0-9*\-_=:+|@.]{1,36}$"  # noqa: S105 - a pattern: OCPP 2.0.1, IdTokenType and identifierString

TypedPlate = Annotated[Plate, BeforeValidator(lambda typed: normalise_plate(str(typed)))]
"""A plate as people type it, folded to the form that is compared."""


def _theirs(customer_id: Id, caller: Annotated[Caller, Depends(require(Role.CUSTOMER, *STAFF))]) -> str:
    caller.must_be_customer(customer_id)
    return customer_id


CustomerId = Annotated[str, Depends(_theirs)]
"""The customer in the path, when the caller may ask for them."""
