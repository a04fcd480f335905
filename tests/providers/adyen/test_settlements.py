"""Settlement lines from the settlement details report, one batch to a page."""

from datetime import date

import pytest

from evpay.money import Money
from evpay.providers import OperationKind, SettlementsRequest, Unknown
from tests.providers.adyen.conftest import MERCHANT
from tests.providers.adyen.orders import eur

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]

REPORT_KEY = "AQE-the-key-of-a-report-user"
HEAD = (
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
    "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,"
    "Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),"
    "Payment Method Variant,Modification Merchant Reference,Batch Number"
)
ROWS = """\
Acme,AcmeCharging,PAYMENT000000001,p1,visa,2026-11-18 11:26:49,CET,Settled,CAPTURE000000001,EUR,,5.00,1,EUR,,4.88,,0.04,0.01,0.07,visaclassic,c1,4
Acme,AcmeCharging,PAYMENT000000001,p1,visa,2026-11-19 09:00:00,CET,Refunded,REFUND0000000001,EUR,1.00,,1,EUR,1.10,,0.10,,,,visaclassic,r1,4
Acme,AcmeCharging,PAYMENT000000002,p2,mc,2026-11-19 09:00:00,CET,Chargeback,DISPUTE000000001,NOK,349.99,,0.1,EUR,42.50,,,7.50,,,mc,,4
Acme,AcmeCharging,,,,2026-11-19 10:00:00,CET,Fee,Transaction Fees Nov,,,,,EUR,0.33,,,,,,,,4
Acme,AcmeCharging,,,,2026-11-19 10:00:00,CET,MerchantPayout,Batch 4,,,,,EUR,3.45,,,,,,,,4
""".splitlines()  # noqa: E501 - as the file has them


def report(*rows):
    return "\n".join((HEAD, *rows, "")).encode()


async def page_of(provider, cursor=None, since=date(2026, 1, 1)):
    return await provider.settlements(SettlementsRequest(since=since, cursor=cursor))


@pytest.fixture
def reporting(provide):
    return provide(report_key=REPORT_KEY)


async def test_report_over_the_wire(teller, reporting):
    """By its name, with the key of the report user."""
    teller.tell(report())

    await page_of(reporting, cursor="4")

    (seen,) = teller.seen
    folder = f"/reports/download/MerchantAccount/{MERCHANT}"
    assert (seen.method, seen.path) == ("GET", f"{folder}/settlement_detail_report_batch_4.csv")
    assert seen.headers["x-api-key"] == REPORT_KEY
    assert reporting.capabilities.settlements is True


async def test_lines_of_a_report(teller, reporting):
    """Gross as it was charged, fee and net as it was settled."""
    teller.tell(report(*ROWS))

    page = await page_of(reporting, cursor="4")

    told = [(line.kind, line.gross, line.fee, line.net) for line in page.lines]
    assert told == [
        (OperationKind.CAPTURE, eur("5.00"), eur("0.12"), eur("4.88")),
        (OperationKind.REFUND, eur("-1.00"), eur("0.10"), eur("-1.10")),
        (OperationKind.CHARGEBACK, Money("-349.99", "NOK"), eur("7.50"), eur("-42.50")),
        (None, eur("-0.33"), eur("0.00"), eur("-0.33")),
        (None, eur("-3.45"), eur("0.00"), eur("-3.45")),
    ]
    first = page.lines[0]
    assert (first.payment_id, first.effect_id, first.reference) == ("PAYMENT000000001", "CAPTURE000000001", "c1")
    assert (first.settled_on, first.payout, page.cursor) == (date(2026, 11, 18), "4", "5")


async def test_parts_of_a_krona_are_rounded_and_add_up(teller, reporting):
    """Adyen settles ISK with two decimals, and nothing can pay half a krona."""
    row = ROWS[0].replace("EUR,,5.00,1,EUR,,4.88,,0.04,0.01,0.07", "ISK,,500.00,1,ISK,,495.50,,3.00,0.50,1.00")
    teller.tell(report(row))

    (line,) = (await page_of(reporting, cursor="4")).lines

    assert (line.gross, line.fee, line.net) == (Money("500", "ISK"), Money("4", "ISK"), Money("496", "ISK"))


async def test_ids_are_stable_and_differ(teller, reporting):
    """Reading again gives the same, and no two lines share one."""
    teller.tell(report(*ROWS))

    once, again = await page_of(reporting, "4"), await page_of(reporting, "4")

    ids = [line.id for line in once.lines]
    assert ids == [line.id for line in again.lines]
    assert len(set(ids)) == len(ROWS)


async def test_report_that_is_not_there_yet_is_an_empty_page(teller, reporting):
    """The cursor stays where it is."""
    teller.tell({}, status=404)

    page = await page_of(reporting, cursor="5")

    assert (page.lines, page.cursor) == ((), "5")


@pytest.mark.parametrize(("cursor", "batch"), [(None, "7"), ("12", "12"), ("../../x", "7"), ("0", "7")])
async def test_cursor_is_the_batch(teller, provide, cursor, batch):
    """The first one is a setting, and nothing else goes into the address."""
    teller.tell(report())

    await page_of(provide(report_key=REPORT_KEY, first_settlement_batch=7), cursor=cursor)

    assert teller.seen[0].path.endswith(f"settlement_detail_report_batch_{batch}.csv")


async def test_older_lines_are_left_out(teller, reporting):
    """Since the day that was asked for."""
    teller.tell(report(*ROWS))

    page = await page_of(reporting, cursor="4", since=date(2026, 11, 19))

    assert len(page.lines) == len(ROWS) - 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (302, b""),
        (401, b"{}"),
        (200, b"\xff"),
        (200, b"a,b\n1,2\n"),
        (200, report(ROWS[0].replace("4.88", "x"))),
        (200, report(ROWS[0].replace("visaclassic", 'a"b"c,"'))),
    ],
)
async def test_report_that_cannot_be_read_is_unknown(teller, reporting, status, body):
    """Half a report would look like absence."""
    teller.tell(body, status=status)

    assert isinstance(await page_of(reporting, cursor="4"), Unknown)
