"""What one gateway account holds, and what is due in it."""

import heapq
import secrets
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from evpay_contrib_emulators.braintree.currencies import shown
from evpay_contrib_emulators.braintree.errors import NotFound
from evpay_contrib_emulators.braintree.instruments import Method
from evpay_contrib_emulators.braintree.options import Options
from evpay_contrib_emulators.braintree.things import Customer, Dispute, Nonce, Transaction
from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.gateway import Delivery

__all__ = ["Account", "new_id"]

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(length: int = 8) -> str:
    """Return an id that nothing else has, also in another process."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


class Account:
    """Transactions, the vault, disputes, and the webhooks that are to be sent."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.options = Options()
        self.transactions: dict[str, Transaction] = {}
        self.customers: dict[str, Customer] = {}
        self.methods: dict[str, Method] = {}
        self.nonces: dict[str, Nonce] = {}
        self.authentications: dict[str, str] = {}
        self.disputes: dict[str, Dispute] = {}
        self.outbox: list[Delivery] = []
        self._due: list[tuple[datetime, int, str, str]] = []
        self._count = 0

    def now(self) -> datetime:
        """Return the time here, to the second: answers have no more."""
        return self.clock.now().astimezone(UTC).replace(microsecond=0)

    def transaction(self, name: str) -> Transaction:
        """Return the transaction with this id.

        Raises:
            NotFound: there is none.
        """
        try:
            return self.transactions[name]
        except KeyError:
            raise NotFound(f"no transaction {name!r}") from None

    def dispute(self, name: str) -> Dispute:
        """Return the dispute with this id.

        Raises:
            NotFound: there is none.
        """
        try:
            return self.disputes[name]
        except KeyError:
            raise NotFound(f"no dispute {name!r}") from None

    def children(self, transaction: Transaction) -> list[Transaction]:
        """Return the partial settlements of an authorization, oldest first."""
        return [self.transactions[name] for name in transaction.partial_ids]

    def refunds(self, transaction: Transaction) -> list[Transaction]:
        """Return the refunds of a transaction, oldest first."""
        return [self.transactions[name] for name in transaction.refund_ids]

    def root(self, transaction: Transaction) -> Transaction:
        """Return the authorization to which this belongs: itself, a partial settlement's, or a refund's."""
        above = transaction.refunded_id or transaction.authorized_id
        return transaction if above is None else self.root(self.transactions[above])

    def shown(self, amount: Decimal, transaction: Transaction) -> str:
        """Return an amount of this transaction as answers have it."""
        return shown(amount, transaction.currency)

    def remember(self, at: datetime, what: str, transaction: Transaction) -> None:
        """Do something with a transaction when this time has come."""
        self._count += 1
        heapq.heappush(self._due, (at, self._count, what, transaction.id))

    def pop_due(self) -> tuple[datetime, str, Transaction] | None:
        """Return what has been due for the longest time, once."""
        if not self._due or self._due[0][0] > self.clock.now():
            return None
        at, _, what, name = heapq.heappop(self._due)
        return at, what, self.transactions[name]
