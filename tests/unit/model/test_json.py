"""Every model of the face comes back from its JSON as it was, and has a JSON Schema."""

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import TypeAdapter

import evpay
from evpay import (
    ActionRequired,
    Attempt,
    ConfirmOnDevice,
    Connector,
    Cost,
    Debt,
    Declined,
    Exposure,
    Failed,
    Funding,
    MeterReading,
    Money,
    MoneyFacts,
    OpenLink,
    Operation,
    OperationKind,
    Outcome,
    PaymentIntent,
    PaymentMethod,
    Pending,
    Policy,
    PricingPolicy,
    Problem,
    Reason,
    Receipt,
    Recovery,
    RunClientSdk,
    SavedMethod,
    Seller,
    Session,
    Site,
    Succeeded,
    Tariff,
    Unknown,
    WebhookReply,
)
from evpay.events import (
    AdmissionChanged,
    AttentionNeeded,
    DebtChanged,
    Event,
    PaymentChanged,
    ReceiptIssued,
    StopRequested,
)
from evpay.instants import microseconds
from evpay.model import FrozenModel
from evpay.payments.account import Account
from evpay.payments.exposure import Decision
from evpay.payments.outcome import Handle, Hold
from evpay.tariffs.compile import compile_tariff
from evpay.tariffs.meter import CostMeter

AT = datetime(2026, 7, 1, 10, 0, 0, 123, tzinfo=UTC)
METHOD = PaymentMethod(
    "tok", kind="wallet", account="main", customer="c", brand="visa", last4="4242", expires="2030-01"
)
READING = MeterReading(
    at=AT, energy_wh="1.5", register_wh="90.000001", power_w=7, soc_percent=50, state="idle", signed="s"
)
SITE = Site(id="X", name="N", address="A", country="DE", time_zone="Europe/Berlin", policy={"hold": "5 EUR"})
CONNECTOR = Connector(id="C", max_power_w=22_000, current="ac", meter_interval_s=None, stop_latency_s=None)
SESSION = Session(
    id="S", tenant="t", status="idle", admission="allow", driver="d", site=SITE, connector=CONNECTOR, tariff_id="T",
    tariff_hash="h", intent_id="I", limit=Money(20, "EUR"), started_at=AT, charging_ended_at=AT, energy_wh="1.5",
    first_reading=READING, last_reading=READING, signed_data=("s",), flags={"falling_meter", "implausible_time"},
    created_at=AT, updated_at=AT,
)  # fmt: skip
TARIFF = Tariff.per_kwh("0.49", currency="EUR", vat="19", prices="gross", parking_per_hour="6.00")


def cost_of_an_hour():
    meter = CostMeter(compile_tariff(TARIFF), start_us=microseconds(AT))
    meter.read(microseconds(AT) + 3_600_000_000, 21_300 * 3_600_000, charging=True)
    return meter.cost()


COST = cost_of_an_hour()
HANDLE = Handle(id="pi_1", memo={"a": "b"})
OUTCOMES = [
    Succeeded(amount=Money("12.30", "EUR"), id="x", handle=HANDLE, saved_method=METHOD, slip={"brand": "visa"},
              hold=Hold(expires=AT, capture_limit=Money(15, "EUR"))),
    Succeeded(amount=Money("12.30", "EUR"), hold=Hold(expires=timedelta(days=6, hours=18), increment=True)),
    Succeeded(amount=Money(0, "JPY"), hold=Hold(expires=None)),
    Pending(id="x", handle=HANDLE),
    ActionRequired(action=OpenLink(uri="https://example.com"), expires=timedelta(minutes=5)),
    ActionRequired(action=RunClientSdk(payload={"a": [1, None, {"b": "c"}]}), expires=AT, handle=HANDLE),
    ActionRequired(action=ConfirmOnDevice(device="phone")),
    Declined(reason=Reason.DO_NOT_HONOR, code="05", id="x"),
    Failed(reason=Reason.NOT_SENT),
    Unknown(detail="no answer"),
]  # fmt: skip
FACTS = MoneyFacts(currency="EUR", authorized=5000, captured=1044, released=3956, refunded=200, charged_back=1)


def operation(outcome):
    return Operation(
        id="O", kind=OperationKind.CAPTURE, state="succeeded", amount=Money("10.44", "EUR"), outcome=outcome,
        account="main", reference="r", processor_reference="p", raw_code="05", actor="a", reason="r", asked_at=AT,
        answered_at=AT,
    )  # fmt: skip


ATTEMPT = Attempt(
    account=Account(provider="sandbox", name="main", live=False), funding=Funding.HOLD, status="captured",
    reference="r", processor_id="pi_1", facts=FACTS, hold_expires_at=AT,
)  # fmt: skip
INTENT = PaymentIntent(
    id="I", key="k", tenant="t", session_id="S", status="captured", outcome=OUTCOMES[0], facts=FACTS, method=METHOD,
    attempts=(ATTEMPT,), operations=tuple(operation(outcome) for outcome in OUTCOMES), available=("refund",),
    hold_expires_at=AT, unresolved=True, created_at=AT, updated_at=AT,
)  # fmt: skip
DEBT = Debt(id="D", session_id="S", amount=Money(1, "EUR"), collected=Money(0, "EUR"), status="open",
            reason="cost_not_captured", created_at=AT, updated_at=AT)  # fmt: skip
EXPOSURE = Exposure(
    session_id="S", at=AT, decision=Decision.STOP, reason="hold_reached", cost=COST, largest_cost=Money(9, "EUR"),
    hold=Money(5, "EUR"), remaining=Money(0, "EUR"), unsecured=Money(4, "EUR"), limit=Money(20, "EUR"),
    energy_wh=Decimal("21300.5"), power_w=7, duration_s=3600, stop_at_energy_wh=1, lasts_until=AT, hold_expires_at=AT,
    increment="declined",
)  # fmt: skip
RECEIPT = Receipt(
    number="R-1", kind="receipt", issued_at=AT, test=True, seller=Seller(id="acme", name="Acme"), site=SITE,
    connector=CONNECTOR, session_id="S", started_at=AT, energy_wh="21300.5", register_begin_wh=1, cost=COST,
    total=Money(9, "EUR"), taxes=({"name": "VAT", "percent": "19", "net": "1 EUR", "amount": "0.19 EUR"},),
    settlement="settled", due=Money(0, "EUR"), authorized=Money(9, "EUR"), captured=Money(9, "EUR"),
    released=Money(0, "EUR"), refunded=Money(0, "EUR"), signed_data=("s",), previous_hash="", hash="h",
)  # fmt: skip
PROBLEM = Problem(code="late_data", subject="S", message="m")
MODELS = [
    METHOD, READING, SITE, CONNECTOR, SESSION, TARIFF, ATTEMPT, INTENT, DEBT, EXPOSURE, RECEIPT, PROBLEM, Site(id="X"),
    PaymentMethod("t"), Policy(), Policy(hold=["5 EUR", "50 NOK"], raise_step="5 EUR", pricing={"decimals": 2}),
    PricingPolicy(), Seller(), Recovery(), WebhookReply(),
    SavedMethod(id="sm_1", driver="anna", method=METHOD, created_at=AT),
]  # fmt: skip
TOLD = {"subject": "S", "number": 7, "at": AT}
EVENTS = [
    AdmissionChanged(session=SESSION, **TOLD), StopRequested(exposure=EXPOSURE, **TOLD),
    PaymentChanged(intent=INTENT, **TOLD), ReceiptIssued(receipt=RECEIPT, **TOLD), DebtChanged(debt=DEBT, **TOLD),
    AttentionNeeded(problem=PROBLEM, **TOLD),
]  # fmt: skip


@pytest.mark.parametrize("value", [*MODELS, *EVENTS], ids=lambda value: type(value).__name__)
def test_model_comes_back_from_its_json(value):
    """What is written to a queue or a log and read again is equal, and writes the same JSON."""
    again = type(value).model_validate_json(value.model_dump_json())

    assert value == again
    assert value.model_dump_json() == again.model_dump_json()


@pytest.mark.parametrize("value", [*MODELS, *EVENTS], ids=lambda value: type(value).__name__)
def test_model_comes_back_from_python(value):
    """A dump in python mode validates to the same value."""
    assert value == type(value).model_validate(value.model_dump())


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.type)
def test_outcome_comes_back_from_its_json_by_its_type(outcome):
    """Declined and Failed have the same fields: the tag tells them apart."""
    adapter = TypeAdapter(Outcome)

    assert outcome == adapter.validate_json(adapter.dump_json(outcome))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_event_comes_back_from_its_json_by_its_type(event):
    """The union is closed and tagged."""
    adapter = TypeAdapter(Event)

    assert event == adapter.validate_json(adapter.dump_json(event))


def test_cost_comes_back_from_its_json():
    """The slotted class of the hot path has the same round trip."""
    adapter = TypeAdapter(Cost)

    assert COST == adapter.validate_json(adapter.dump_json(COST))


def test_every_exported_model_has_an_example_here():
    """A model that is added to the face is tried here too."""
    exported = {getattr(evpay, name) for name in evpay.__all__ if name not in ("EvPay", "Settings")}
    models = {found for found in exported if isinstance(found, type) and issubclass(found, FrozenModel)}

    assert set() == models - {type(value) for value in MODELS} - {Operation}


def test_every_exported_model_has_a_json_schema():
    """A host may describe its own interface with ours; both sides of it."""
    exported = [getattr(evpay, name) for name in evpay.__all__ if name not in ("EvPay", "Settings")]
    values = [found for found in exported if isinstance(found, type) and issubclass(found, FrozenModel)]
    values += [found for found in exported if dataclasses.is_dataclass(found) and found is not evpay.Start]

    for value in [*values, Event, Outcome, Money, Cost]:
        for mode in ("validation", "serialization"):
            assert TypeAdapter(value).json_schema(mode=mode)
