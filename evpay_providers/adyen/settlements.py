"""Settlement lines from Adyen's settlement details reports: one CSV file for each batch that is paid out."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Final

from evpay.money import Money, exponent_of
from evpay.providers import Failed, OperationKind, SettlementLine, SettlementPage, SettlementsRequest, Unknown
from evpay_providers.adyen.mapping import split_void_reference
from evpay_providers.adyen.settings import AdyenSettings

if TYPE_CHECKING:
    from evpay_providers.adyen.calls import AdyenCalls

__all__ = ["page"]

# https://docs.adyen.com/reporting/settlement-detail-report and .../automatically-get-reports (checked 2026-11-20)
HOSTS: Final = {True: "https://ca-live.adyen.com", False: "https://ca-test.adyen.com"}
_MAX_REPORT_BYTES: Final = 256 * 1024 * 1024
_CURSOR: Final = re.compile(r"[1-9]\d{0,8}\Z", re.ASCII)

# What a line's type is to us. Not listed: a fee, a payout, a correction.
# https://docs.adyen.com/reporting/settlement-reconciliation/transaction-level/settlement-details-report
# (checked 2026-11-20)
LINE_KINDS: Final[Mapping[str, OperationKind]] = {
    "Settled": OperationKind.CAPTURE,
    "SettledReversed": OperationKind.CAPTURE,
    "Refunded": OperationKind.REFUND,
    "RefundedReversed": OperationKind.REFUND,
    "Chargeback": OperationKind.CHARGEBACK,
    "ChargebackReversed": OperationKind.CHARGEBACK,
    "SecondChargeback": OperationKind.CHARGEBACK,
}
_FEES: Final = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")


def _batch(request: SettlementsRequest, settings: AdyenSettings) -> int:
    given = request.cursor or ""
    return int(given) if _CURSOR.match(given) else settings.first_settlement_batch


def _fetch(batch: int, *, calls: "AdyenCalls", settings: AdyenSettings) -> str | Unknown | None:
    """Return the report of a batch; None if there is none yet."""
    assert settings.report_key is not None
    folder = f"{settings.base_url or HOSTS[settings.live]}/reports/download/MerchantAccount/{settings.merchant_account}"
    url = f"{folder}/settlement_detail_report_batch_{batch}.csv"
    found = calls.exchange("GET", url, key=settings.report_key.get_secret_value(), max_bytes=_MAX_REPORT_BYTES)
    if isinstance(found, Failed | Unknown):
        return Unknown(detail="the report could not be read")
    text, status = found
    if status == 404:
        return None
    return text if status == 200 else Unknown(detail=f"HTTP {status} instead of a report")


def page(request: SettlementsRequest, *, calls: "AdyenCalls", settings: AdyenSettings) -> SettlementPage | Unknown:
    """Download and read the report of the next batch, on this thread; the page after it is the batch after it.

    Lines that settled before `since` are left out. A report that is not there yet is an empty page.
    """
    batch = _batch(request, settings)
    text = _fetch(batch, calls=calls, settings=settings)
    if text is None:
        return SettlementPage(cursor=request.cursor)
    if isinstance(text, Unknown):
        return text
    lines = [_line(row, batch=batch, number=number) for number, row in enumerate(_rows(text), start=1)]
    kept = tuple(line for line in lines if line.settled_on >= request.since)
    return SettlementPage(lines=kept, cursor=str(batch + 1))


def _rows(text: str) -> Iterator[dict[str, str]]:
    try:
        yield from csv.DictReader(io.StringIO(text.lstrip("\ufeff")), strict=True)
    except csv.Error as error:
        raise ValueError(f"a report that is no CSV: {error}") from error


def _line(row: Mapping[str, str], *, batch: int, number: int) -> SettlementLine:
    """Read one line: gross in the currency of the payment, fee and net in that of the settlement."""
    currency = row["Net Currency"]
    net = _rounded(_difference(row, credit="Net Credit (NC)", debit="Net Debit (NC)"), currency)
    fee = _rounded(sum((_decimal(row.get(name)) for name in _FEES), Decimal(0)), currency)
    gross = net + fee
    if row["Gross Currency"]:
        gross = Money(_difference(row, credit="Gross Credit (GC)", debit="Gross Debit (GC)"), row["Gross Currency"])
        # What is rounded adds up all the same.
        fee = gross - net if gross.currency == net.currency else fee
    reference = row.get("Modification Merchant Reference") or ""
    of_void = split_void_reference(reference, currency=gross.currency.code)
    return SettlementLine(
        id=f"{batch}:{number}",
        kind=LINE_KINDS.get(row["Type"]),
        gross=gross,
        fee=fee,
        net=net,
        settled_on=date.fromisoformat((row.get("Booking Date") or row["Creation Date"])[:10]),
        payment_id=row["Psp Reference"] or None,
        effect_id=row["Modification Reference"] or None,
        reference=of_void[0] if of_void else reference or None,
        payout=str(batch),
    )


def _decimal(text: str | None) -> Decimal:
    return Decimal(text) if text else Decimal(0)


def _rounded(amount: Decimal, currency: str) -> Money:
    """Round what Adyen settles in parts of the smallest unit: it pays out ISK and CLP with two decimals."""
    return Money(amount.quantize(Decimal(1).scaleb(-exponent_of(currency)), ROUND_HALF_EVEN), currency)


def _difference(row: Mapping[str, str], *, credit: str, debit: str) -> Decimal:
    return _decimal(row[credit]) - _decimal(row[debit])
