"""Adapters with one sin each, and the checks that must turn red by it: these, and no other.

Each is the adapter that `evpay providers new` writes, with one method or two done wrong.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import anyio

from evpay.payments.account import Capabilities
from evpay.payments.reasons import Reason
from evpay.providers import (
    Absent,
    Declined,
    Failed,
    Observation,
    Outcome,
    Pending,
    Succeeded,
    Unknown,
    json_object,
)
from evpay.testing.conformance.orders import new_name

SINS: Final[dict[str, tuple[Callable[[Any], type], frozenset[str]]]] = {}


def sin(*reds: str) -> Callable[[Callable[[Any], type]], Callable[[Any], type]]:
    """Write a sin down under its name, with the checks that it breaks."""

    def noted(make: Callable[[Any], type]) -> Callable[[Any], type]:
        SINS[make.__name__] = (make, frozenset(reds))
        return make

    return noted


def turned(toy: Any, unknown: Callable[[str], bool], into: Callable[[Any], Outcome]) -> type:
    """An adapter that takes some of what is Unknown for something else."""

    class Sinner(toy.package.ToyForTestsProvider):
        async def _do(self, path: str, body: Any, request: Any, read: Any) -> Outcome:
            outcome = await super()._do(path, body, request, read)
            return into(request) if isinstance(outcome, Unknown) and unknown(outcome.detail) else outcome

    return Sinner


def _not_sent(request: Any) -> Outcome:
    return Failed(reason=Reason.NOT_SENT, code="lost")


def _succeeded(request: Any) -> Outcome:
    return Succeeded(amount=getattr(request, "total", None) or request.amount, id="made_up")


@sin("lost_answer_is_unknown")
def takes_a_lost_answer_for_unsent(toy):
    return turned(toy, lambda detail: detail.endswith("Error") and " " not in detail, _not_sent)


@sin("server_error_is_unknown")
def takes_a_broken_server_for_a_refusal(toy):
    def refused(request: Any) -> Outcome:
        return Declined(reason=Reason.ISSUER_UNAVAILABLE, code="500")

    return turned(toy, lambda detail: detail.startswith("HTTP 50"), refused)


@sin("unreadable_answer_is_unknown")
def takes_any_200_for_success(toy):
    return turned(toy, lambda detail: "not as documented" in detail, _succeeded)


@sin("unlisted_status_is_unknown")
def guesses_at_a_status(toy):
    return turned(toy, lambda detail: detail.startswith("the status"), lambda request: Pending(id="guessed"))


@sin("echo_is_unknown")
def takes_an_echo_for_success(toy):
    return turned(toy, lambda detail: detail.endswith(("already_captured", "already_refunded")), _succeeded)


@sin("in_flight_duplicate_is_unknown")
def takes_a_duplicate_for_a_refusal(toy):
    return turned(toy, lambda detail: "key_in_use" in detail, lambda request: Failed(reason=Reason.INVALID_STATE))


@sin("throttling_is_never_a_decline")
def takes_throttling_for_a_decline(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def _do(self, path, body, request, read):
            outcome = await super()._do(path, body, request, read)
            is_limited = isinstance(outcome, Failed) and outcome.reason is Reason.RATE_LIMITED
            return Declined(reason=Reason.DO_NOT_HONOR, code="429") if is_limited else outcome

    return Sinner


@sin("connect_failure_is_not_sent")
def knows_nothing_of_unsent(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def _send(self, *args, **options):
            reply = await super()._send(*args, **options)
            return Unknown(detail="perhaps") if isinstance(reply, Failed) else reply

    return Sinner


@sin("no_sdk_retries")
def retries_by_itself(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def _do(self, path, body, request, read):
            first = await super()._do(path, body, request, read)
            return await super()._do(path, body, request, read) if isinstance(first, Unknown) else first

    return Sinner


@sin("key_on_the_wire_and_stable", "resend_has_one_effect", "simultaneous_resend_has_one_effect")
def makes_up_keys(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def _do(self, path, body, request, read):
            return await super()._do(path, body, replace(request, idempotency_key=new_name()), read)

    return Sinner


@sin("reference_on_the_wire")
def forgets_the_reference_of_captures(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def _do(self, path, body, request, read):
            return await super()._do(path, body | ({"reference": "-"} if "captures" in path else {}), request, read)

    return Sinner


@sin("redirect_is_not_followed")
def follows_redirects(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def _send(self, method, path, headers, **options):
            reply = await super()._send(method, path, headers, **options)
            if isinstance(reply, Unknown) and reply.detail == "HTTP 307":
                await super()._send(method, "/evpay-was-redirected", headers, **options)
            return reply

    return Sinner


@sin("extra_passes_through", "extra_cannot_override")
def drops_extra(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def _do(self, path, body, request, read):
            return await super()._do(path, body, replace(request, extra={}), read)

    return Sinner


@sin("extra_cannot_override")
def lets_extra_win(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def _do(self, path, body, request, read):
            return await super()._do(path, {**body, **request.extra}, replace(request, extra={}), read)

    return Sinner


@sin("one_effect_per_call", "no_sdk_retries", "key_on_the_wire_and_stable")
def sends_two_effects(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def refund(self, request):
            note = {"amount": 0, "reference": request.reference}
            other = replace(request, idempotency_key=new_name())
            await self._do(toy.adapter._path(request.handle.id, "notes"), note, other, lambda body: body)
            return await super().refund(request)

    return Sinner


@sin("foreign_ids_stay_ids", "no_foreign_exception")
def pastes_ids_into_paths(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def capture(self, request):
            if not request.final:
                return await super().capture(request)
            body = {"amount": toy.adapter.mapping.to_wire(request.amount), "reference": request.reference}
            path = f"/payments/{request.handle.id}/captures"
            return await self._do(path, body, request, toy.adapter.mapping.capture_outcome)

    return Sinner


@sin("cancellation_passes_through")
def swallows_cancellation(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def capture(self, request):
            try:
                return await super().capture(request)
            except anyio.get_cancelled_exc_class():
                return Unknown(detail="cancelled")

    return Sinner


@sin("nothing_left_open")
def closes_nothing(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def aclose(self):
            keep.extend(self._clients.values())

    keep: list[Any] = []
    return Sinner


@sin("close_twice")
def closes_once_only(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        closed = 0

        async def aclose(self):
            self.closed += 1
            if self.closed == 2:
                raise RuntimeError("closed already")
            await super().aclose()

    return Sinner


@sin("works_in_every_loop")
def belongs_to_one_loop(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        only = None

        def _client(self):
            self.only = self.only or super()._client()
            return self.only

    return Sinner


@sin("many_at_once", "amounts_exact_for_every_currency")
def mixes_payments_up(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def authorize(self, request):
            self.last = request.amount
            outcome = await super().authorize(request)
            is_whole = isinstance(outcome, Succeeded) and outcome.amount == request.amount
            return replace(outcome, amount=self.last) if is_whole else outcome

    return Sinner


@sin("confirmed_amount_wins")
def confirms_what_was_asked(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def authorize(self, request):
            outcome = await super().authorize(request)
            return replace(outcome, amount=request.amount) if isinstance(outcome, Succeeded) else outcome

    return Sinner


@sin("declines_map_to_reasons")
def knows_one_reason_only(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def authorize(self, request):
            outcome = await super().authorize(request)
            is_shown = isinstance(outcome, Declined) and outcome.reason is not Reason.AUTHENTICATION_REQUIRED
            return replace(outcome, reason=Reason.OTHER) if is_shown else outcome

    return Sinner


@sin("unlisted_code_is_other")
def guesses_at_a_code(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def authorize(self, request):
            outcome = await super().authorize(request)
            is_other = isinstance(outcome, Declined) and outcome.reason is Reason.OTHER
            return replace(outcome, reason=Reason.INSUFFICIENT_FUNDS) if is_other else outcome

    return Sinner


@sin("untaken_currency_is_refused")
def claims_fewer_currencies_than_it_takes(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        def __init__(self, settings):
            super().__init__(settings)
            rules = {code: rule for code, rule in self._capabilities.amounts.items() if code != "ISK"}
            self._capabilities = replace(self._capabilities, amounts=rules)

    return Sinner


@sin("driver_answer_is_not_believed", "failed_challenge_is_declined")
def believes_the_browser(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def complete(self, request):
            if request.answer.get("result") == "success":
                return Succeeded(amount=request.amount, id=request.handle.id, handle=request.handle)
            return await super().complete(request)

    return Sinner


@sin("lost_leg_of_complete_is_unknown")
def ends_an_authorization_by_a_lost_leg(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def complete(self, request):
            outcome = await super().complete(request)
            is_lost = isinstance(outcome, Unknown) and "could not be read" in outcome.detail
            return Failed(reason=Reason.NOT_SENT, code="lost") if is_lost else outcome

    return Sinner


@sin("failed_read_teaches_nothing")
def takes_a_failed_read_for_absence(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def look_up(self, request):
            found = await super().look_up(request)
            return Absent() if isinstance(found, Unknown) else found

    return Sinner


@sin("look_up_has_no_effect")
def writes_when_it_reads(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def look_up(self, request):
            await self._send("POST", "/payments/x/seen", {"Idempotency-Key": new_name()}, json={})
            return await super().look_up(request)

    return Sinner


@sin("look_up_tells_pending_from_absent")
def looks_at_finished_payments_only(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def look_up(self, request):
            found = await super().look_up(request)
            waits = isinstance(found, Observation) and isinstance(found.reports[0].outcome, Pending)
            return Absent() if waits else found

    return Sinner


@sin("look_up_sees_every_kind")
def claims_to_see_what_it_does_not(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def look_up(self, request):
            found = await super().look_up(request)
            if not isinstance(found, Observation):
                return found
            return replace(found, reports=found.reports[:1], totals=None)

    return Sinner


@sin("void_by_reference")
def pretends_to_void(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def void(self, request):
            if request.handle is None:
                return Succeeded(amount=request.amount, id="made_up")
            return await super().void(request)

    return Sinner


@sin("void_returns_the_rest", "void_by_reference")
def says_nothing_came_free(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def void(self, request):
            outcome = await super().void(request)
            is_done = isinstance(outcome, Succeeded)
            return replace(outcome, amount=outcome.amount - outcome.amount) if is_done else outcome

    return Sinner


@sin("final_capture_releases_as_claimed")
def denies_that_the_rest_comes_free(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        def __init__(self, settings):
            super().__init__(settings)
            self._capabilities = replace(self._capabilities, releases_remainder=False)

    return Sinner


@sin("increment_states_total")
def takes_a_total_for_a_difference(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        def __init__(self, settings):
            super().__init__(settings)
            self._capabilities = replace(self._capabilities, increment=True)

        async def increment(self, request):
            more = toy.adapter.mapping.to_wire(request.total - request.authorized)
            body = {"total": more, "reference": request.reference}
            path = toy.adapter._path(request.handle.id, "increments")
            return await self._do(path, body, request, toy.adapter.mapping.authorize_outcome)

    return Sinner


@sin("declined_increment_keeps_hold")
def takes_a_refused_increment_for_the_end(toy):
    class Sinner(takes_a_total_for_a_difference(toy)):
        async def increment(self, request):
            body = {"total": toy.adapter.mapping.to_wire(request.total), "reference": request.reference}
            path = toy.adapter._path(request.handle.id, "increments")
            outcome = await self._do(path, body, request, toy.adapter.mapping.authorize_outcome)
            if isinstance(outcome, Declined):
                note = {"reference": request.reference}
                await self._do(toy.adapter._path(request.handle.id, "cancel"), note, request_again(request), dict)
            return outcome

    return Sinner


def request_again(request: Any) -> Any:
    return replace(request, idempotency_key=new_name())


@sin("off_session_needs_nobody")
def claims_to_charge_with_nobody_there(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        def __init__(self, settings):
            super().__init__(settings)
            self._capabilities = replace(self._capabilities, off_session=True)

        async def authorize(self, request):
            if request.off_session:
                return Declined(reason=Reason.AUTHENTICATION_REQUIRED, code="nobody_there")
            return await super().authorize(request)

    return Sinner


@sin("driver_needed_off_session_is_declined")
def asks_a_driver_who_is_not_there(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def authorize(self, request):
            return await super().authorize(replace(request, off_session=False))

    return Sinner


@sin("void_before_approval")
def leaves_what_waits(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def void(self, request):
            payment = await self._read(toy.adapter._path(request.handle.id), dict) if request.handle else {}
            if isinstance(payment, dict) and payment.get("status") == "requires_driver":
                return Succeeded(amount=request.amount - request.amount, id="made_up")
            return await super().void(request)

    return Sinner


@sin("complete_is_repeatable")
def completes_once_only(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def complete(self, request):
            if request.reference in (done := self.__dict__.setdefault("done", set())):
                return Failed(reason=Reason.INVALID_STATE, code="done")
            done.add(request.reference)
            return await super().complete(request)

    return Sinner


@sin("expiry_stated", "expired_hold_is_not_captured")
def states_an_expiry_that_is_over(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def authorize(self, request):
            outcome = await super().authorize(request)
            if not isinstance(outcome, Succeeded) or outcome.hold is None or request.return_url is None:
                return outcome
            return replace(outcome, hold=replace(outcome.hold, expires=datetime(2020, 1, 1, tzinfo=UTC)))

    return Sinner


@sin("authorized_has_handle_and_hold", "nothing_secret_in_repr")
def keeps_its_key_in_the_memo(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def authorize(self, request):
            outcome = await super().authorize(request)
            if not isinstance(outcome, Succeeded):
                return outcome
            memo = {"key": self._settings.api_key.get_secret_value()}
            return replace(outcome, handle=replace(outcome.handle, memo=memo))

    return Sinner


@sin("pending_is_neither_yes_nor_no", "look_up_tells_pending_from_absent")
def takes_pending_for_a_yes(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def authorize(self, request):
            outcome = await super().authorize(request)
            return Succeeded(amount=request.amount, id=outcome.id) if isinstance(outcome, Pending) else outcome

    return Sinner


@sin("settlement_ids_stable", "settlement_cursor_resumes")
def claims_settlements_that_it_has_not(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        def __init__(self, settings):
            super().__init__(settings)
            self._capabilities = replace(self._capabilities, settlements=True)

    return Sinner


@sin("refunds_add_up")
def refunds_what_is_not_there(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def refund(self, request):
            outcome = await super().refund(request)
            is_more = isinstance(outcome, Failed) and outcome.reason is Reason.AMOUNT_TOO_LARGE
            return Succeeded(amount=request.amount, id="made_up") if is_more else outcome

    return Sinner


@sin("over_capture_as_the_hold_says")
def captures_what_is_not_there(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def capture(self, request):
            outcome = await super().capture(request)
            is_more = isinstance(outcome, Failed) and outcome.reason is Reason.AMOUNT_TOO_LARGE
            return Succeeded(amount=request.amount, id="made_up") if is_more else outcome

    return Sinner


@sin("multiple_captures_as_the_hold_says")
def takes_any_capture_for_the_last(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def capture(self, request):
            return await super().capture(replace(request, final=True))

    return Sinner


@sin("expired_hold_is_not_captured")
def captures_what_is_over(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def capture(self, request):
            outcome = await super().capture(request)
            is_over = isinstance(outcome, Failed) and outcome.reason is Reason.AUTHORIZATION_EXPIRED
            return Succeeded(amount=request.amount, id="made_up") if is_over else outcome

    return Sinner


@sin("look_up_finds_by_reference")
def looks_up_by_id_only(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def look_up(self, request):
            found = await super().look_up(request)
            if request.handle is None and isinstance(found, Observation):
                return replace(found, payment_reference="another", payment_id="another", reports=())
            return found

    return Sinner


@sin("refusals_send_nothing")
def refuses_without_a_name(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def increment(self, request):
            return Failed(reason=Reason.INCREMENT_NOT_AVAILABLE)

    return Sinner


@sin("claims_are_stable")
def changes_its_claims(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        calls = 0

        @property
        def capabilities(self) -> Capabilities:
            self.calls += 1
            return replace(super().capabilities, off_session=self.calls > 2)

    return Sinner


@sin("nothing_secret_in_repr")
def shows_its_key(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        def __repr__(self):
            return f"Provider({self._settings.api_key.get_secret_value()})"

    return Sinner


@sin("nothing_secret_in_logs")
def logs_its_key(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def _send(self, method, path, headers, **options):
            logging.getLogger("sinner").debug("with %s", self._settings.api_key.get_secret_value())
            return await super()._send(method, path, headers, **options)

    return Sinner


@sin("nothing_secret_in_transcripts")
def sends_its_key_in_the_address(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def authorize(self, request):
            path = f"/payments?key={self._settings.api_key.get_secret_value()}"
            await self._send("GET", path, {})
            return await super().authorize(request)

    return Sinner


@sin(
    "construction_sends_nothing",
    "connect_failure_is_not_sent",
    "lost_leg_of_complete_is_unknown",
    "failed_read_teaches_nothing",
)
def connects_when_it_is_made(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        def __init__(self, settings):
            super().__init__(settings)
            import urllib.request

            urllib.request.urlopen(settings.base_url + "/payments?reference=x", timeout=5).close()

    return Sinner


@sin("no_foreign_exception", "foreign_ids_stay_ids")
def lets_exceptions_out(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def capture(self, request):
            outcome = await super().capture(request)
            if isinstance(outcome, Failed) and outcome.code == "not_found":
                raise LookupError(request.handle.id)
            return outcome

    return Sinner


@sin("memo_round_trips")
def remembers_in_the_object(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def authorize(self, request):
            outcome = await super().authorize(request)
            self.known = {*getattr(self, "known", ()), getattr(outcome, "id", None)}
            return outcome

        async def capture(self, request):
            if hasattr(self, "known") or request.handle.id.startswith(("no-such", "odd", "plain", "unclaimed")):
                return await super().capture(request)
            return Failed(reason=Reason.INVALID_REQUEST, code="never_seen")

    return Sinner


def webhook_sin(toy: Any, change: Callable[[Any, Any], Any]) -> type:
    class Sinner(toy.package.ToyForTestsProvider):
        async def parse_webhook(self, request):
            return await change(super().parse_webhook, request)

    return Sinner


@sin("forged_webhook_refused", "malformed_webhook_refused", "stale_webhook_refused")
def believes_everybody(toy):
    async def believed(parse, request):
        event = json_object(request.body[:100_000], account="toy_for_tests")
        if event.get("live") is not False or event.get("account") != "toy_for_tests":
            return await parse(request)
        return (toy.webhooks._about(event, toy_settings(toy)),) if event.get("type") == "payment.updated" else ()

    return webhook_sin(toy, believed)


SECRETS = ("toy-signing-secret-one", "toy-signing-secret-two")


def toy_settings(toy: Any, **fields: Any) -> Any:
    return toy.package.ToyForTestsSettings(api_key="test_x", **fields)


@sin("stale_webhook_refused")
def asks_no_clock(toy):
    async def undated(parse, request):
        stamp = request.headers.get("toy-for-tests-signature", "").partition("=")[2].partition(",")[0]
        if stamp.isascii() and stamp.isdecimal() and len(stamp) == 10:
            request = replace(request, received_at=datetime.fromtimestamp(int(stamp), request.received_at.tzinfo))
        return await parse(request)

    return webhook_sin(toy, undated)


@sin("redelivery_same_event_id", "any_order_same_facts")
def numbers_events_by_the_clock(toy):
    async def renumbered(parse, request):
        return tuple(replace(found, event_id=str(time.monotonic_ns())) for found in await parse(request))

    return webhook_sin(toy, renumbered)


@sin("webhook_names_its_payment")
def names_no_payment(toy):
    async def nameless(parse, request):
        return tuple(replace(found, payment_id="?", payment_reference="?") for found in await parse(request))

    return webhook_sin(toy, nameless)


@sin("every_active_secret_is_accepted")
def knows_one_secret(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        def __init__(self, settings):
            super().__init__(settings.model_copy(update={"webhook_secrets": settings.webhook_secrets[:1]}))

    return Sinner


@sin("unknown_event_says_nothing")
def reports_unknown_events(toy):
    async def reported(parse, request):
        found = await parse(request)
        return found or (Observation(payment_reference="?", event_id="evt"),)

    return webhook_sin(toy, reported)


@sin("other_mode_refused")
def listens_to_other_modes(toy):
    async def any_mode(parse, request):
        event = json_object(request.body[:100_000], account="toy_for_tests")
        toy.webhooks._prove(request, toy_settings(toy, webhook_secrets=SECRETS))
        known = event.get("type") == "payment.updated"
        return (toy.webhooks._about(event, toy_settings(toy)),) if known else ()

    return webhook_sin(toy, any_mode)


@sin("refund_before_settlement")
def refuses_whole_refunds(toy):
    class Sinner(toy.package.ToyForTestsProvider):
        async def refund(self, request):
            outcome = await super().refund(request)
            is_whole = isinstance(outcome, Succeeded) and outcome.amount.amount == 20
            return Failed(reason=Reason.INVALID_STATE, code="whole") if is_whole else outcome

    return Sinner
