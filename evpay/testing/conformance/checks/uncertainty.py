"""What is not proven is `Unknown`: lost, broken and odd answers, and connections that were never made."""

from collections.abc import Callable
from typing import Final

from evpay.payments.operation import OperationKind
from evpay.payments.reasons import Reason
from evpay.providers import Absent, EffectRequest, Failed, Observation, Pending, Succeeded, Unknown
from evpay.testing.conformance.check import check
from evpay.testing.conformance.proxy import closed_door
from evpay.testing.conformance.trial import Trial
from evpay.testing.conformance.wire import DROP_AFTER, DROP_BEFORE, REDIRECT, Answer, Fault, answering, rewriting

__all__ = [
    "connect_failure_is_not_sent",
    "echo_is_unknown",
    "failed_read_teaches_nothing",
    "in_flight_duplicate_is_unknown",
    "lost_answer_is_unknown",
    "redirect_is_not_followed",
    "server_error_is_unknown",
    "throttling_is_never_a_decline",
    "unlisted_status_is_unknown",
    "unreadable_answer_is_unknown",
]

_BROKEN_SERVER: Final = tuple(
    answering(status, body, after=after, content_type="text/plain")
    for status, body in ((500, b""), (502, b"bad gateway"), (503, b"<html>busy</html>"), (504, b"{}"))
    for after in (True, False)
)
_UNREADABLE: Final = (b"", b"<html>maintenance</html>", b"null", b"[]", b"{}", b'{"id": ', b"\xff\xfe\x00", b"[" * 5000)
_READ_FAULTS: Final = (DROP_AFTER, answering(500, b""), answering(200, b"<html>"), answering(429, b"{}"), REDIRECT)


async def _each(
    trial: Trial, fault: Fault, is_kept: Callable[[object], bool], expected: str, *, kinds: list[OperationKind]
) -> None:
    for kind in kinds:
        request = await trial.prepared(kind)
        async with trial.broken_by(fault):
            outcome = await trial.send(request)
        trial.expect(is_kept(outcome), f"{expected} for {kind}, when the wire was {fault.name}", outcome)


def _is_unknown(outcome: object) -> bool:
    return isinstance(outcome, Unknown)


@check(
    needs_wire=True,
    cure="Answer Failed(NOT_SENT) for exceptions that mean that no connection was made, and for nothing else.",
)
async def connect_failure_is_not_sent(trial: Trial) -> None:
    """Only a failure to connect is `Failed(NOT_SENT)`."""
    with closed_door() as nowhere:
        stranded = trial.fresh(nowhere)
        for kind in trial.sending_kinds():
            request = await trial.prepared(kind)
            outcome = await trial.send(request, by=stranded)
            is_kept = isinstance(outcome, Failed) and outcome.reason is Reason.NOT_SENT
            trial.expect(is_kept, f"Failed(NOT_SENT) for {kind}, when every connection is refused", outcome)


@check(
    needs_wire=True,
    cure="Read errors, closed connections and time-outs come after the request left: map them to Unknown.",
)
async def lost_answer_is_unknown(trial: Trial) -> None:
    """An answer that got lost is `Unknown`, whether or not the effect happened."""
    for fault in (DROP_AFTER, DROP_BEFORE):
        await _each(trial, fault, _is_unknown, "Unknown", kinds=trial.sending_kinds())


@check(needs_wire=True, cure="Map every status from 500 on to Unknown: it is also sent after the effect.")
async def server_error_is_unknown(trial: Trial) -> None:
    """Every 5xx is `Unknown`, because it also comes after the effect."""
    for fault in _BROKEN_SERVER:
        await _each(trial, fault, _is_unknown, "Unknown", kinds=trial.sending_kinds())


@check(
    needs_wire=True,
    cure="Catch what parsing and the SDK raise for a body that is not as documented, and answer Unknown.",
)
async def unreadable_answer_is_unknown(trial: Trial) -> None:
    """A good status with a body that cannot be read is `Unknown`."""
    for body in _UNREADABLE:
        await _each(trial, answering(200, body), _is_unknown, "Unknown", kinds=trial.sending_kinds())
    cut = rewriting(lambda whole: Answer(status=whole.status, body=whole.body[: len(whole.body) // 2]), name="cut off")
    await _each(trial, cut, _is_unknown, "Unknown", kinds=trial.sending_kinds())


@check(cure="Look statuses up in a table; one that is not in it is Unknown, never success and never a decline.")
async def unlisted_status_is_unknown(trial: Trial) -> None:
    """A status that no table knows is `Unknown`, in HTTP and in the answer."""
    method = trial.rig.methods.odd_status
    if method is not None:
        outcome = await trial.provider.authorize(trial.order(method))
        trial.expect(_is_unknown(outcome), "Unknown for Methods.odd_status", outcome)
    change = trial.rig.wire.odd_status if trial.rig.wire else None
    if change is not None:
        odd = rewriting(
            lambda whole: Answer(status=whole.status, body=change(whole.body), headers=whole.headers),
            name="answered with a status that no table knows",
        )
        await _each(trial, odd, _is_unknown, "Unknown", kinds=[OperationKind.AUTHORIZE])
    if trial.has_wire:
        for status in (299, 418):
            await _each(trial, answering(status, b"{}"), _is_unknown, "Unknown", kinds=trial.sending_kinds())
    elif method is None:
        trial.need(None, "Methods.odd_status or Wire.odd_status, an answer with a status that no table knows")


@check(
    needs_wire=True,
    cure="Map the gateway's answer for a request with the same key that is still at work (often 409) to Unknown.",
)
async def in_flight_duplicate_is_unknown(trial: Trial) -> None:
    """A duplicate of a request that is still in flight is `Unknown`: the first may yet succeed."""
    wire = trial.need(trial.rig.wire, "a wire")
    canned = trial.need(wire.in_flight, "Wire.in_flight, the answer to a duplicate")
    fault = Fault(name=f"answered {canned.status}, still in flight", forward=False, answer=canned)
    await _each(trial, fault, _is_unknown, "Unknown", kinds=trial.sending_kinds())


@check(needs_wire=True, cure="Switch redirects off in the HTTP client, and map every 3xx to Unknown.")
async def redirect_is_not_followed(trial: Trial) -> None:
    """A redirect is not followed: it would send the key and the effect somewhere else."""
    for kind in trial.sending_kinds():
        request = await trial.prepared(kind)
        async with trial.broken_by(REDIRECT) as sent:
            outcome = await trial.send(request)
            followed = [exchange for exchange in sent() if "redirected" in exchange.path]
        trial.expect(not followed, f"no second request after a redirect of {kind}", f"{followed}")
        trial.expect(_is_unknown(outcome), f"Unknown for {kind}, when it was redirected", outcome)


@check(needs_wire=True, cure="Map 429 to Failed(RATE_LIMITED), or to Unknown where the gateway may have acted.")
async def throttling_is_never_a_decline(trial: Trial) -> None:
    """Being asked for fewer requests is no word about the payer."""

    def is_kept(outcome: object) -> bool:
        is_limited = isinstance(outcome, Failed) and outcome.reason is Reason.RATE_LIMITED
        return is_limited or isinstance(outcome, Unknown)

    fault = answering(429, b"{}", after=False)
    await _each(trial, fault, is_kept, "Failed(RATE_LIMITED) or Unknown", kinds=trial.sending_kinds())


async def _repeated(trial: Trial, request: EffectRequest, when: str) -> None:
    outcome = await trial.send(request)
    # An asynchronous gateway accepts it now and refuses it later; nothing is claimed by that.
    trial.expect(isinstance(outcome, Unknown | Pending), f"Unknown for {when}", outcome)


@check(
    "capture",
    "refund",
    cure="Map the gateway's codes for 'already captured' and 'already refunded' to Unknown.",
)
async def echo_is_unknown(trial: Trial) -> None:
    """The answers "already captured" and "already refunded" are `Unknown`: they may echo our own earlier attempt."""
    if OperationKind.CAPTURE not in trial.sending_kinds():
        trial.need(None, "a capture that is sent: this account's captures only confirm")
    paid, _, done = await trial.captured()
    await _repeated(trial, paid.capture(paid.amount), "a second whole capture, under another key")
    if trial.capabilities.refund:
        first = await trial.send(paid.refund(paid.amount, capture_id=done.id))
        if isinstance(first, Succeeded):
            await _repeated(trial, paid.refund(paid.amount, capture_id=done.id), "a second whole refund")


@check(
    "look_up",
    claim="look_up",
    needs_wire=True,
    cure="Pass what a read came to through as_read: a read that failed is Unknown, never Absent.",
)
async def failed_read_teaches_nothing(trial: Trial) -> None:
    """A look-up that failed is `Unknown`: it neither proves that a payment is there nor that it is not."""
    paid = await trial.paid()
    for by_reference in (False, True):
        for fault in _READ_FAULTS:
            async with trial.broken_by(fault, reads=True):
                found: Observation | Absent | Unknown = await trial.provider.look_up(
                    paid.question(by_reference=by_reference)
                )
            trial.expect(_is_unknown(found), f"Unknown from a look-up that was {fault.name}", found)
    with closed_door() as nowhere:
        found = await trial.fresh(nowhere).look_up(paid.question())
    trial.expect(_is_unknown(found), "Unknown from a look-up, when every connection is refused", found)
