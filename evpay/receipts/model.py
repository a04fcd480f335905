"""The receipt: what was supplied, its final price, and how the money stood when it was issued."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from evpay.model import ExactDecimal, FrozenModel, Instant
from evpay.money import Money
from evpay.sessions.model import Connector, Site
from evpay.tariffs.cost import Cost

__all__ = ["Receipt", "ReceiptKind", "Seller", "SettlementState", "TaxShare"]


class ReceiptKind(StrEnum):
    """A receipt, or the credit note that corrects one."""

    RECEIPT = "receipt"
    CREDIT_NOTE = "credit_note"


class SettlementState(StrEnum):
    """How the money stood at issue: settled, accepted or unknown at the processor, or owed."""

    SETTLED = "settled"
    CONFIRMING = "confirming"
    DUE = "due"


class Seller(FrozenModel):
    """Who sells the energy, as it stands on receipts. `series` is the numbering's format; `{year}` is filled in."""

    id: str = Field(default="default", pattern=r"^[a-z0-9_]{1,40}$")
    name: str = Field(default="", max_length=200)
    address: str = Field(default="", max_length=400)
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    vat_id: str | None = Field(default=None, max_length=20)
    contact: str | None = Field(default=None, max_length=200)
    series: Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9 ./{}_-]*$")] = "R-{year}-"


class TaxShare(FrozenModel):
    """One tax in a total: `amount` of tax on `net`. `percent` is None where no rate explains the amount.

    Several taxes on one net amount stand in rows of their own, each with that net.
    """

    name: str
    percent: ExactDecimal | None = None
    net: Money
    amount: Money

    @property
    def gross(self) -> Money:
        """The net amount and this tax."""
        return self.net + self.amount


class Receipt(FrozenModel):
    """A numbered, immutable document. Amounts are `Money`; a refund stands beside it as a credit note.

    `total` is the final price of what was supplied (of a credit note: what is given back); `due` what is still owed:
    by the driver on a receipt, to the driver on a credit note. `taxes` are contained in `total`: what is left of it
    without them is the net amount. `hash` covers everything else and `previous_hash`, so a series is a chain.
    """

    number: str
    kind: ReceiptKind
    corrects: str | None = None
    reason: str | None = None
    refund_id: str | None = None
    issued_at: Instant
    test: bool
    seller: Seller
    site: Site | None = None
    connector: Connector | None = None
    session_id: str | None = None
    intent_id: str | None = None
    started_at: Instant | None = None
    charging_ended_at: Instant | None = None
    ended_at: Instant | None = None
    time_zone: str = "UTC"
    energy_wh: ExactDecimal | None = None
    register_begin_wh: ExactDecimal | None = None
    register_end_wh: ExactDecimal | None = None
    cost: Cost | None = None
    total: Money
    taxes: tuple[TaxShare, ...] = ()
    settlement: SettlementState
    due: Money
    method_label: str | None = None
    last4: str | None = None
    authorized: Money
    captured: Money
    released: Money
    refunded: Money
    processor: str | None = None
    processor_reference: str | None = None
    tariff_id: str | None = None
    tariff_hash: str | None = None
    signed_data: tuple[str, ...] = ()
    previous_hash: str
    hash: str
