"""Receipts to test with: sessions of simple tariffs, settled in the ways that happen."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from evpay.money import Money, to_minor
from evpay.payments.facts import MoneyFacts
from evpay.payments.method import PaymentMethod
from evpay.receipts.build import draft_credit_note, draft_receipt, settlement_of
from evpay.receipts.model import Receipt, Seller
from evpay.receipts.numbering import seal
from evpay.sessions.model import Admission, Connector, CurrentType, Session, SessionStatus, Site
from evpay.sessions.readings import MeterReading
from evpay.tariffs.cost import Cost
from evpay.tariffs.model import Tariff

START = datetime(2026, 7, 1, 12, 2, 10, tzinfo=UTC)
SELLER = Seller(
    id="acme_de",
    name="Acme Laden GmbH",
    address="Hafenstr. 1, 20457 Hamburg",
    country="DE",
    vat_id="DE123456789",
    contact="+49 40 1234-0, help@acme.example",
)
SITE = Site(id="DE-HAM-1", name="Hafencity P1", address="Am Kai 3, 20457 Hamburg", time_zone="Europe/Berlin")
CONNECTOR = Connector(id="DE*ACM*E0001*1", max_power_w=150_000, current=CurrentType.DC)
TARIFF = Tariff.per_kwh(
    "0.49", currency="EUR", vat="19", prices="gross", parking_per_hour="6.00", per_session="1.00", id="DAY"
)


def session(**changes: Any) -> Session:
    """A finished session: 21.3 kWh in 40 minutes, then 5 minutes idle."""
    end = START + timedelta(minutes=45)
    fields = {
        "id": "S-1",
        "tenant": "default",
        "status": SessionStatus.FINISHED,
        "admission": Admission.ALLOW,
        "site": SITE,
        "connector": CONNECTOR,
        "tariff_id": TARIFF.id,
        "tariff_hash": TARIFF.hash,
        "intent_id": "0123456789abcdefghjkmnpqrs",
        "started_at": START,
        "charging_ended_at": START + timedelta(minutes=40),
        "ended_at": end,
        "energy_wh": Decimal(21300),
        "first_reading": MeterReading(at=START, register_wh=Decimal(1000000)),
        "last_reading": MeterReading(at=end, register_wh=Decimal(1021300)),
        "signed_data": ("OCMF|{}|{}", "OCMF|{1}|{}"),
        "created_at": START,
        "updated_at": end,
    }
    return Session(**{**fields, **changes})


def cost(tariff: Tariff = TARIFF, *, energy_wh: int = 21_300, minutes: int = 40, idle_minutes: int = 5) -> Cost:
    """The cost of a session."""
    return tariff.estimate(energy_wh=energy_wh, minutes=minutes, idle_minutes=idle_minutes)


def draft(*, of: Cost | None = None, facts: MoneyFacts | None = None, confirming: int = 0, **changes: Any) -> Receipt:
    """A receipt before it is sealed; 50.00 held and the cost captured unless `facts` says otherwise."""
    of = of or cost()
    due_of = to_minor(of.total)
    facts = facts or MoneyFacts(currency=of.currency, authorized=5000, captured=due_of, released=5000 - due_of)
    settlement, due = settlement_of(total=due_of, captured=facts.captured, confirming=confirming)
    fields = {
        "session": session(),
        "cost": of,
        "facts": facts,
        "settlement": settlement,
        "due": Money(Decimal(due).scaleb(-2), of.currency),
        "seller": SELLER,
        "issued_at": START + timedelta(minutes=46),
        "test": False,
        "method": PaymentMethod("pm_1", brand="visa", last4="4242", expires="2030-12"),
        "processor": "stripe",
        "processor_reference": "pi_3Qx",
    }
    return draft_receipt(**{**fields, **changes})


def receipt(**changes: Any) -> Receipt:
    """A sealed receipt."""
    return sealed(draft(**changes))


def sealed(document: Receipt, *, number: int = 42) -> Receipt:
    """The document with its number and hash."""
    return seal(document, series="R-2026-", number=number, previous_hash="0" * 64)


def credit_note(original: Receipt, amount: str = "2.00", *, currency: str = "", **changes: Any) -> Receipt:
    """A sealed credit note of a receipt."""
    money = Money(amount, currency or original.total.currency.code)
    settlement, due = settlement_of(total=to_minor(money), captured=to_minor(money), confirming=0)
    fields = {
        "amount": money,
        "reason": "cable fault",
        "facts": MoneyFacts(
            currency=money.currency.code,
            authorized=5000,
            captured=to_minor(original.captured),
            released=to_minor(original.released),
            refunded=to_minor(money),
        ),
        "settlement": settlement,
        "due": Money(Decimal(due).scaleb(-2), money.currency.code),
        "issued_at": START + timedelta(days=1),
        "processor_reference": "re_9",
    }
    return sealed(draft_credit_note(original=original, **{**fields, **changes}), number=43)
