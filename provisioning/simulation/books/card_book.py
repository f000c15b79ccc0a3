"""Cards: what the provider took and gave back, in truth, against what the cloud's ledger says once all is healed.

Money of which a person was told (a finding) counts as known, wherever it stands. In the trouble before, the cloud may
not know yet.
"""

from collections import Counter, defaultdict

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.happenings import CardsSettled, GivenBack, Taken


class CardBook:
    reads: frozenset[str] = frozenset()

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._taken: dict[str, Taken] = {}
        self._by_payment: dict[str, str] = {}
        self._given_back: Counter[str] = Counter()

    def hears(self) -> Hearing:
        return {Taken: self._took, GivenBack: self._gave_back, CardsSettled: self._settled}

    def _took(self, told: Taken) -> None:
        self._taken[told.intent_id] = told
        first = self._by_payment.setdefault(told.payment_id, told.intent_id)
        if first != told.intent_id:
            self._subject.fail(f"{told.payment_id}: taken twice, as {first} and as {told.intent_id}")

    def _gave_back(self, told: GivenBack) -> None:
        self._given_back[told.intent_id] += told.amount_cents
        taken = self._taken[told.intent_id].amount_cents
        if self._given_back[told.intent_id] > taken:
            self._subject.fail(f"{told.intent_id}: {self._given_back[told.intent_id]} of {taken} cents given back")

    def _settled(self, told: CardsSettled) -> None:
        here: dict[str, list[Taken]] = defaultdict(list)
        for taken in self._taken.values():
            here[taken.charge_id].append(taken)
        for charge_id in sorted(told.at_provider_cents.keys() | here.keys()):
            self._compare(charge_id, here[charge_id], told)

    def _compare(self, charge_id: str, taken: list[Taken], told: CardsSettled) -> None:
        noted = [t for t in taken if f"unknown/{t.intent_id}" in told.noted]
        if charge_id not in told.at_provider_cents:
            if len(noted) < len(taken):
                self._subject.fail(f"{charge_id}: {len(taken)} card payments and no charge, and nobody was told")
            return
        truth = self._left(taken)
        booked = told.at_provider_cents[charge_id]
        if not truth - self._left(noted) <= booked <= truth:
            self._subject.fail(f"{charge_id}: the provider has {truth} cents, the ledger says {booked}")
        if told.owed_cents[charge_id] < 0:
            self._subject.fail(f"{charge_id}: {told.owed_cents[charge_id]} cents are owed")
        over = told.credit_cents[charge_id]
        if over > 0 and len(taken) > 1:
            self._subject.fail(f"{charge_id}: {len(taken)} card payments, {over} cents more than was owed")

    def _left(self, taken: list[Taken]) -> int:
        """What the provider still has of payments."""
        return sum(t.amount_cents - self._given_back[t.intent_id] for t in taken)
