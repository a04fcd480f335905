"""What each call takes: names, kinds and lengths of fields. Whatever else a request has is refused."""

from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators.adyen.answers import WireError

__all__ = ["check", "fields_of"]

_TEXT: Final = "text"
_INTEGER: Final = "integer"
_BOOLEAN: Final = "boolean"
_TEXTS: Final = "texts"  # an object whose values are all strings
_OBJECT: Final = "object"  # what is in it is not looked at
_OBJECTS: Final = "objects"  # the same, many times
_MOST: Final = 2**63 - 1

# A rule is one of the words above, the greatest length of a string, the strings that are allowed, or, with a capital
# letter, the name of another table.
_Rule = str | int | frozenset[str]


def _all(kind: _Rule, names: str) -> dict[str, _Rule]:
    return dict.fromkeys(names.split(), kind)


_MODELS: Final = frozenset({"CardOnFile", "Subscription", "UnscheduledCardOnFile"})
_USAGES: Final = frozenset({"delayedCharge", "installment", "noShow"})
_SOURCES: Final = frozenset({"credit", "debit", "prepaid"})
_CHANNELS: Final = frozenset({"iOS", "Android", "Web"})
_INTERACTIONS: Final = frozenset({"Ecommerce", "ContAuth", "Moto", "POS"})
_ASKING: Final = frozenset({"askForConsent", "disabled", "enabled"})
_WALLET: Final[dict[str, _Rule]] = {
    "fundingSource": _SOURCES,
    "sdkData": 50_000,
    "storedPaymentMethodId": 64,
    **_all(_TEXT, "checkoutAttemptId recurringDetailReference"),
}
_ADDRESS: Final[dict[str, _Rule]] = _all(3000, "city houseNumberOrName street") | {
    "country": _TEXT,
    "postalCode": 10,
    "stateOrProvince": 3,
}
_MODIFICATION: Final[dict[str, _Rule]] = {
    "applicationInfo": "ApplicationInfo",
    **_all(_TEXT, "merchantAccount reference"),
}

# Re-expressed from the OpenAPI specification of Checkout v72, https://docs.adyen.com/api-explorer/Checkout/72,
# checked 2026-11-20. Objects that a charging backend has no use for are taken as they are.
_TABLES: Final[Mapping[str, Mapping[str, _Rule]]] = {
    "Amount": {"currency": 3, "value": _INTEGER},
    "CommonField": _all(_TEXT, "name version"),
    "ApplicationInfo": _all("CommonField", "adyenLibrary adyenPaymentSource merchantApplication")
    | {
        "externalPlatform": "ExternalPlatform",
        "merchantDevice": "MerchantDevice",
        "shopperInteractionDevice": "ShopperInteractionDevice",
    },
    "ExternalPlatform": _all(_TEXT, "integrator name version"),
    "MerchantDevice": _all(_TEXT, "os osVersion reference"),
    "ShopperInteractionDevice": _all(_TEXT, "locale os osVersion"),
    "BillingAddress": _ADDRESS,
    "DeliveryAddress": _ADDRESS | _all(_TEXT, "firstName lastName"),
    "ShopperName": _all(80, "firstName lastName"),
    "BrowserInfo": _all(_TEXT, "acceptHeader language userAgent")
    | _all(_INTEGER, "colorDepth screenHeight screenWidth timeZoneOffset")
    | _all(_BOOLEAN, "javaEnabled javaScriptEnabled"),
    "AuthenticationData": {
        "attemptAuthentication": frozenset({"always", "never"}),
        "authenticationOnly": _BOOLEAN,
        "threeDSRequestData": "ThreeDSRequestData",
    },
    "ThreeDSRequestData": {
        "challengeWindowSize": frozenset({"01", "02", "03", "04", "05"}),
        "dataOnly": frozenset({"true", "false"}),
        "nativeThreeDS": frozenset({"preferred", "disabled"}),
        "threeDSVersion": frozenset({"2.1.0", "2.2.0"}),
    },
    "PaymentRequest": _all(
        _OBJECT,
        "accountInfo bankAccount company dccQuote enhancedSchemeData fundOrigin fundRecipient installments mandate "
        "merchantRiskIndicator mpiData order paymentMethod paymentValidations platformChargebackLogic riskData "
        "shopperTaxInfo surcharge threeDS2RequestData",
    )
    | _all("Amount", "additionalAmount amount")
    | _all(_TEXTS, "additionalData localizedShopperStatement metadata")
    | _all(_INTEGER, "captureDelayHours fraudOffset")
    | _all(_BOOLEAN, "enableOneClick enablePayOut enableRecurring storePaymentMethod threeDSAuthenticationOnly")
    | _all(_OBJECTS, "lineItems splits subMerchants")
    | _all(
        _TEXT,
        "dateOfBirth deliverAt deliveryDate mcc merchantAccount orderReference recurringExpiry recurringFrequency "
        "redirectFromIssuerMethod redirectToIssuerMethod sessionValidity shopperLocale",
    )
    | _all(256, "checkoutAttemptId shopperConversionId shopperEmail shopperReference")
    | _all(80, "origin reference")
    | {
        "applicationInfo": "ApplicationInfo",
        "authenticationData": "AuthenticationData",
        "billingAddress": "BillingAddress",
        "browserInfo": "BrowserInfo",
        "channel": _CHANNELS,
        "countryCode": 100,
        "deliveryAddress": "DeliveryAddress",
        "deviceFingerprint": 5000,
        "entityType": frozenset({"NaturalPerson", "CompanyName"}),
        "industryUsage": _USAGES,
        "merchantOrderReference": 1000,
        "recurringProcessingModel": _MODELS,
        "returnUrl": 1024,
        "shopperIP": 50,
        "shopperInteraction": _INTERACTIONS,
        "shopperName": "ShopperName",
        "shopperStatement": 10_000,
        "socialSecurityNumber": 50,
        "store": 64,
        "telephoneNumber": 64,
        "trustedShopper": _BOOLEAN,
    },
    "CreateCheckoutSessionRequest": _all(
        _OBJECT,
        "accountInfo company fundOrigin fundRecipient installmentOptions mandate mpiData platformChargebackLogic "
        "riskData threeDS2RequestData",
    )
    | _all("Amount", "additionalAmount amount")
    | _all(_TEXTS, "additionalData metadata")
    | _all("list", "allowedPaymentMethods blockedPaymentMethods")
    | _all(
        _BOOLEAN,
        "enableOneClick enablePayOut enableRecurring showInstallmentAmount showRemovePaymentMethodButton "
        "splitCardFundingSources storePaymentMethod threeDSAuthenticationOnly trustedShopper",
    )
    | _all(_OBJECTS, "lineItems splits")
    | _all(
        _TEXT,
        "countryCode dateOfBirth deliverAt expiresAt mcc merchantAccount merchantOrderReference recurringExpiry "
        "recurringFrequency redirectFromIssuerMethod redirectToIssuerMethod reference shopperEmail shopperIP "
        "shopperLocale shopperStatement socialSecurityNumber store telephoneNumber themeId",
    )
    | {
        "applicationInfo": "ApplicationInfo",
        "authenticationData": "AuthenticationData",
        "billingAddress": "BillingAddress",
        "captureDelayHours": _INTEGER,
        "channel": _CHANNELS,
        "deliveryAddress": "DeliveryAddress",
        "mode": frozenset({"embedded", "hosted"}),
        "recurringProcessingModel": _MODELS,
        "returnUrl": 1024,
        "shopperInteraction": _INTERACTIONS,
        "shopperName": "ShopperName",
        "shopperReference": 256,
        "storeFiltrationMode": frozenset({"exclusive", "inclusive", "skipFilter"}),
        "storePaymentMethodMode": _ASKING,
    },
    "PaymentLinkRequest": _all(
        _OBJECT, "fundOrigin fundRecipient installmentOptions platformChargebackLogic riskData threeDS2RequestData"
    )
    | _all("list", "allowedPaymentMethods blockedPaymentMethods requiredShopperFields")
    | _all(_BOOLEAN, "manualCapture reusable showRemovePaymentMethodButton splitCardFundingSources")
    | _all(_OBJECTS, "lineItems splits")
    | _all(_TEXT, "dateOfBirth deliverAt description expiresAt merchantAccount reference store themeId")
    | _all(32, "shopperLocale socialSecurityNumber telephoneNumber")
    | {
        "amount": "Amount",
        "applicationInfo": "ApplicationInfo",
        "billingAddress": "BillingAddress",
        "captureDelayHours": _INTEGER,
        "countryCode": 100,
        "deliveryAddress": "BillingAddress",
        "mcc": 16,
        "merchantOrderReference": 1000,
        "metadata": _TEXTS,
        "recurringProcessingModel": _MODELS,
        "returnUrl": 8000,
        "shopperEmail": 500,
        "shopperName": "ShopperName",
        "shopperReference": 256,
        "shopperStatement": 10_000,
        "storePaymentMethodMode": _ASKING,
    },
    "UpdatePaymentLinkRequest": {"status": frozenset({"expired"})},
    "CardDetails": _all(
        _TEXT,
        "billingSequenceNumber brand checkoutAttemptId cupsecureplus.smscode cvc expiryMonth expiryYear fastlaneData "
        "networkPaymentReference number recurringDetailReference shopperNotificationReference srcCorrelationId "
        "srcDigitalCardId srcScheme srcTokenReference",
    )
    | _all(
        15_000,
        "encryptedCardNumber encryptedExpiryMonth encryptedExpiryYear encryptedPassword encryptedSecurityCode "
        "holderName",
    )
    | {
        "encryptedCard": 40_000,
        "fundingSource": _SOURCES,
        "sdkData": 50_000,
        "storedPaymentMethodId": 64,
        "threeDS2SdkVersion": 12,
        "type": frozenset({"bcmc", "scheme", "networkToken", "giftcard", "card", "clicktopay"}),
    },
    "ApplePayDetails": _WALLET | {"applePayToken": 10_000, "type": _TEXT},
    "GooglePayDetails": _WALLET
    | {"googlePayToken": 10_000, "googlePayCardNetwork": _TEXT, "threeDS2SdkVersion": 12, "type": _TEXT},
    "PayPalDetails": _all(
        _TEXT,
        "checkoutAttemptId orderID payeePreferred payerID payerSelected recurringDetailReference type",
    )
    | {"sdkData": 50_000, "storedPaymentMethodId": 64, "subtype": frozenset({"express", "redirect", "sdk"})},
    # The specification has no table for Venmo, which https://docs.adyen.com/payment-methods/venmo describes.
    "VenmoDetails": _all(_TEXT, "checkoutAttemptId recurringDetailReference type")
    | {"sdkData": 50_000, "storedPaymentMethodId": 64},
    "PaymentDetailsRequest": {
        "authenticationData": _OBJECT,
        "details": "PaymentCompletionDetails",
        "paymentData": 200_000,
        "threeDSAuthenticationOnly": _BOOLEAN,
    },
    "PaymentCompletionDetails": _all(
        _TEXT,
        "authorization_token billingToken cupsecureplus.smscode facilitatorAccessToken oneTimePasscode orderID payerID "
        "paymentID paymentStatus resultCode vaultToken",
    )
    | _all(20_000, "MD PaReq PaRes payload redirectResult returnUrlQueryString")
    | {"threeDSResult": 50_000, "threeds2.challengeResult": 50_000, "threeds2.fingerprint": 100_000},
    "PaymentAmountUpdateRequest": _MODIFICATION
    | {
        "adjustAuthType": frozenset({"cardholderInitiatedTransaction", "merchantInitiatedTransaction"}),
        "adjustAuthorisationData": _TEXT,
        "amount": "Amount",
        "industryUsage": _USAGES,
        "lineItems": _OBJECTS,
        "mpiData": _OBJECT,
        "splits": _OBJECTS,
    },
    "PaymentCaptureRequest": _MODIFICATION
    | _all(_OBJECT, "enhancedSchemeData platformChargebackLogic")
    | _all(_OBJECTS, "lineItems splits subMerchants")
    | {"amount": "Amount"},
    "PaymentRefundRequest": _MODIFICATION
    | {
        "amount": "Amount",
        "capturePspReference": _TEXT,
        "enhancedSchemeData": _OBJECT,
        "lineItems": _OBJECTS,
        "merchantRefundReason": frozenset({"FRAUD", "CUSTOMER REQUEST", "RETURN", "DUPLICATE", "OTHER"}),
        "splits": _OBJECTS,
        "store": _TEXT,
    },
    "PaymentCancelRequest": _MODIFICATION,
    "PaymentReversalRequest": _MODIFICATION,
    "StandalonePaymentCancelRequest": _MODIFICATION | {"paymentReference": _TEXT},
    "PaymentMethodsRequest": _all(
        _TEXT, "countryCode merchantAccount shopperEmail shopperIP shopperLocale shopperReference telephoneNumber"
    )
    | {
        "additionalData": _TEXTS,
        "allowedPaymentMethods": "list",
        "amount": "Amount",
        "blockedPaymentMethods": "list",
        "browserInfo": "BrowserInfo",
        "channel": _CHANNELS,
        "order": _OBJECT,
        "shopperConversionId": 256,
        "splitCardFundingSources": _BOOLEAN,
        "store": 16,
        "storeFiltrationMode": frozenset({"exclusive", "inclusive", "skipFilter"}),
    },
    "ApplePaySessionRequest": {"displayName": 64, "domainName": _TEXT, "merchantIdentifier": _TEXT},
}

# Which fields must be there, apart from those whose absence has an error of its own.
_REQUIRED: Final[Mapping[str, str]] = {
    "Amount": "currency value",
    "PaymentRequest": "paymentMethod",
    "ApplePayDetails": "applePayToken",
    "GooglePayDetails": "googlePayToken",
    "PaymentDetailsRequest": "details",
    "StandalonePaymentCancelRequest": "paymentReference",
    "UpdatePaymentLinkRequest": "status",
    "ApplePaySessionRequest": "displayName domainName merchantIdentifier",
    "BillingAddress": "city country houseNumberOrName postalCode street",
    "DeliveryAddress": "city country houseNumberOrName postalCode street",
    "ShopperName": "firstName lastName",
    "BrowserInfo": "acceptHeader colorDepth javaEnabled language screenHeight screenWidth timeZoneOffset userAgent",
}


def fields_of(table: str) -> frozenset[str]:
    """Return the names of the fields that a request may have."""
    return frozenset(_TABLES[table])


def check(body: Mapping[str, Any], table: str) -> None:
    """Look at every field of a request, and of the objects in it.

    Raises:
        WireError: a field is unknown, missing or of the wrong kind. Its words are not verified.
    """
    unknown = sorted(set(body) - set(_TABLES[table]))
    if unknown:
        raise WireError("702", f"Structure of {table} contains the following unknown fields: {unknown}")
    for name, value in body.items():
        _check_value(name, value, _TABLES[table][name])
    for name in _REQUIRED.get(table, "").split():
        if body.get(name) in {None, ""} if not isinstance(body.get(name), dict) else False:
            raise WireError("702", f"Required field '{name}' is not provided.")


def _check_value(name: str, value: object, rule: _Rule) -> None:
    if isinstance(rule, str) and rule in _TABLES:
        if not isinstance(value, dict):
            raise WireError("702", f"Field '{name}' must be an object")
        check(value, rule)
    elif isinstance(rule, frozenset):
        if value not in rule if isinstance(value, str) else True:
            raise WireError("702", f"Field '{name}' is not valid.")
    elif isinstance(rule, int):
        if not isinstance(value, str) or len(value) > rule:
            raise WireError("702", f"Field '{name}' must be a string of at most {rule} characters")
    elif not _fits(value, rule):
        raise WireError("702", f"Unexpected input: field '{name}' must be of type {rule}")


def _fits(value: object, rule: str) -> bool:
    if rule == _INTEGER:
        return isinstance(value, int) and not isinstance(value, bool) and -_MOST - 1 <= value <= _MOST
    if rule == _BOOLEAN:
        return isinstance(value, bool)
    if rule == _TEXT:
        return isinstance(value, str)
    if rule == _OBJECT:
        return isinstance(value, dict)
    if rule == _TEXTS:
        return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    return isinstance(value, list) and (rule == "list" or all(isinstance(element, dict) for element in value))
