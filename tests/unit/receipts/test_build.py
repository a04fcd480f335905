"""Drafting receipts and credit notes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpay.errors import InvalidInput
from evpay.money import Money, from_minor, to_minor
from evpay.payments.method import PaymentMethod
from evpay.receipts.build import settlement_of
from evpay.receipts.model import Receipt, ReceiptKind, SettlementState
from evpay.receipts.numbering import receipt_body, receipt_hash
from evpay.sessions.readings import MeterReading
from evpay.tariffs.model import ComponentKind, Element, PriceComponent, Tariff, TaxIncluded, TaxRate
from tests.unit.receipts.documents import SELLER, START, cost, credit_note, draft, receipt, sealed, session


@pytest.mark.parametrize(
    ("total", "captured", "confirming", "expected"),
    [
        (1000, 1000, 0, (SettlementState.SETTLED, 0)),
        (1000, 0, 1000, (SettlementState.CONFIRMING, 0)),
        (1000, 400, 0, (SettlementState.DUE, 600)),
        (1000, 400, 500, (SettlementState.DUE, 100)),
        (1000, 1200, 0, (SettlementState.SETTLED, 0)),
        (0, 0, 0, (SettlementState.SETTLED, 0)),
    ],
)
def test_settlement_is_what_is_neither_captured_nor_confirming(total, captured, confirming, expected):
    """What is owed comes before what is confirming, and is never below zero."""
    assert settlement_of(total=total, captured=captured, confirming=confirming) == expected


def test_receipt_carries_what_the_session_was():
    """Times, meter, energy, price and facts come from the session, the cost and the facts, unchanged."""
    made = draft()

    assert made.kind is ReceiptKind.RECEIPT
    assert (made.started_at, made.session_id, made.time_zone) == (START, "S-1", "Europe/Berlin")
    assert (made.register_begin_wh, made.register_end_wh) == (Decimal(1_000_000), Decimal(1_021_300))
    assert (made.energy_wh, made.total) == (Decimal(21300), Money("11.94", "EUR"))
    assert (made.authorized, made.captured, made.released) == tuple(Money(x, "EUR") for x in ("50", "11.94", "38.06"))
    assert (made.number, made.hash, made.previous_hash) == ("", "", "")
    assert len(made.signed_data) == 2
    assert made.seller == SELLER


def test_register_is_left_out_when_read_after_energy_has_flowed():
    """A counter read later than the start is not the counter at the start."""
    late = MeterReading(at=START, register_wh=Decimal(5000), energy_wh=Decimal(300))

    assert draft(session=session(first_reading=late)).register_begin_wh is None


@pytest.mark.parametrize(
    ("method", "slip", "expected"),
    [
        (PaymentMethod("t", brand="visa", last4="4242", expires="2030-12"), {}, "Visa ···· 4242"),
        (PaymentMethod("t"), {"brand": "amex", "last4": "0005"}, "American Express ···· 0005"),
        (PaymentMethod("t", brand="visa", last4="4242"), {"brand": "girocard", "last4": "1111"}, "girocard ···· 1111"),
        (PaymentMethod("t"), {"method": "Visa 4242"}, "Visa ···· 4242"),
        (PaymentMethod("t"), {"method": "Sandbox ···· 4242"}, "Sandbox ···· 4242"),
        (PaymentMethod("t"), {"method": "Visa xxxx4242"}, "Visa ···· 4242"),
        (PaymentMethod("t", label="My card 4242 12/30"), {}, "My card ···· 4242"),
        (PaymentMethod("t", label="Fleet 7"), {}, "Fleet 7"),
        (PaymentMethod("t", label="Account 12345678 X"), {}, "Account X"),
        (PaymentMethod("t", brand="newbrand"), {}, "newbrand"),
        (PaymentMethod("t", last4="12AB"), {}, "···· 12AB"),
        (PaymentMethod("t"), {}, None),
        (None, {}, None),
    ],
)
def test_method_is_named_as_the_driver_knows_it(method, slip, expected):
    """The processor's words win; at most four digits, and never an expiry date."""
    assert draft(method=method, slip=slip).method_label == expected


def _two_rates() -> Tariff:
    def component(kind: ComponentKind, price: str, *percents: str) -> PriceComponent:
        taxes = tuple(TaxRate(percent=Decimal(percent)) for percent in percents)
        return PriceComponent(kind=kind, price=Decimal(price), taxes=taxes)

    components = (
        component(ComponentKind.ENERGY, "0.49", "19"),
        component(ComponentKind.PARKING, "6.00", "7"),
        component(ComponentKind.FLAT, "1.00"),
    )
    return Tariff(id="mix", currency="EUR", elements=(Element(components=components),), tax_included=TaxIncluded.YES)


def _stacked() -> Tariff:
    rates = (TaxRate(name="state", percent=Decimal("6.25")), TaxRate(name="city", percent=Decimal(2)))
    components = (PriceComponent(kind=ComponentKind.ENERGY, price=Decimal("0.49"), taxes=rates),)
    return Tariff(id="us", currency="USD", elements=(Element(components=components),), tax_included=TaxIncluded.NO)


def _minor(note: Receipt, name: str) -> list[int]:
    return [to_minor(getattr(tax, name)) for tax in note.taxes]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_credit_notes_share_out_the_taxes_of_their_receipt(amounts):
    """Net, tax and what bears no tax add up to each amount, and all credit notes together give back the receipt."""
    original = receipt(of=cost(_two_rates()))
    amounts.append(to_minor(original.total) - sum(amounts)) if sum(amounts) < to_minor(original.total) else None
    notes: list[Receipt] = []

    for amount in amounts:
        money = from_minor(amount, "EUR")
        notes.append(credit_note(original, str(money.amount), credited=tuple(notes)))

    for note in notes:
        untaxed = to_minor(note.total) - sum(_minor(note, "gross"))
        assert min(_minor(note, "net") + _minor(note, "amount") + [untaxed]) >= 0
    if sum(amounts) == to_minor(original.total):
        for name in ("net", "amount"):
            together = [sum(column) for column in zip(*(_minor(note, name) for note in notes), strict=True)]
            assert together == _minor(original, name)


def test_credit_note_of_several_taxes_on_one_amount_counts_its_net_once():
    """Two taxes on the same net amount share it, also in what is given back."""
    original = receipt(of=cost(_stacked()))

    note = credit_note(original, "5.00")

    assert note.taxes[0].net == note.taxes[1].net
    assert to_minor(note.taxes[0].net) + sum(_minor(note, "amount")) == 500


def test_credit_note_names_what_it_corrects_and_why():
    """The receipt's number, the reason, seller, session and test mark; no price lines and no meter data."""
    original = receipt(test=True)

    note = credit_note(original)

    assert (note.kind, note.corrects, note.reason) == (ReceiptKind.CREDIT_NOTE, "R-2026-000042", "cable fault")
    assert (note.total, note.refunded, note.test) == (Money("2", "EUR"), Money("2", "EUR"), True)
    assert (note.seller, note.session_id, note.method_label) == (SELLER, "S-1", "Visa ···· 4242")
    assert (note.cost, note.energy_wh, note.signed_data) == (None, None, ())


def test_whole_credit_note_gives_back_every_tax():
    """Everything given back at once has exactly the taxes of the receipt."""
    original = receipt()

    assert credit_note(original, "11.94").taxes == original.taxes


def test_credit_note_is_refused_when_it_gives_nothing():
    """A caller's mistake, told with its code."""
    with pytest.raises(InvalidInput) as caught:
        credit_note(receipt(), "0.00")

    assert caught.value.code == "nothing_to_credit"


def test_credit_note_is_refused_in_another_currency():
    """Nothing is ever converted."""
    with pytest.raises(InvalidInput) as caught:
        credit_note(receipt(), "1.00", currency="NOK")

    assert caught.value.code == "currency_mismatch"


@pytest.mark.parametrize("make", [receipt, lambda: credit_note(receipt()), lambda: receipt(of=cost(_stacked()))])
def test_receipt_survives_json(make):
    """What is written is read back equal, and its hash still holds."""
    made = make()

    read = Receipt.model_validate_json(made.model_dump_json())

    assert read == made
    assert receipt_hash(receipt_body(read)) == read.hash


_OTHER = {
    "number": "R-9",
    "kind": ReceiptKind.CREDIT_NOTE,
    "corrects": "R-1",
    "refund_id": "r",
    "reason": "x",
    "test": True,
    "seller": SELLER.model_copy(update={"name": "Else"}),
    "site": None,
    "connector": None,
    "cost": None,
    "taxes": (),
    "settlement": SettlementState.DUE,
    "signed_data": ("other",),
    "time_zone": "UTC",
    "previous_hash": "f" * 64,
}


@pytest.mark.parametrize("name", [name for name in Receipt.model_fields if name != "hash"])
def test_hash_changes_with_every_field(name):
    """Nothing on the document can be changed without the hash telling."""
    made = receipt()
    present = getattr(made, name)
    changed = {Decimal: Decimal(1), Money: Money("99", "EUR"), type(START): START.replace(year=2030), str: "other"}
    other = _OTHER[name] if name in _OTHER else changed[type(present)]

    tampered = made.model_copy(update={name: other})

    assert other != present
    assert receipt_hash(receipt_body(tampered)) != made.hash


def test_seal_chains_to_the_one_before():
    """The hash covers the previous one, so a receipt cannot be taken out of its series."""
    first, second = sealed(draft(), number=1), sealed(draft(), number=2)

    assert first.number == "R-2026-000001"
    assert first.hash != second.hash
