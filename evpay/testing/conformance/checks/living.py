"""The adapter as an object: what it claims, how it is used at once and from several loops, and how it ends."""

import gc
import threading
import time
import warnings
from typing import Final

import anyio
import anyio.to_thread

from evpay.money import from_minor, to_minor
from evpay.payments.account import Account, Capabilities
from evpay.providers import EffectRequest, Outcome, Provider, Succeeded
from evpay.testing.conformance.check import check
from evpay.testing.conformance.proxy import closed_door
from evpay.testing.conformance.trial import Trial
from evpay.testing.conformance.wire import HELD

__all__ = [
    "cancellation_passes_through",
    "claims_are_stable",
    "close_twice",
    "construction_sends_nothing",
    "many_at_once",
    "nothing_left_open",
    "works_in_every_loop",
]

_AT_ONCE: Final = 24
_PATIENCE_S: Final = 10
_OF_OTHERS: Final = ("AnyIO worker thread", "asyncio_", "evpay-fault-proxy")


@check(cure="Set account and capabilities in the constructor, as read-only properties.")
async def claims_are_stable(trial: Trial) -> None:
    """Account and capabilities stay the same, and hang together."""
    provider, fresh = trial.provider, trial.fresh()
    trial.expect(isinstance(provider, Provider), "every method of Provider", f"{type(provider).__name__}")
    trial.expect(isinstance(provider.account, Account), "an Account", provider.account)
    trial.expect(isinstance(provider.capabilities, Capabilities), "Capabilities", provider.capabilities)
    before = provider.account, provider.capabilities
    await trial.paid()
    trial.expect((provider.account, provider.capabilities) == before, "the same after a call", "others")
    trial.expect((fresh.account, fresh.capabilities) == before, "the same of another object", "others")
    able = provider.capabilities
    trial.expect(able.look_up or able.absence_proven_after is None, "no absence_proven_after without look_up", able)
    unable = [kind for kind, claimed in (("increment", able.increment), ("refund", able.refund)) if not claimed]
    resent = [kind.value for kind in able.resend_for if kind.value in unable]
    trial.expect(not resent, "resend_for only for what can be told", f"{resent}")


@check(cure="Open connections on the first call; in the constructor only check settings.")
def construction_sends_nothing(trial: Trial) -> None:
    """Making an adapter needs no event loop and no gateway."""
    with closed_door() as nowhere:
        made = trial.fresh(nowhere if trial.has_wire else None)
    trial.expect(bool(made.account.name), "an account's name", made.account)


@check(cure="Keep what belongs to one call in local variables; share only what may be shared.")
async def many_at_once(trial: Trial) -> None:
    """Many payments at once through one adapter keep their amounts and names apart."""
    step, whole = trial.rule(trial.currency).step_minor, to_minor(trial.amount())
    trial.provider  # noqa: B018 - made once, before the tasks begin

    async def one(number: int) -> None:
        asked = from_minor(whole + number * step, trial.currency)
        paid = await trial.paid(amount=asked)
        trial.expect(paid.amount == asked, f"{asked} authorized, among {_AT_ONCE} payments at once", f"{paid.amount}")
        done = await trial.send(paid.capture(asked))
        taken = trial.accepted(done, "for a capture among many")
        trial.expect(not isinstance(taken, Succeeded) or taken.amount == asked, f"{asked} captured", taken)
        trial.expect_held(paid, "among many payments at once", authorized=asked)

    async with anyio.create_task_group() as tasks:
        for number in range(_AT_ONCE):
            tasks.start_soon(one, number)


@check(cure="Bind nothing to an event loop in the constructor; keep one client for each running loop.")
def works_in_every_loop(trial: Trial) -> None:
    """One adapter works in one event loop after another, and in several threads with a loop each."""
    outcomes: list[Outcome | BaseException] = []
    made = [trial.rig.provider(trial.proxy.url if trial.has_wire else "")]  # outside of any loop

    async def pay() -> None:
        outcomes.append(await made[0].authorize(trial.order()))

    def in_a_loop() -> None:
        try:
            anyio.run(pay)
        except BaseException as error:  # noqa: BLE001 - it is told in the test's own thread
            outcomes.append(error)

    with warnings.catch_warnings():
        # A loop that ended took its connections along; nobody can close them in it any more.
        warnings.simplefilter("ignore", ResourceWarning)
        for _ in range(2):
            in_a_loop()
        threads = [threading.Thread(target=in_a_loop) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        anyio.run(made[0].aclose)
        made.clear()
        gc.collect()
    for outcome in outcomes:
        trial.expect_type(outcome, Succeeded, "for an authorization in each of five event loops")
    trial.expect(len(outcomes) == 5, "five answers from five event loops", f"{len(outcomes)}")


@check(
    needs_wire=True,
    cure="Catch Exception, never BaseException; run blocking SDKs in in_thread, so that a cancellation leaves them.",
)
async def cancellation_passes_through(trial: Trial) -> None:
    """A call that is cancelled ends at once, by the cancellation; the adapter goes on working."""
    for kind in trial.sending_kinds():
        request = await trial.prepared(kind)
        began = time.monotonic()
        async with trial.broken_by(HELD):
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:
                    answers: list[Outcome] = []
                    tasks.start_soon(_into, trial, request, answers)
                    await anyio.to_thread.run_sync(lambda: trial.proxy.until(1, held=True, within_s=_PATIENCE_S))
                    scope.cancel()
            took_s = time.monotonic() - began
        trial.expect(not answers, f"no outcome of a cancelled {kind}: the engine records Unknown", answers)
        trial.expect(took_s < _PATIENCE_S, f"a cancelled {kind} that ends at once", f"{took_s:.1f} s")
    await trial.paid()


async def _into(trial: Trial, request: EffectRequest, answers: list[Outcome]) -> None:
    answers.append(await trial.send(request))


@check(cure="Make aclose do nothing the second time; close only what the adapter opened itself.")
async def close_twice(trial: Trial) -> None:
    """An adapter may be closed twice, also before it was ever used."""
    await trial.paid()
    for provider in (trial.provider, trial.fresh()):
        await provider.aclose()
        await provider.aclose()


@check(cure="Close clients, files and threads in aclose.")
async def nothing_left_open(trial: Trial) -> None:
    """After `aclose` no connection, thread or file of the adapter is left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()  # what others have left is not this adapter's
    before = {thread.ident for thread in threading.enumerate()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        provider = trial.rig.provider(trial.proxy.url if trial.has_wire else "")
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(provider.authorize, trial.order())
        with anyio.move_on_after(_PATIENCE_S):
            await provider.aclose()
        del provider, tasks
        if trial.has_wire:
            closed = await anyio.to_thread.run_sync(trial.proxy.until_closed)
            trial.expect(closed, "no open connection after aclose", f"{trial.proxy.open_connections} open")
        gc.collect()
    leaks = [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)]
    trial.expect(not leaks, "no ResourceWarning after aclose", f"{leaks}")
    left = [thread.name for thread in threading.enumerate() if thread.ident not in before and not _is_of_others(thread)]
    trial.expect(not left, "no thread of the adapter after aclose", f"{left}")


def _is_of_others(thread: threading.Thread) -> bool:
    return thread.name.startswith(_OF_OTHERS) or "process_request_thread" in thread.name
