"""When the driver must act: before, while and after, and when nobody is there."""

from typing import Final

from evpay.payments.reasons import Reason
from evpay.providers import ActionRequired, Declined, Failed, Pending, Succeeded, Unknown
from evpay.testing.conformance.check import check
from evpay.testing.conformance.proxy import closed_door
from evpay.testing.conformance.trial import Trial
from evpay.testing.conformance.wire import DROP_AFTER, DROP_BEFORE, answering

__all__ = [
    "complete_is_repeatable",
    "driver_answer_is_not_believed",
    "driver_needed_off_session_is_declined",
    "failed_challenge_is_declined",
    "lost_leg_of_complete_is_unknown",
    "off_session_needs_nobody",
    "void_before_approval",
]

_CLAIMS: Final = {
    "result": "success",
    "resultCode": "Authorised",
    "redirect_status": "succeeded",
    "status": "authorized",
    "success": "true",
}


@check("off_session", cure="With off_session, answer Declined(AUTHENTICATION_REQUIRED) for what needs the driver.")
async def driver_needed_off_session_is_declined(trial: Trial) -> None:
    """With nobody there, an answer that needs the driver is `Declined(AUTHENTICATION_REQUIRED)`."""
    method = trial.need_method(trial.rig.methods.driver, "driver, a method that needs the driver")
    outcome = await trial.provider.authorize(trial.order(method, off_session=True, return_url=None))
    is_kept = isinstance(outcome, Declined) and outcome.reason is Reason.AUTHENTICATION_REQUIRED
    trial.expect(is_kept, "Declined(AUTHENTICATION_REQUIRED)", outcome)


@check(claim="off_session", cure="Give saved_method back for save_method, and charge it without the driver.")
async def off_session_needs_nobody(trial: Trial) -> None:
    """A method that was saved with the driver present pays again without the driver."""
    methods = trial.rig.methods
    first = await trial.paid(methods.saved, save_method=True)
    done = trial.expect_type(first.outcome, Succeeded, "for a method that is to be saved")
    saved = done.saved_method
    if saved is None and methods.saved is not None:
        raise trial.broken("a saved_method for Methods.saved", done)
    again = await trial.provider.authorize(trial.order(saved, off_session=True, return_url=None))
    trial.accepted(again, "for a saved method, off session")


@check("complete", cure="Give `answer` to the gateway and read the state from its answer, never from the browser's.")
async def driver_answer_is_not_believed(trial: Trial) -> None:
    """What comes back with a browser is a claim: it secures no money by itself."""
    paid, _ = await trial.waiting()
    outcome = await trial.send(paid.complete(_CLAIMS))
    trial.expect(not isinstance(outcome, Succeeded | Pending), "no success while the driver has not acted", outcome)


@check("complete", cure="Map the gateway's word for a failed challenge to Declined.")
async def failed_challenge_is_declined(trial: Trial) -> None:
    """A challenge that the driver fails is `Declined`, whatever the browser claims."""
    fails = trial.need(trial.rig.methods.driver_fails, "Methods.driver_fails, the driver who fails the challenge")
    paid, asked = await trial.waiting()
    back = fails(paid.reference, asked)
    outcome = await trial.send(paid.complete({**_CLAIMS, **back}))
    trial.refused(outcome, "for a challenge that was failed")
    trial.expect_held(paid, "after a failed challenge", captured=0)


@check("complete", cure="Make complete read where the payment stands, or act once under its own key.")
async def complete_is_repeatable(trial: Trial) -> None:
    """Going on twice ends where going on once does, with one hold."""
    passes = trial.need(trial.rig.methods.driver_passes, "Methods.driver_passes, the driver's part")
    paid, asked = await trial.waiting()
    request = paid.complete(passes(paid.reference, asked))
    first = trial.expect_type(await trial.send(request), Succeeded, "after the driver approved")
    trial.expect(first.amount == paid.request.amount, f"{paid.request.amount} secured", first)
    again = await trial.send(request)
    trial.expect(not isinstance(again, Declined | Failed), "the same again, or Unknown", again)
    trial.expect_held(paid, "after two legs of one authorization", authorized=first.amount)


@check(
    "complete",
    needs_wire=True,
    cure="In complete turn Failed(NOT_SENT), and whatever else was not proven, into Unknown.",
)
async def lost_leg_of_complete_is_unknown(trial: Trial) -> None:
    """A leg that got lost or was never sent is `Unknown`: declined and failed would end the authorization."""
    paid, _ = await trial.waiting()
    for fault in (DROP_BEFORE, DROP_AFTER, answering(500), answering(503), answering(429, b"{}", after=False)):
        async with trial.broken_by(fault, reads=True):
            outcome = await trial.send(paid.complete())
        trial.expect(isinstance(outcome, Unknown), f"Unknown from complete, when the wire was {fault.name}", outcome)
    with closed_door() as nowhere:
        outcome = await trial.send(paid.complete(), by=trial.fresh(nowhere))
    trial.expect(isinstance(outcome, Unknown), "Unknown from complete, when every connection is refused", outcome)


@check("void", cure="Cancel at the gateway what waits for the driver, so that a late approval secures nothing.")
async def void_before_approval(trial: Trial) -> None:
    """What waits for the driver can be called off; an approval that comes late then secures nothing."""
    paid, asked = await trial.waiting()
    outcome = await trial.send(paid.void())
    done = trial.accepted(outcome, "for a void before the approval")
    if isinstance(done, Succeeded):
        trial.expect(not done.amount.amount, "nothing released, because nothing was held", done)
    passes = trial.rig.methods.driver_passes
    back = _late(trial, paid.reference, asked) if passes else {}
    late = await trial.send(paid.complete(back))
    trial.expect(not isinstance(late, Succeeded | ActionRequired), "no hold after the void", late)


def _late(trial: Trial, reference: str, asked: ActionRequired) -> dict[str, str]:
    """Let the driver approve, if the gateway still lets her."""
    passes = trial.rig.methods.driver_passes
    try:
        return dict(passes(reference, asked)) if passes else {}
    except Exception:  # noqa: BLE001 - however the author's own gateway refuses it
        return {}
