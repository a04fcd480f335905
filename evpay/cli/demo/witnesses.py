"""Reading what the audit compares: the store from its file, and each processor anew."""

from collections.abc import Iterable, Sequence

from evpay.cli.demo.accounts import KeepsBooks
from evpay.cli.demo.audit import TOTALS, Audit, Told, audit, told_by, totals_of
from evpay.cli.demo.place import Place
from evpay.cli.reader import reading
from evpay.payments.records import PaymentRecord
from evpay.providers import LookUpRequest, Provider
from evpay.store import reads

__all__ = ["hold_against_each_other"]

TENANT = "default"


async def hold_against_each_other(place: Place, providers: Sequence[Provider]) -> Audit:
    """Compare ledger, facts and what each processor says, all read from outside of the engine; close the providers.

    What gateways said of their books before they were stopped counts as theirs.
    """
    async with reading(place.store) as reader:
        payments = [payment for found in await reader.snapshots(TENANT) for payment in found.payments]
        postings = await reader.ask(lambda connection: reads.ledger_lines(connection, tenant=TENANT))
    ordered = sorted(payments, key=lambda payment: (payment.created_us, payment.attempt))
    told: dict[tuple[str, str], Told | None] = {}
    for provider in providers:
        told |= await _told(provider, ordered)
        await provider.aclose()
    for account, entries in place.kept_books().items():
        told |= {(account, entry["reference"]): {name: int(entry[name]) for name in TOTALS} for entry in entries}
    complete = all(isinstance(provider, KeepsBooks) for provider in providers)
    return audit(ordered, postings, told, can_be_strange=complete)


async def _told(provider: Provider, payments: Iterable[PaymentRecord]) -> dict[tuple[str, str], Told | None]:
    name = provider.account.name
    if isinstance(provider, KeepsBooks):
        entries = provider.books.payments()
        return {(entry.account, entry.reference): totals_of(entry) for entry in entries if entry.account == name}
    told: dict[tuple[str, str], Told | None] = {}
    for payment in payments:
        if payment.account.name == name:
            request = LookUpRequest(payment_reference=payment.reference, handle=payment.handle)
            told[name, payment.reference] = told_by(await provider.look_up(request))
    return told
