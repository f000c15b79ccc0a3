"""The pay machine: asks the facility's own API what a parked car owes, and pays it by card."""

import logging
from enum import StrEnum
from pathlib import Path
from typing import Self

import httpx

log = logging.getLogger(__name__)

TIMEOUT_REAL_S = 10.0


class Paid(StrEnum):
    """What became of an attempt to pay."""

    PAID = "PAID"
    NOTHING_DUE = "NOTHING_DUE"
    REFUSED = "REFUSED"
    """The facility said no, for instance because it knows no such car."""
    OUT_OF_ORDER = "OUT_OF_ORDER"
    """The facility did not answer."""


class PayMachine:
    """One facility's machine. Use as an async context manager; the token is read anew for each try, since the facility
    makes it when it first starts."""

    def __init__(self, api_url: str, token_file: Path) -> None:
        self._token_file = token_file
        self._http = httpx.AsyncClient(base_url=api_url, timeout=TIMEOUT_REAL_S, trust_env=False)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def pay(self, plate: str, reference: str) -> Paid:
        """Pay what a parked car owes now. ``reference`` is the card's: paying again with it changes nothing."""
        try:
            return await self._pay(plate, reference)
        except (httpx.HTTPError, OSError) as error:
            log.warning("pay machine out of order", extra={"plate": plate, "error": repr(error)})
            return Paid.OUT_OF_ORDER

    async def _pay(self, plate: str, reference: str) -> Paid:
        headers = {"Authorization": f"Bearer {self._token_file.read_text().strip()}"}
        quote = await self._http.post("/api/v1/quotes", headers=headers, json={"plate": plate})
        if quote.is_error:
            return self._refused(quote, plate)
        due = quote.json()
        if due["due_cents"] <= 0:
            return Paid.NOTHING_DUE
        offered = {
            "session_id": due["session_id"],
            "amount_cents": due["due_cents"],
            "method": "CARD",
            "reference": f"{reference}-{due['priced_until_ms']}",
            "priced_until_ms": due["priced_until_ms"],
        }
        payment = await self._http.post("/api/v1/payments", headers=headers, json=offered)
        return self._refused(payment, plate) if payment.is_error else Paid.PAID

    def _refused(self, response: httpx.Response, plate: str) -> Paid:
        log.warning("payment refused", extra={"plate": plate, "status": response.status_code, "body": response.text})
        return Paid.OUT_OF_ORDER if response.is_server_error else Paid.REFUSED
