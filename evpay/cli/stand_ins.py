"""What an adapter is given where nobody gives it anything: dummy options for servers that stand in for a processor.

One row for each adapter; none of it is a secret, and no real processor takes it.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["StandIn", "stand_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """Options that make an adapter buildable, and a method that its test mode approves (None: to be given).

    `at_emulator` are further options of the adapter for the emulator that evpay's own package has of the gateway, and
    `emulator` are options of that emulator.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    method: str | None = None
    at_emulator: Mapping[str, Any] = field(default_factory=dict)
    emulator: Mapping[str, Any] = field(default_factory=dict)


_SECRET: Final = "whsec_of_the_evpay_demo"  # noqa: S105 - shared with nobody but the emulator beside it
_HMAC_KEY: Final = "E7" * 32
# As Adyen's library gives its Visa test card to a page, with the values that Adyen takes in place of encrypted ones.
_ADYEN_FIELDS: Final = {
    "type": "scheme",
    "encryptedCardNumber": "test_4111111111111111",
    "encryptedExpiryMonth": "test_03",
    "encryptedExpiryYear": "test_2030",
    "encryptedSecurityCode": "test_737",
}
_ADYEN_CARD: Final = urlsafe_b64encode(json.dumps(_ADYEN_FIELDS, separators=(",", ":")).encode()).decode()

# The keys are in the form of test keys; the methods are the vendors' own for tests.
# https://docs.stripe.com/testing (checked 2026-11-20)
# https://docs.adyen.com/development-resources/testing/test-card-numbers (checked 2026-11-20)
# https://developer.paypal.com/braintree/docs/reference/general/testing (checked 2026-11-20)
_STAND_INS: Final[Mapping[str, StandIn]] = {
    "sandbox": StandIn(method="sandbox_approve"),
    "stripe": StandIn(
        options={"api_key": "sk_test_evpay_demo"},
        method="pm_card_visa",
        at_emulator={"webhook_secret": _SECRET, "request_increment": True},
        emulator={"webhook_secrets": [_SECRET]},
    ),
    "adyen": StandIn(
        options={"api_key": "AQE-key-of-the-emulator", "merchant_account": "TestMerchant"},
        method=_ADYEN_CARD,
        at_emulator={"hmac_key": _HMAC_KEY},
        emulator={"hmac_key": _HMAC_KEY},
    ),
    "braintree": StandIn(
        options={
            "merchant_id": "integration_merchant_id",
            "public_key": "integration_public_key",
            "private_key": "integration_private_key",
            "merchant_accounts": {
                code: f"emulator_{code.lower()}" for code in ("EUR", "USD", "GBP", "NOK", "SEK", "JPY", "KWD")
            },
        },
        method="fake-valid-visa-nonce",
        at_emulator={"request_keys": True, "request_increment": True},
    ),
}


def stand_in(provider: str) -> StandIn:
    """Return what stands in for a provider's set-up; nothing for one that is not known here."""
    return _STAND_INS.get(provider, StandIn())
