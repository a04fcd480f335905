"""The settlement details report: a CSV file per batch, which a webhook says where to fetch."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from evpay_contrib_emulators.adyen.amounts import major
from evpay_contrib_emulators.adyen.books import Books, Line
from evpay_contrib_emulators.adyen.webhooks import post

__all__ = ["REPORT_PATH", "settle"]

REPORT_PATH: Final = "/reports/download/MerchantAccount/"

# The columns of https://docs.adyen.com/reporting/settlement-reconciliation/transaction-level/settlement-details-report,
# read from its sample lines, checked 2026-11-20. Which further columns an account has is its own choice.
_COLUMNS: Final = (
    "Company Account",
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Creation Date",
    "TimeZone",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Exchange Rate",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Commission (NC)",
    "Markup (NC)",
    "Scheme Fees (NC)",
    "Interchange (NC)",
    "Payment Method Variant",
    "Modification Merchant Reference",
    "Batch Number",
    *(f"Reserved{number}" for number in range(4, 11)),
)
# Which types credit the merchant; all others debit. Settled, Chargeback and Fee are in the sample lines; the names of
# the other types are not verified.
_CREDITS: Final = frozenset({"Settled", "ChargebackReversed", "RefundedReversed"})
# What a captured payment costs here, in ten-thousandths: markup, scheme fees, interchange. Invented.
_MARKUP, _SCHEME, _INTERCHANGE = 60, 10, 20
_DISPUTE_FEE_MINOR: Final = 750


def settle(books: Books) -> str | None:
    """Close the batch, write its report, and tell of it; return the report's URL, or None if there is nothing in it."""
    if not books.lines:
        return None
    lines, books.lines = books.lines, []
    name = f"settlement_detail_report_batch_{len(books.reports) + 1}.csv"
    books.reports[name] = _report(books, lines, batch=len(books.reports) + 1)
    url = f"{books.url}{REPORT_PATH}{books.options.merchant_account}/{name}"
    post(books, "REPORT_AVAILABLE", psp=name, reference="", reason=url)
    return url


def _report(books: Books, lines: Iterable[Line], *, batch: int) -> bytes:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    table.writeheader()
    nets: dict[str, Decimal] = {}
    for line in lines:
        row, net = _row(books, line)
        currency = line.payment.currency
        nets[currency] = nets.get(currency, Decimal(0)) + net
        table.writerow(row | {"Batch Number": str(batch)})
    for currency, net in nets.items():
        table.writerow(_payout(books, currency, net) | {"Batch Number": str(batch)})
    return text.getvalue().encode()


def _row(books: Books, line: Line) -> tuple[dict[str, str], Decimal]:
    payment, is_credit = line.payment, line.kind in _CREDITS
    fees = _fees(line)
    cost = sum(fees.values())
    net = line.amount - cost if is_credit else -line.amount - cost
    currency = payment.currency
    shown = {name: _number(fee, currency) for name, fee in fees.items() if fee}
    row = {
        "Company Account": books.options.company_account,
        "Merchant Account": books.options.merchant_account,
        "Psp Reference": payment.psp,
        "Merchant Reference": payment.reference,
        "Payment Method": payment.instrument.brand,
        "Creation Date": f"{line.at:%Y-%m-%d %H:%M:%S}",
        "TimeZone": "UTC",
        "Type": line.kind,
        "Modification Reference": line.psp,
        "Gross Currency": currency,
        "Gross Credit (GC)" if is_credit else "Gross Debit (GC)": _number(line.amount, currency),
        "Exchange Rate": "1",
        "Net Currency": currency,
        "Net Credit (NC)" if net >= 0 else "Net Debit (NC)": _number(abs(net), currency),
        "Payment Method Variant": payment.instrument.variant,
        "Modification Merchant Reference": line.reference,
    }
    return row | shown, major(net, currency)


def _fees(line: Line) -> dict[str, int]:
    """Return the fees of a line, rounded down to Adyen's smallest unit."""
    if line.kind == "Settled":
        shares = {"Markup (NC)": _MARKUP, "Scheme Fees (NC)": _SCHEME, "Interchange (NC)": _INTERCHANGE}
        return {name: line.amount * share // 10_000 for name, share in shares.items()}
    return {"Commission (NC)": _DISPUTE_FEE_MINOR} if line.kind == "Chargeback" else {}


def _payout(books: Books, currency: str, net: Decimal) -> dict[str, str]:
    return {
        "Company Account": books.options.company_account,
        "Merchant Account": books.options.merchant_account,
        "Creation Date": f"{books.clock.now():%Y-%m-%d %H:%M:%S}",
        "TimeZone": "UTC",
        "Type": "MerchantPayout",
        "Modification Reference": f"TX{books.mint()}",
        "Net Currency": currency,
        "Net Debit (NC)" if net >= 0 else "Net Credit (NC)": format(abs(net), "f"),
    }


def _number(value: int, currency: str) -> str:
    return format(major(value, currency), "f")
