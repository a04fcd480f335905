"""How Braintree's own gateway behaves, as its SDK's integration tests have it, tried at our emulator through that SDK.

What is expected is read from the document; here is only what to do in each case of it, by its number there.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from evpay_contrib_emulators import RunningEmulator, running

from tests.emulators.braintree_desk import braintree, sdk_for
from tests.judges.verdict import Bench, Verdict

__all__ = ["judge_braintree_behaviour"]

_DOCUMENT: Final = "braintree/expected-behaviour.json"
_ACCOUNT: Final = "usd_account"
_VISA: Final = {"number": "4111111111111111", "expiration_date": "05/2030"}
_DISPUTED: Final = {"number": "4023898493988028", "expiration_date": "05/2030"}
_PASS_THRU: Final = {"eci_flag": "05", "cavv": "some_cavv", "xid": "some_xid", "three_d_secure_version": "2.2.0"}
_SUBMIT: Final = {"submit_for_settlement": True}
_ANYTHING: Final = "anything"

Found: TypeAlias = Mapping[str, Any]


class _Desk:
    """The SDK, the emulator behind it, and the steps that several cases share."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.emulator = emulator
        self.gateway: Any = sdk_for(emulator.url)

    def sale(self, amount: str = "1000.00", **changes: Any) -> Any:
        params = {"amount": amount, "credit_card": _VISA, **changes}
        return self.gateway.transaction.sale({name: value for name, value in params.items() if value is not None})

    def held(self, amount: str = "1000.00", **changes: Any) -> str:
        return str(self.sale(amount, **changes).transaction.id)

    def settled(self, amount: str = "1000.00") -> str:
        sold = self.held(amount, options=_SUBMIT)
        self.emulator.act("settle", id=sold)
        return sold

    def told(self, result: Any, *names: str) -> Found:
        """Return what a result says of a transaction, by the names that the document has for it."""
        transaction = getattr(result, "transaction", None)
        return {name: _value(getattr(transaction, name.removeprefix("transaction."))) for name in names}

    def error(self, result: Any) -> Found:
        return {"error": next(iter(_errors(result.errors.errors.data)))}


def _value(value: Any) -> Any:
    return f"{value:.2f}" if type(value).__name__ == "Decimal" else value


def _errors(told: Mapping[str, Any], path: str = "") -> list[list[str]]:
    """Return path and code of each validation error, as the document writes them."""
    own = [[f"{path}{error['attribute']}", error["code"]] for error in told.get("errors", [])]
    nested = [(name, value) for name, value in told.items() if isinstance(value, dict)]
    return own + [error for name, value in nested for error in _errors(value, f"{path}{name}.")]


def _is_same(desk: _Desk, verb: str, *arguments: Any) -> Found:
    first = getattr(desk.gateway.transaction, verb)(*arguments)
    again = getattr(desk.gateway.transaction, verb)(*arguments)
    return {
        "is_success": bool(first.is_success and again.is_success),
        "same transaction id": first.transaction.id == again.transaction.id,
    }


# --- cases, by number


def _sold_with(**changes: Any) -> Callable[[_Desk], Found]:
    return lambda desk: desk.told(desk.sale(**changes), "status")


def _declined(amount: str) -> Callable[[_Desk], Found]:
    def case(desk: _Desk) -> Found:
        result = desk.sale(amount)
        names = ("transaction.status", "processor_response_type", "additional_processor_response")
        return {"is_success": result.is_success, **desk.told(result, *names)}

    return case


def _refused_with(**changes: Any) -> Callable[[_Desk], Found]:
    return lambda desk: desk.error(desk.sale(**changes))


def _from_source(source: str) -> Callable[[_Desk], Found]:
    return lambda desk: desk.told(desk.sale(transaction_source=source), "recurring")


def _rejected(case: Mapping[str, Any]) -> Callable[[_Desk], Found]:
    return lambda desk: desk.told(desk.sale(**case), "gateway_rejection_reason")


def _unknown_id(desk: _Desk) -> Found:
    try:
        desk.gateway.transaction.find("notreal")
    except braintree.exceptions.NotFoundError:
        return {"http": 404}
    return {"http": 200}


def _voided(desk: _Desk) -> Found:
    held = desk.held()
    result = desk.gateway.transaction.void(held)
    return {**desk.told(result, "status"), "same id": result.transaction.id == held}


def _submitted(*amount: str) -> Callable[[_Desk], Found]:
    def case(desk: _Desk) -> Found:
        return desk.told(desk.gateway.transaction.submit_for_settlement(desk.held(), *amount), "status", "amount")

    return case


def _in_parts(desk: _Desk, *options: Mapping[str, Any]) -> tuple[str, list[Any]]:
    desk.emulator.configure(card_partial_settlement=True)
    held = desk.held()
    take = desk.gateway.transaction.submit_for_partial_settlement
    return held, [take(held, "500.00", dict(option)) for option in options]


def _two_parts(desk: _Desk) -> Found:
    held, parts = _in_parts(desk, {}, {})
    parent = desk.gateway.transaction.find(held)
    wanted = {"type": "sale", "status": "submitted_for_settlement", "amount": "500.00", "new id": True}
    each = [{**desk.told(one, "type", "status", "amount"), "new id": one.transaction.id != held} for one in parts]
    told = {
        "partial_settlement_transaction_ids": len(parent.partial_settlement_transaction_ids),
        "status": parent.status,
    }
    named = all(one.transaction.authorized_transaction_id == held for one in parts)
    whole = {**wanted, "authorized_transaction_id": "<parent>"}
    return {"parent": told, "each": whole if named and each == [wanted, wanted] else each}


def _last_part(desk: _Desk) -> Found:
    held, parts = _in_parts(desk, {}, {"final_capture": True})
    return {"is_success": parts[1].is_success, "parent.status": desk.gateway.transaction.find(held).status}


def _part_of_a_part(desk: _Desk) -> Found:
    _, parts = _in_parts(desk, {})
    return desk.error(desk.gateway.transaction.submit_for_partial_settlement(parts[0].transaction.id, "100.00"))


def _adjusted(desk: _Desk) -> Found:
    held = desk.held("75.50")
    result = desk.gateway.transaction.adjust_authorization(held, "85.50")
    same = {"is_success": result.is_success, "same id": result.transaction.id == held}
    return {**same, **desk.told(result, "amount")}


def _not_adjusted(amount: str, *, adjustment: str = "both", **changes: Any) -> Callable[[_Desk], Found]:
    def case(desk: _Desk) -> Found:
        desk.emulator.configure(adjustment=adjustment)
        return desk.error(desk.gateway.transaction.adjust_authorization(desk.held("75.50", **changes), amount))

    return case


def _refunded(desk: _Desk) -> Found:
    sold = desk.settled()
    result = desk.gateway.transaction.refund(sold)
    told = desk.told(result, "type", "amount")
    return {
        **told,
        "refunded_transaction_id": "<original>" if result.transaction.refunded_transaction_id == sold else 0,
    }


def _refunded_twice(desk: _Desk) -> Found:
    sold = desk.settled()
    for _ in range(2):
        desk.gateway.transaction.refund(sold, "500.00")
    return {"original.refund_ids": len(desk.gateway.transaction.find(sold).refund_ids)}


def _refunded_too_often(desk: _Desk) -> Found:
    sold = desk.settled()
    desk.gateway.transaction.refund(sold)
    return desk.error(desk.gateway.transaction.refund(sold))


def _refund_declined(desk: _Desk) -> Found:
    result = desk.gateway.transaction.refund(desk.settled("9000.00"), "2004.00")
    return {
        "is_success": result.is_success,
        **desk.told(result, "transaction.status", "processor_response_type", "additional_processor_response"),
    }


def _refund_echoes(desk: _Desk) -> Found:
    sold, options = desk.settled(), {"amount": "1.00", "order_id": "abcd", "merchant_account_id": _ACCOUNT}
    made = desk.gateway.transaction.refund(sold, options).transaction
    return {"echoed": (str(made.amount), made.order_id, made.merchant_account_id) == tuple(options.values())}


def _same_key(desk: _Desk) -> Found:
    held, sold = desk.held(), desk.settled()
    params = {"amount": "10.00", "credit_card": _VISA, "api_request_key": "k1"}
    tries = (
        ("sale", params),
        ("submit_for_settlement", held, "500.00", {"api_request_key": "k2"}),
        ("void", desk.held(), {"api_request_key": "k3"}),
        ("refund", sold, {"amount": "1.00", "api_request_key": "k4"}),
    )
    found = [_is_same(desk, *one) for one in tries]
    return found[0] if all(one == found[0] for one in found) else {"is_success": found, "same transaction id": found}


def _key_of_another(desk: _Desk) -> Found:
    desk.sale("10.00", api_request_key="k1")
    return {"error": desk.error(desk.sale("11.00", api_request_key="k1"))["error"][1]}


def _key_too_long(desk: _Desk) -> Found:
    fits = desk.sale("10.00", api_request_key="k" * 255).is_success
    return {
        "error": desk.error(desk.sale("10.00", api_request_key="k" * 256))["error"][1] if fits else "255 are refused"
    }


def _disputed(desk: _Desk) -> Found:
    disputes = desk.sale(credit_card=_DISPUTED, options=_SUBMIT).transaction.disputes
    return {"transaction.disputes": len(disputes), "dispute.status": disputes[0].status if disputes else None}


def _accepted(desk: _Desk) -> Found:
    (dispute,) = desk.sale(credit_card=_DISPUTED, options=_SUBMIT).transaction.disputes
    desk.gateway.dispute.accept(dispute.id)
    return {"dispute.status": desk.gateway.dispute.find(dispute.id).status}


_VAULTED: Final = {"status": "will_vault", "previous_network_transaction_id": "123456789012345"}
_CASES: Final[Mapping[int, Callable[[_Desk], Found]]] = {
    0: _sold_with(),
    1: _sold_with(options=_SUBMIT),
    2: _declined("2000.00"),
    3: _declined("2015.00"),
    8: _sold_with(three_d_secure_pass_thru=_PASS_THRU),
    9: _from_source("recurring"),
    10: _from_source("moto"),
    11: _refused_with(transaction_source="invalid_value"),
    13: _refused_with(external_vault={"status": "bad value"}),
    14: _refused_with(external_vault=_VAULTED),
    18: _unknown_id,
    19: _voided,
    20: lambda desk: desk.error(desk.gateway.transaction.void(desk.held("2000.00"))),
    21: _submitted(),
    22: _submitted("900.00"),
    23: lambda desk: desk.error(desk.gateway.transaction.submit_for_settlement(desk.held(), "1200.00")),
    24: _two_parts,
    25: _last_part,
    26: _part_of_a_part,
    27: _adjusted,
    28: _not_adjusted("85.50", adjustment="none"),
    29: _not_adjusted("0.0"),
    30: _not_adjusted("75.50"),
    31: _not_adjusted("85.50", transaction_source="recurring"),
    34: _refunded,
    35: _refunded_twice,
    36: _refunded_too_often,
    37: lambda desk: desk.error(desk.gateway.transaction.refund(desk.held(options=_SUBMIT))),
    39: _refund_declined,
    40: _refund_echoes,
    41: _same_key,
    42: _key_of_another,
    43: _key_too_long,
    44: _disputed,
    45: _accepted,
}


async def judge_braintree_behaviour(bench: Bench) -> Verdict:
    """Do what each case says, and compare with what is expected there."""
    cases = json.loads(bench.document(_DOCUMENT).read_text(encoding="utf-8"))["cases"]
    verdict = Verdict()
    with running("braintree", merchant_accounts={_ACCOUNT: "USD"}) as emulator:
        for number, case in _CASES.items():
            emulator.clear()
            expected, found = cases[number]["expect"], _tried(case, _Desk(emulator))
            for name, value in found.items():
                wanted = expected.get(name, "nothing of that name")
                fits = value in wanted.split(" | ") if isinstance(wanted, str) and " | " in wanted else value == wanted
                what = f"case {number}, {cases[number]['op']}: {name}"
                verdict.note(None if fits else f"{what} is {value!r} instead of {wanted!r}")
    return verdict


def _tried(case: Callable[[_Desk], Found], desk: _Desk) -> Found:
    try:
        return case(desk)
    except Exception as error:  # whatever the SDK makes of an answer that it does not understand
        return {_ANYTHING: f"{type(error).__name__}: {error}"}
