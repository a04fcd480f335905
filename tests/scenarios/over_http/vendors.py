"""What a story needs to know of each gateway: its set-up, its test methods, and how the world acts on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from evpay_contrib_emulators import RunningEmulator

from evpay import PaymentMethod
from evpay.providers import Provider
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from evpay_providers.adyen.methods import client_method
from evpay_providers.braintree import BraintreeProvider, BraintreeSettings
from evpay_providers.stripe import StripeProvider, StripeSettings

__all__ = ["GATEWAYS", "Gateway"]

_SECRET: Final = "whsec_of_the_scenarios_only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """One gateway with its vendor's own test methods.

    `empty_card` makes `poor` lack money, where the token alone does not. `challenged` needs the driver; `answer` lets
    the driver pass, and returns what the browser brings back; without it, as where the challenge comes before the
    request, `upgraded` returns the method that has passed it.
    `night_s`: how long until a capture may be refunded. `expired_s`: how long until a hold has surely lapsed.
    `options` are the emulator's. `several` are settings with which a hold is captured in parts, `several_options` the
    emulator's. `dispute` lets the cardholder's bank take back a payment, named by the gateway's id.
    """

    name: str
    provider: Callable[..., Provider]
    approve: PaymentMethod
    poor: PaymentMethod
    challenged: PaymentMethod
    dispute: Callable[[RunningEmulator, str], Any]
    answer: Callable[[RunningEmulator, str], Mapping[str, str]] | None = None
    upgraded: Callable[[RunningEmulator], PaymentMethod] | None = None
    empty_card: Callable[[RunningEmulator], Any] = lambda _: None
    options: Mapping[str, Any] = field(default_factory=dict)
    several: Mapping[str, Any] = field(default_factory=dict)
    several_options: Mapping[str, Any] = field(default_factory=dict)
    night_s: float = 0
    expired_s: float = 8 * 86_400

    @property
    def in_parts(self) -> "Gateway":
        """The same gateway, with an account that captures a hold in parts."""
        return replace(self, provider=partial(self.provider, **self.several))


def _stripe(url: str, **settings: Any) -> StripeProvider:
    return StripeProvider(
        StripeSettings(
            **{
                "api_key": "sk_test_scenario",
                "webhook_secret": _SECRET,
                "base_url": url,
                "request_increment": True,
                **settings,
            }
        )
    )


def _stripe_answer(emulator: RunningEmulator, payment_id: str) -> Mapping[str, str]:
    emulator.act("authenticate", id=payment_id, success=True)
    return {"payment_intent": payment_id}


_HMAC_KEY: Final = "A1" * 32


def _adyen(url: str, **settings: Any) -> AdyenProvider:
    return AdyenProvider(
        AdyenSettings(
            **{
                "api_key": "AQE-test-key-of-the-scenarios",
                "merchant_account": "TestMerchant",
                "hmac_key": _HMAC_KEY,
                "base_url": url,
                **settings,
            }
        )
    )


def _adyen_card(number: str = "4111111111111111", holder: str = "APPROVED") -> PaymentMethod:
    """Return a card as Adyen's library gives it to a page, with the values that Adyen takes for tests."""
    return client_method(
        {
            "type": "scheme",
            "holderName": holder,
            "encryptedCardNumber": f"test_{number}",
            "encryptedExpiryMonth": "test_03",
            "encryptedExpiryYear": "test_2030",
            "encryptedSecurityCode": "test_737",
        }
    )


def _adyen_answer(emulator: RunningEmulator, payment_id: str) -> Mapping[str, str]:
    return {"redirectResult": emulator.act("authenticate", id=payment_id)["redirectResult"]}


_BRAINTREE: Final = {
    "merchant_id": "scenario_merchant",
    "public_key": "scenario_public_key",
    "private_key": "scenario_private_key",
}


def _braintree(url: str, **settings: Any) -> BraintreeProvider:
    return BraintreeProvider(
        BraintreeSettings(
            **{
                **_BRAINTREE,
                "merchant_accounts": {"EUR": "scenario_eur"},
                "base_url": url,
                "request_keys": True,
                "request_increment": True,
                **settings,
            }
        )
    )


def _braintree_upgraded(emulator: RunningEmulator) -> PaymentMethod:
    nonce: str = emulator.act("three_d_secure", of="fake-valid-visa-nonce", success=True)["nonce"]
    return PaymentMethod(nonce)


GATEWAYS: Final[Mapping[str, Gateway]] = {
    "stripe": Gateway(
        name="stripe",
        options={"webhook_secrets": [_SECRET]},
        several={"request_multicapture": True},
        provider=_stripe,
        approve=PaymentMethod("pm_card_visa"),
        poor=PaymentMethod("pm_card_chargeDeclinedInsufficientFunds"),
        challenged=PaymentMethod("pm_card_threeDSecure2Required"),
        answer=_stripe_answer,
        dispute=lambda emulator, payment_id: emulator.act("dispute", id=payment_id),
    ),
    "adyen": Gateway(
        name="adyen",
        options={"api_key": "AQE-test-key-of-the-scenarios", "hmac_key": _HMAC_KEY},
        several={"multiple_captures": True},
        several_options={"multiple_partial_captures": True},
        provider=_adyen,
        approve=_adyen_card(),
        poor=_adyen_card(holder="NOT_ENOUGH_BALANCE"),
        challenged=_adyen_card("4212345678901237"),
        answer=_adyen_answer,
        dispute=lambda emulator, payment_id: emulator.act("chargeback", id=payment_id),
        expired_s=29 * 86_400,
    ),
    "braintree": Gateway(
        name="braintree",
        options={**_BRAINTREE, "merchant_accounts": {"scenario_eur": "EUR"}},
        several={"partial_settlement": ("credit_card", "paypal_account")},
        several_options={"card_partial_settlement": True},
        provider=_braintree,
        approve=PaymentMethod("fake-valid-visa-nonce"),
        poor=PaymentMethod("fake-valid-mastercard-nonce"),
        empty_card=lambda emulator: emulator.configure(card_funds="0.50"),
        challenged=PaymentMethod("fake-valid-amex-nonce"),
        upgraded=_braintree_upgraded,
        dispute=lambda emulator, payment_id: emulator.act("dispute_opened", id=payment_id),
        night_s=36 * 3_600,
        expired_s=11 * 86_400,
    ),
}
