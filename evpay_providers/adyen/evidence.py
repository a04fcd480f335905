"""What the items of a webhook tell: an observation each, with a report where they state what became of an effect."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from evpay.errors import InvalidInput, WebhookRejected
from evpay.money import Money
from evpay.providers import Declined, Failed, Observation, OperationKind, Outcome, Pending, Reason, Report, Succeeded
from evpay_providers.adyen.amounts import money_of
from evpay_providers.adyen.failures import modification_reason, refusal_of_text
from evpay_providers.adyen.holds import handle_of, hold_of, slip_of
from evpay_providers.adyen.mapping import split_void_reference
from evpay_providers.adyen.methods import OWN_RAILS, saved_method
from evpay_providers.adyen.settings import AdyenSettings
from evpay_providers.adyen.webhooks import Item, event_time

__all__ = ["observations"]

Reader = Callable[[Item, AdyenSettings], Report | None]


def _data(item: Item) -> Item:
    data = item.get("additionalData")
    return data if isinstance(data, dict) else {}


def _is_success(item: Item) -> bool:
    return bool(item["success"] == "true")


def _amount(item: Item) -> Money:
    amount = money_of(item.get("amount"))
    if amount is None:
        raise InvalidInput("The event has no amount.", code="malformed_amount")
    return amount


def _reference(item: Item) -> str | None:
    return str(item.get("merchantReference") or "") or None


def _psp(item: Item) -> str:
    return str(item["pspReference"])


def _method(item: Item) -> str | None:
    method = item.get("paymentMethod")
    return method if isinstance(method, str) else None


def _authorisation(item: Item, settings: AdyenSettings) -> Report:
    amount, psp, method = _amount(item), _psp(item), _method(item)
    if not _is_success(item):
        reason, code = refusal_of_text(str(item.get("reason") or ""))
        return _report(OperationKind.AUTHORIZE, Declined(reason=reason, code=code, id=psp), _reference(item))
    held = Succeeded(
        amount=amount,
        id=psp,
        handle=handle_of(psp, data=_data(item), method_type=method),
        hold=hold_of(amount, settings=settings, off_session=False, adjustable=method not in OWN_RAILS),
        saved_method=saved_method(_data(item), method_type=method, account=settings.account),
        slip=slip_of({"paymentMethod": method, **_data(item)}),
    )
    return _report(OperationKind.AUTHORIZE, held, _reference(item))


def _adjustment(item: Item, settings: AdyenSettings) -> Report:
    """The amount is the whole new total. A refusal leaves the old hold as it is."""
    amount, psp, payment = _amount(item), _psp(item), str(item.get("originalReference") or "")
    if not _is_success(item):
        reason, code = refusal_of_text(str(item.get("reason") or ""), default=Reason.INCREMENT_NOT_AVAILABLE)
        return _report(OperationKind.INCREMENT, Declined(reason=reason, code=code, id=psp), _reference(item))
    fresh = handle_of(payment, data=_data(item), method_type=_method(item))
    raised = Succeeded(
        amount=amount,
        id=psp,
        handle=fresh if payment and fresh.memo else None,
        hold=hold_of(amount, settings=settings, off_session=False),
    )
    return _report(OperationKind.INCREMENT, raised, _reference(item))


def _capture(item: Item, settings: AdyenSettings) -> Report | None:
    """A capture that had failed may come back by itself: another one then, and of the processor's own."""
    if _is_recaptured(item):
        return _own(item, settings, kind=OperationKind.CAPTURE, mark="-recaptured")
    return _modification(item, settings, kind=OperationKind.CAPTURE)


def _is_recaptured(item: Item) -> bool:
    return bool(item["eventCode"] == "CAPTURE" and "recaptured" in str(item.get("reason") or "").lower())


def _modification(item: Item, settings: AdyenSettings, *, kind: OperationKind) -> Report:
    del settings
    if _is_success(item):
        return _report(kind, Succeeded(amount=_amount(item), id=_psp(item)), _reference(item))
    return _failed(item, kind=kind, reference=_reference(item))


def _cancellation(item: Item, settings: AdyenSettings) -> Report:
    """What came free is what we expected, as our reference carries it; else what the event says."""
    del settings
    amount = _amount(item)
    ours = split_void_reference(_reference(item) or "", currency=amount.currency.code)
    reference, freed = ours or (None, amount)
    if _is_success(item):
        return _report(OperationKind.VOID, Succeeded(amount=freed, id=_psp(item)), reference)
    return _failed(item, kind=OperationKind.VOID, reference=reference)


def _cancel_or_refund(item: Item, settings: AdyenSettings) -> Report | None:
    """Somebody reversed the payment by hand; the item says which of the two it became."""
    found = {"cancel": OperationKind.VOID, "refund": OperationKind.REFUND}.get(
        str(_data(item).get("modification.action"))
    )
    return None if found is None else _own(item, settings, kind=found)


def _own(item: Item, settings: AdyenSettings, *, kind: OperationKind, mark: str = "") -> Report | None:
    """The processor's own doing, known by its own reference."""
    del settings
    if not _is_success(item):
        return None
    return _report(kind, Succeeded(amount=_amount(item), id=_psp(item) + mark), None)


def _came_back(item: Item, settings: AdyenSettings, *, kind: OperationKind, ours: bool = True) -> Report | None:
    """What had succeeded did not last. `success` is true here as well: the failing succeeded."""
    del settings
    return _failed(item, kind=kind, reference=_reference(item) if ours else None) if _is_success(item) else None


def _postponed(item: Item, settings: AdyenSettings) -> Report | None:
    del settings
    pending = Pending(id=_psp(item))
    return _report(OperationKind.REFUND, pending, _reference(item)) if _is_success(item) else None


def _failed(item: Item, *, kind: OperationKind, reference: str | None) -> Report:
    reason, code = modification_reason(str(item.get("reason") or ""))
    return _report(kind, Failed(reason=reason, code=code, id=_psp(item)), reference)


def _report(kind: OperationKind, outcome: Outcome, reference: str | None) -> Report:
    return Report(kind=kind, outcome=outcome, reference=reference)


def _nothing_yet(item: Item, settings: AdyenSettings) -> None:
    """A dispute has begun or goes on, and no money moved."""
    del item, settings


# What each event tells. Not listed: neither ours nor about money. https://docs.adyen.com/development-resources/
# webhooks/webhook-types and https://docs.adyen.com/risk-management/disputes-api/dispute-notifications (2026-11-20)
EVENTS: Final[Mapping[str, Reader]] = {
    "AUTHORISATION": _authorisation,
    "AUTHORISATION_ADJUSTMENT": _adjustment,
    "CANCELLATION": _cancellation,
    "CANCEL_OR_REFUND": _cancel_or_refund,
    "CAPTURE": _capture,
    "CAPTURE_FAILED": partial(_came_back, kind=OperationKind.CAPTURE),
    "CHARGEBACK": partial(_own, kind=OperationKind.CHARGEBACK),
    "CHARGEBACK_REVERSED": partial(_came_back, kind=OperationKind.CHARGEBACK, ours=False),
    "EXPIRE": partial(_own, kind=OperationKind.VOID),
    "NOTIFICATION_OF_CHARGEBACK": _nothing_yet,
    "NOTIFICATION_OF_FRAUD": _nothing_yet,
    "POSTPONED_REFUND": _postponed,
    "REFUND": partial(_modification, kind=OperationKind.REFUND),
    "REFUND_FAILED": partial(_came_back, kind=OperationKind.REFUND),
    "REFUNDED_REVERSED": partial(_came_back, kind=OperationKind.REFUND),
    "REQUEST_FOR_INFORMATION": _nothing_yet,
    # The same dispute may take the money a second time, after it was given back.
    "SECOND_CHARGEBACK": partial(_own, kind=OperationKind.CHARGEBACK, mark="-second"),
    "TECHNICAL_CANCEL": _cancellation,
}

# Events whose merchantReference is that of the payment; elsewhere it is the modification's.
_OF_THE_PAYMENT: Final = frozenset(
    {
        "AUTHORISATION",
        "CHARGEBACK",
        "CHARGEBACK_REVERSED",
        "EXPIRE",
        "NOTIFICATION_OF_CHARGEBACK",
        "NOTIFICATION_OF_FRAUD",
        "REQUEST_FOR_INFORMATION",
        "SECOND_CHARGEBACK",
    }
)


def observations(items: Iterable[Item], *, settings: AdyenSettings) -> tuple[Observation, ...]:
    """Read proven items; one observation for each event that is about a payment.

    Raises:
        WebhookRejected: 400 for an amount that cannot be read.
    """
    try:
        return tuple(_observation(item, settings=settings) for item in items if item["eventCode"] in EVENTS)
    except InvalidInput as error:
        raise WebhookRejected(
            f"An item is signed, but cannot be read: {error.code}.", account=settings.account, status=400
        ) from error


def _observation(item: Item, *, settings: AdyenSettings) -> Observation:
    event = str(item["eventCode"])
    report = EVENTS[event](item, settings)
    unclaimed = event == "TECHNICAL_CANCEL" and report is not None and report.reference is None
    return Observation(
        payment_reference=_reference(item) if event in _OF_THE_PAYMENT or unclaimed else None,
        payment_id=str(item.get("originalReference") or "") or _psp(item),
        reports=() if report is None else (report,),
        event_id=f"{event}:{_psp(item)}:{item['success']}" + (":recaptured" if _is_recaptured(item) else ""),
        at=event_time(item),
    )
