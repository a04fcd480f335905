"""What each provider can be told, in a backend developer's words, and which checks of the kit stand behind it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from evpay.money import Money
from evpay.payments.account import Capabilities, Funding
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import ActionRequired, Hold, Succeeded
from evpay.providers import AuthorizeRequest, PaymentMethod, Provider, WebhookRequest
from evpay.testing.conformance import Rig, Subject
from evpay.testing.conformance.orders import new_name
from tests.conformance.accounts import ACCOUNTS, Switches, rig_of

__all__ = ["FEATURES", "Feature", "Shown", "shown", "told"]

HELD: Final = Money("20.00", "EUR")
RETURN_URL: Final = "https://app.example/back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an account says of itself: before a payment, with a payment, and when the driver or a webhook comes in."""

    capabilities: Capabilities
    hold: Hold | None
    asks_the_driver: bool
    reads_webhooks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One row: its words, how an account claims it, the checks that have to pass then, and whether README has it."""

    words: str
    claimed: Callable[[Shown], bool]
    checks: tuple[str, ...]
    in_readme: bool = True


def _hold(allows: Callable[[Hold], bool]) -> Callable[[Shown], bool]:
    return lambda shown: shown.hold is not None and allows(shown.hold)


FEATURES: Final = (
    Feature(
        words="hold money first, capture what was used",
        claimed=lambda shown: shown.capabilities.funding is Funding.HOLD,
        checks=("authorized_has_handle_and_hold", "void_returns_the_rest"),
        in_readme=False,
    ),
    Feature(
        words="raise the hold while charging",
        claimed=lambda shown: shown.capabilities.increment,
        checks=("increment_states_total",),
    ),
    Feature(
        words="extend the hold's time",
        claimed=_hold(lambda hold: hold.extend),
        checks=("extension_keeps_total",),
    ),
    Feature(
        words="release the rest with the capture",
        claimed=lambda shown: shown.capabilities.releases_remainder,
        checks=("final_capture_releases_as_claimed",),
    ),
    Feature(
        words="capture in parts",
        claimed=_hold(lambda hold: hold.multiple_captures),
        checks=("multiple_captures_as_the_hold_says",),
    ),
    Feature(
        words="capture more than the hold",
        claimed=_hold(lambda hold: hold.capture_limit is not None and hold.capture_limit > HELD),
        checks=("over_capture_as_the_hold_says",),
    ),
    Feature(
        words="refund, whole or in parts",
        claimed=lambda shown: shown.capabilities.refund,
        checks=("refunds_add_up", "refund_before_settlement"),
    ),
    Feature(
        words="wait for the driver (3-D Secure, redirects)",
        claimed=lambda shown: shown.asks_the_driver,
        checks=("complete_is_repeatable", "driver_answer_is_not_believed", "failed_challenge_is_declined"),
    ),
    Feature(
        words="save a method, charge it with nobody there",
        claimed=lambda shown: shown.capabilities.off_session,
        checks=("off_session_needs_nobody",),
    ),
    Feature(
        words="look up a payment by our reference",
        claimed=lambda shown: shown.capabilities.look_up,
        checks=("look_up_finds_by_reference", "look_up_has_no_effect"),
    ),
    Feature(
        words="prove by a look-up that something did not happen",
        claimed=lambda shown: shown.capabilities.absence_proven_after is not None,
        checks=("look_up_sees_every_kind",),
        in_readme=False,
    ),
    Feature(
        words="send again after a lost answer, with one effect",
        claimed=lambda shown: OperationKind.REFUND in shown.capabilities.resend_for,  # which only a key makes safe
        checks=("resend_has_one_effect", "simultaneous_resend_has_one_effect"),
        in_readme=False,
    ),
    Feature(
        words="signed webhooks",
        claimed=lambda shown: shown.reads_webhooks,
        checks=("forged_webhook_refused", "malformed_webhook_refused", "webhook_names_its_payment"),
    ),
    Feature(
        words="settlement lines",
        claimed=lambda shown: shown.capabilities.settlements,
        checks=("settlement_ids_stable", "settlement_cursor_resumes"),
    ),
)


def shown(rig: Rig) -> Shown:
    """Ask an account: its capabilities, a hold, a method that needs the driver, a webhook."""
    return asyncio.run(_shown(rig))


async def _shown(rig: Rig) -> Shown:
    provider = rig.provider(rig.wire.upstream if rig.wire else "")
    try:
        held = await provider.authorize(_order(rig.methods.approve))
        driver = rig.methods.driver
        asked = None if driver is None else await provider.authorize(_order(driver))
        return Shown(
            capabilities=provider.capabilities,
            hold=held.hold if isinstance(held, Succeeded) else None,
            asks_the_driver=isinstance(asked, ActionRequired),
            reads_webhooks=await _reads_webhooks(provider, rig),
        )
    finally:
        await provider.aclose()


def _order(method: str | PaymentMethod) -> AuthorizeRequest:
    return AuthorizeRequest(
        reference=new_name(),
        idempotency_key=new_name(),
        amount=HELD,
        method=method if isinstance(method, PaymentMethod) else PaymentMethod(method),
        return_url=RETURN_URL,
    )


async def _reads_webhooks(provider: Provider, rig: Rig) -> bool:
    if rig.webhooks is None:
        return False
    now = rig.now()
    message = rig.webhooks.about(Subject(reference="tablehold", payment_id="TABLE0HOLD", at=now))
    request = WebhookRequest(
        body=message.body,
        headers={key.lower(): value for key, value in message.headers.items()},
        url=message.url,
        received_at=now,
    )
    return bool(await provider.parse_webhook(request))


@cache
def told(name: str) -> Mapping[Switches, frozenset[str]]:
    """Return what an account claims as it comes, with each switch alone, and with all: switches -> words."""
    switches = ACCOUNTS[name].switches
    setups = dict.fromkeys([Switches(), *(Switches({switch}) for switch in switches), Switches(switches)])
    with rig_of(name) as rig:
        return {on: _claimed(shown(rig(on))) for on in setups}


def _claimed(account: Shown) -> frozenset[str]:
    return frozenset(feature.words for feature in FEATURES if feature.claimed(account))
