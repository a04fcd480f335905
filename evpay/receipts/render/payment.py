"""What happened to the driver's money, in words: reserved, charged, released, given back, still due."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from evpay.money import from_minor, to_minor
from evpay.receipts.model import Receipt, ReceiptKind, SettlementState
from evpay.receipts.render.clean import clean
from evpay.receipts.render.figures import Figures

__all__ = ["PaymentPart", "payment_part"]

_RECEIPT_STATES: Final[Mapping[SettlementState, tuple[str, str]]] = {
    SettlementState.SETTLED: ("paid_with", "paid"),
    SettlementState.CONFIRMING: ("confirming_with", "confirming_head"),
    SettlementState.DUE: ("due_head", "due_head"),
}
_CREDIT_STATES: Final[Mapping[SettlementState, tuple[str, str]]] = {
    SettlementState.SETTLED: ("back_to", "back"),
    SettlementState.CONFIRMING: ("back_confirming", "back_confirming"),
    SettlementState.DUE: ("back_due", "back_due"),
}
"""The words for a state: with a known means of payment, and without."""

_ALWAYS: Final = ("reserved", "charged", "released")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPart:
    """How it stands in one line, the amounts in order, and the story in sentences.

    `charged_permille` and `released_permille` of the reservation are for a drawing; None if there was none.
    """

    state: SettlementState
    headline: str
    rows: tuple[tuple[str, str], ...]
    story: tuple[str, ...]
    charged_permille: int | None
    released_permille: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Amounts:
    """The amounts in minor units: those of the receipt, and what follows from them."""

    total: int
    reserved: int
    charged: int
    released: int
    given_back: int
    due: int
    confirming: int
    releasing: int

    @property
    def rest(self) -> int:
        """What of the reservation was not needed."""
        return self.released + self.releasing


def _amounts(receipt: Receipt) -> _Amounts:
    whole, reserved, charged, released, given_back, due = (
        to_minor(money)
        for money in (
            receipt.total,
            receipt.authorized,
            receipt.captured,
            receipt.released,
            receipt.refunded,
            receipt.due,
        )
    )
    is_open = receipt.kind is ReceiptKind.RECEIPT and receipt.settlement is not SettlementState.SETTLED
    confirming = max(whole - charged - due, 0) if is_open else 0
    return _Amounts(
        total=whole,
        reserved=reserved,
        charged=charged,
        released=released,
        given_back=given_back,
        due=due,
        confirming=confirming,
        releasing=max(reserved - charged - confirming - released, 0),
    )


def payment_part(receipt: Receipt, *, words: Mapping[str, str], figures: Figures) -> PaymentPart:
    """Return what happened to the money, in words."""
    amounts = _amounts(receipt)
    is_credit = receipt.kind is ReceiptKind.CREDIT_NOTE
    shown = {
        name: figures.money(from_minor(getattr(amounts, name), receipt.total.currency.code))
        for name in _Amounts.__dataclass_fields__
    }
    shown["rest"] = figures.money(from_minor(amounts.rest, receipt.total.currency.code))
    names = _credit_rows(amounts) if is_credit else _receipt_rows(amounts)
    sentences = _credit_story(receipt) if is_credit else _receipt_story(amounts)
    has_bar = amounts.reserved > 0 and not is_credit
    return PaymentPart(
        state=receipt.settlement,
        headline=_headline(receipt, words, shown),
        rows=tuple((words[label], shown[name]) for label, name in names),
        story=tuple(words[name].format(authorized=shown["reserved"], **shown) for name in sentences),
        charged_permille=_permille(amounts.charged + amounts.confirming, amounts.reserved) if has_bar else None,
        released_permille=_permille(amounts.rest, amounts.reserved) if has_bar else None,
    )


def _permille(part: int, whole: int) -> int:
    return min(part * 1000 // whole, 1000)


def _headline(receipt: Receipt, words: Mapping[str, str], shown: Mapping[str, str]) -> str:
    if receipt.kind is ReceiptKind.RECEIPT and receipt.total.amount == 0:
        return words["nothing_head"]
    states = _CREDIT_STATES if receipt.kind is ReceiptKind.CREDIT_NOTE else _RECEIPT_STATES
    method = clean(receipt.method_label or "")
    known, unknown = states[receipt.settlement]
    return words[known if method else unknown].format(method=method, due=shown["due"])


def _receipt_rows(amounts: _Amounts) -> list[tuple[str, str]]:
    order = ("reserved", "charged", "confirming", "released", "releasing", "given_back", "due")
    always = _ALWAYS if amounts.reserved else ("charged",)
    return [(name, name) for name in order if name in always or getattr(amounts, name)]


def _credit_rows(amounts: _Amounts) -> list[tuple[str, str]]:
    owed = [("owed", "due")] if amounts.due else []
    return [("charged", "charged"), ("given_back", "given_back"), *owed]


def _receipt_story(amounts: _Amounts) -> list[str]:
    """Return the sentences that apply, in order."""
    cases = {
        "story_reserved": amounts.total > 0 and amounts.reserved > 0,
        "story_reserved_only": amounts.total == 0 and amounts.reserved > 0,
        "story_confirming": amounts.confirming > 0,
        "story_released": amounts.rest > 0 and amounts.releasing == 0,
        "story_releasing": amounts.releasing > 0,
        "story_due": amounts.due > 0,
    }
    return [name for name, applies in cases.items() if applies]


def _credit_story(receipt: Receipt) -> list[str]:
    return ["story_back_due" if receipt.settlement is SettlementState.DUE else "story_back"]
