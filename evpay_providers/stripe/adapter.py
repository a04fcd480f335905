"""Stripe as a provider: calls the SDK, and turns its answers and exceptions into outcomes."""

import re
from collections.abc import Awaitable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from evpay.errors import InvalidInput, UnsupportedOperation
from evpay.money import Money
from evpay.providers import (
    Absent,
    Account,
    AuthorizeRequest,
    Capabilities,
    CaptureRequest,
    CompleteRequest,
    Declined,
    EffectRequest,
    Failed,
    Funding,
    Handle,
    IncrementRequest,
    LookUpRequest,
    Observation,
    OperationKind,
    Outcome,
    RefundRequest,
    SettlementPage,
    SettlementsRequest,
    Unknown,
    VoidRequest,
    WebhookRequest,
    import_sdk,
    understood,
    with_extra,
)
from evpay_providers.stripe import evidence, mapping, params, settlements, terminal, webhooks
from evpay_providers.stripe.amounts import AMOUNT_RULES
from evpay_providers.stripe.calls import StripeCalls
from evpay_providers.stripe.mapping import Answer, all_of, charge_of
from evpay_providers.stripe.params import REFERENCE
from evpay_providers.stripe.settings import StripeSettings

if TYPE_CHECKING:
    import stripe

__all__ = ["StripeProvider"]

_REFERENCE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z", re.ASCII)

# A key is forgotten at the earliest 24 hours after its first use.
# https://docs.stripe.com/api/idempotent_requests (checked 2026-11-20)
KEY_LIFE: Final = timedelta(hours=24)
# Search shows new data within a minute, during an outage within an hour; the same again for what nobody promised.
# https://docs.stripe.com/search#data-freshness (checked 2026-11-20)
SEARCH_LAG: Final = timedelta(hours=2)


class StripeProvider:
    """Talk to one Stripe account.

    Making one switches the SDK's telemetry off for the whole process: the SDK has no narrower switch.
    `http_client` is any of the SDK's; one that is passed in is not closed here.

    Raises:
        ConfigurationError: the SDK is not installed.
    """

    def __init__(self, settings: StripeSettings, *, http_client: "stripe.HTTPClient | None" = None) -> None:
        sdk: Any
        sdk, transport = import_sdk("stripe", "evpay_providers.stripe.transport", provider="stripe")
        # It would write a file into the home directory and send the platform's name along.
        sdk.enable_telemetry = False
        self._settings = settings
        self._account = Account(provider="stripe", name=settings.account, live=settings.live)
        self._capabilities = Capabilities(
            funding=Funding.HOLD,
            amounts=AMOUNT_RULES,
            increment=settings.request_increment,
            releases_remainder=True,
            refund=True,
            off_session=True,
            look_up=True,
            absence_proven_after=SEARCH_LAG,
            resend_for=dict.fromkeys(_resendable(settings), KEY_LIFE),
            settlements=True,
        )
        deadline_s = settings.deadline.total_seconds()
        self._own = None if http_client else transport.LoopTransport(deadline_s=deadline_s, direct=settings.on_loopback)
        # Retries belong to the engine, which knows the idempotency key.
        self._calls = StripeCalls(error=sdk.StripeError, live=settings.live)
        self._client: stripe.StripeClient = sdk.StripeClient(
            settings.api_key.get_secret_value(),
            http_client=http_client or self._own,
            base_addresses={"api": settings.base_url} if settings.base_url else None,
            stripe_account=settings.stripe_account,
            max_network_retries=0,
        )

    def __repr__(self) -> str:
        return f"StripeProvider(account={self._account.name!r}, live={self._account.live})"

    @property
    def account(self) -> Account:
        """Which account this is."""
        return self._account

    @property
    def capabilities(self) -> Capabilities:
        """What this account can be told."""
        return self._capabilities

    async def authorize(self, request: AuthorizeRequest) -> Outcome:
        """Create and confirm a PaymentIntent with manual capture."""
        fields: Any = with_extra(params.authorize_params(request, settings=self._settings), request.extra)
        return await self._calls.do(
            OperationKind.AUTHORIZE,
            lambda: self._client.v1.payment_intents.create_async(fields, _keyed(request)),
            lambda intent: mapping.authorize_outcome(
                intent, off_session=request.off_session, account=self._account.name
            ),
            asked=request.amount,
        )

    async def complete(self, request: CompleteRequest) -> Outcome:
        """Read where the payment stands; Stripe moves by itself, but a reader has to be told, once."""
        if "reader" in request.handle.memo:
            return await self._complete_at_reader(request)
        return await self._calls.read(
            lambda: self._retrieve(request.handle.id),
            lambda intent: mapping.authorize_outcome(intent, account=self._account.name),
            asked=request.amount,
        )

    async def _complete_at_reader(self, request: CompleteRequest) -> Outcome:
        found = await self._at_reader(request.handle, request.amount)
        if isinstance(found, Unknown):
            return found
        intent, standing = found
        if standing is not None:
            return standing
        fields: Any = with_extra(params.process_params(request.handle.id), request.extra)
        told = await self._calls.do(
            OperationKind.COMPLETE,
            lambda: self._client.v1.terminal.readers.process_payment_intent_async(
                request.handle.memo["reader"], fields, _keyed(request)
            ),
            lambda _: terminal.shown(intent),
            asked=request.amount,
        )
        # A refused leg must not end the payment: the reader may be busy or out of reach for a moment.
        return Unknown(detail=f"the reader was not told: {told.code}") if isinstance(told, Declined | Failed) else told

    async def increment(self, request: IncrementRequest) -> Outcome:
        """Raise the hold to a new total; only for holds that were requested with increments."""
        if not self._capabilities.increment:
            raise UnsupportedOperation(
                f"The account {self._account.name!r} requests no increments. Set request_increment, if its pricing "
                "includes them.",
                account=self._account.name,
                verb="increment",
            )
        fields: Any = with_extra(params.increment_params(request), request.extra)
        return await self._calls.do(
            OperationKind.INCREMENT,
            lambda: self._client.v1.payment_intents.increment_authorization_async(
                request.handle.id, fields, _keyed(request)
            ),
            lambda intent: mapping.authorize_outcome(intent, account=self._account.name),
            asked=request.total,
        )

    async def capture(self, request: CaptureRequest) -> Outcome:
        """Capture; a final capture releases the rest by itself."""
        multiple = request.handle.memo.get("multicapture") == "available"
        if not request.final and not multiple:
            raise UnsupportedOperation(
                "This payment allows one capture only, and it would release the rest. Capture once, when it is known "
                "how much.",
                account=self._account.name,
                verb="capture",
            )
        fields: Any = with_extra(params.capture_params(request), request.extra)
        return await self._calls.do(
            OperationKind.CAPTURE,
            lambda: self._client.v1.payment_intents.capture_async(request.handle.id, fields, _keyed(request)),
            lambda intent: mapping.capture_outcome(intent, asked=request.amount, multiple=multiple),
            asked=request.amount,
        )

    async def void(self, request: VoidRequest) -> Outcome:
        """Cancel the PaymentIntent, found by our reference where its id never arrived."""
        payment_id = await self._find(request)
        if not isinstance(payment_id, str):
            return Unknown(detail="the payment is not found by its reference, or not yet")
        fields: Any = with_extra({"expand": ["latest_charge"]}, request.extra)
        return await self._calls.do(
            OperationKind.VOID,
            lambda: self._client.v1.payment_intents.cancel_async(payment_id, fields, _keyed(request)),
            mapping.void_outcome,
            asked=request.amount,
        )

    async def refund(self, request: RefundRequest) -> Outcome:
        """Refund the payment; what is pending is told later."""
        fields: Any = with_extra(params.refund_params(request), request.extra)
        return await self._calls.do(
            OperationKind.REFUND,
            lambda: self._client.v1.refunds.create_async(fields, _keyed(request)),
            mapping.refund_outcome,
            asked=request.amount,
        )

    async def look_up(self, request: LookUpRequest) -> Observation | Absent | Unknown:
        """Show the payment by its id, or by our reference through search, which lags."""
        payment_id = await self._find(request)
        if not isinstance(payment_id, str):
            return payment_id
        found = await self._standing(payment_id, request.handle)
        if isinstance(found, Unknown):
            return found
        intent, authorized = found
        refunds, disputes = await self._refunds_of(intent), await self._disputes_of(intent)
        if isinstance(refunds, Unknown) or isinstance(disputes, Unknown):
            return Unknown(detail="the payment's refunds or disputes could not be read")
        return understood(
            lambda: evidence.observation(
                intent,
                authorized=authorized,
                refunds=refunds,
                disputes=disputes,
                payment_reference=request.payment_reference,
            )
        )

    async def parse_webhook(self, request: WebhookRequest) -> tuple[Observation, ...] | Unknown:
        """Prove the message, then say which payment it is about."""
        webhooks.verify(
            request,
            secrets=self._settings.signing_secrets,
            account=self._account.name,
            tolerance=self._settings.webhook_tolerance,
        )
        return webhooks.observations(request.body, account=self._account, connected=self._settings.stripe_account)

    async def settlements(self, request: SettlementsRequest) -> SettlementPage | Unknown:
        """Return one page of balance transactions."""
        fields: Any = settlements.settlement_params(request)
        return await self._calls.read(
            lambda: self._client.v1.balance_transactions.list_async(fields),
            lambda page: SettlementPage(
                lines=tuple(settlements.settlement_line(entry) for entry in all_of(page, of="balance_transaction")),
                cursor=settlements.next_cursor(page, cursor=request.cursor),
            ),
            of=mapping.LIST,
        )

    async def aclose(self) -> None:
        """Close the connections of the running loop, but nothing that was passed in."""
        if self._own is not None:
            await self._own.close_async()

    # --- several reads

    def _retrieve(self, payment_id: str) -> Awaitable[Any]:
        return self._client.v1.payment_intents.retrieve_async(payment_id, {"expand": ["latest_charge"]})

    async def _standing(self, payment_id: str, handle: Handle | None) -> tuple[Answer, Outcome] | Unknown:
        """Read a payment and what became of its AUTHORIZE; only a reader says that one waits in vain."""
        name = self._account.name
        found = await self._calls.read(
            lambda: self._retrieve(payment_id),
            lambda intent: (intent, mapping.authorize_outcome(intent, account=name), mapping.handle_of(intent)),
        )
        if isinstance(found, Unknown) or not terminal.waits(found[1]):
            return found if isinstance(found, Unknown) else found[:2]
        again = await self._at_reader(handle if handle and "reader" in handle.memo else found[2])
        return again if isinstance(again, Unknown) else (again[0], again[1] or found[1])

    async def _at_reader(self, handle: Handle, asked: Money | None = None) -> tuple[Answer, Outcome | None] | Unknown:
        """Read a payment at a reader, and where it stands; the reader first, so that its last doing is seen."""
        reader_id, name = handle.memo["reader"], self._account.name
        reader = await self._calls.read(
            lambda: self._client.v1.terminal.readers.retrieve_async(reader_id), _whole, of=mapping.READER_THING
        )
        if isinstance(reader, Unknown):
            return Unknown(detail="the reader could not be read")
        return await self._calls.read(
            lambda: self._retrieve(handle.id),
            lambda intent: (intent, terminal.standing(intent, reader, handle=handle, account=name)),
            asked=asked,
        )

    async def _find(self, request: VoidRequest | LookUpRequest) -> str | Absent | Unknown:
        return request.handle.id if request.handle else await self._search(request.payment_reference)

    async def _search(self, reference: str) -> str | Absent | Unknown:
        """Find a payment by our reference. Search lags, so `Absent` counts only after `absence_proven_after`."""
        if not _REFERENCE.match(reference):
            raise InvalidInput(f"{reference!r} cannot be searched for: references are letters, digits, - and _.")
        query = f"metadata['{REFERENCE}']:'{reference}'"
        found = await self._calls.read(
            lambda: self._client.v1.payment_intents.search_async({"query": query, "limit": 2}),
            lambda page: [str(intent["id"]) for intent in all_of(page, of=mapping.INTENT)],
            of=mapping.SEARCH_RESULT,
        )
        if isinstance(found, Unknown):
            return found
        if len(found) > 1:
            return Unknown(detail=f"{len(found)} payments carry the reference")
        return found[0] if found else Absent()

    async def _refunds_of(self, intent: Answer) -> list[Answer] | Unknown:
        """List a payment's refunds; there are none before a capture."""
        if intent.get("status") != "succeeded" and not intent.get("amount_received"):
            return []
        return await self._calls.read_all(
            "refund", self._client.v1.refunds.list_async, payment_intent=str(intent.get("id"))
        )

    async def _disputes_of(self, intent: Answer) -> list[Answer] | Unknown:
        """List a payment's disputes; its charge says whether there are any."""
        if not charge_of(intent).get("disputed"):
            return []
        return await self._calls.read_all("dispute", self._client.v1.disputes.list_async, payment_intent=intent["id"])


def _resendable(settings: StripeSettings) -> list[OperationKind]:
    unable = {OperationKind.CHARGEBACK} | (set() if settings.request_increment else {OperationKind.INCREMENT})
    return [kind for kind in OperationKind if kind not in unable]


def _keyed(request: EffectRequest) -> Any:
    return {"idempotency_key": request.idempotency_key}


def _whole(answer: Answer) -> Answer:
    return answer
