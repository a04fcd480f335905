"""The lines of the balance, with Stripe's fees."""

from evpay_contrib_emulators.stripe.account import DAY, Account
from evpay_contrib_emulators.stripe.currencies import whole_units
from evpay_contrib_emulators.stripe.things import Transaction

__all__ = ["enter"]


def enter(
    account: Account, kind: str, *, source: str, amount: int, currency: str, category: str | None = None, fee: int = 0
) -> str:
    """Write a line and return its id."""
    line = Transaction(
        id=account.id("txn"),
        kind=kind,
        category=category or kind,
        source=source,
        amount=amount,
        fee=fee or whole_units(_fee(kind, amount), currency),
        currency=currency,
        created=account.now(),
        available_on=account.now() + 2 * DAY,
    )
    account.transactions[line.id] = line
    return line.id


def _fee(kind: str, amount: int) -> int:
    """What a European card costs: 1.5 % and 0.25. https://stripe.com/en-de/pricing (checked 2026-11-20)."""
    return amount * 15 // 1_000 + 25 if kind == "charge" else 0
