"""Stripe as a provider: calls the SDK, and turns its answers and exceptions into outcomes."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from evpay.errors import ConfigurationError, InvalidInput, UnsupportedOperation
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
    IncrementRequest,
    LookUpRequest,
    Observation,
    OperationKind,
    Outcome,
    Reason,
    RefundRequest,
    SettlementPage,
    SettlementsRequest,
    Unknown,
    VoidRequest,
    WebhookRequest,
    with_extra,
)
from evpay_providers.stripe import evidence, mapping, webhooks
from evpay_providers.stripe.amounts import AMOUNT_RULES
from evpay_providers.stripe.failures import failure
from evpay_providers.stripe.mapping import Answer
from evpay_providers.stripe.settings import StripeSettings

if TYPE_CHECKING:
    import stripe

__all__ = ["StripeProvider"]

T = TypeVar("T")
_REFERENCE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z", re.ASCII)
_UNREADABLE: Final = (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError)
MAX_REFUND_PAGES: Final = 10

# A key is forgotten at the earliest 24 hours after its first use.
# https://docs.stripe.com/api/idempotent_requests (checked 2026-11-20)
KEY_LIFE: Final = timedelta(hours=24)
# Search shows new data within a minute, during an outage within an hour; the same again for what nobody promised.
# https://docs.stripe.com/search#data-freshness (checked 2026-11-20)
SEARCH_LAG: Final = timedelta(hours=2)


def _sdk() -> tuple[Any, ModuleType]:
    try:
        return import_module("stripe"), import_module("evpay_providers.stripe.transport")
    except ImportError as error:
        raise ConfigurationError(
            f"The Stripe SDK cannot be imported ({error.name}). Install it with: pip install 'evpay[stripe]'.",
            path="providers.stripe",
        ) from error


class StripeProvider:
    """Talk to one Stripe account.

    Making one switches the SDK's telemetry off for the whole process: the SDK has no narrower switch.
    `http_client` is any of the SDK's; one that is passed in is not closed here.

    Raises:
        ConfigurationError: the SDK is not installed.
    """

    def __init__(self, settings: StripeSettings, *, http_client: "stripe.HTTPClient | None" = None) -> None:
        self._stripe, transport = _sdk()
        # It would write a file into the home directory and send the platform's name along.
        self._stripe.enable_telemetry = False
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
            resend_for=dict.fromkeys(
                (kind for kind in OperationKind if kind is not OperationKind.CHARGEBACK), KEY_LIFE
            ),
            settlements=True,
        )
        deadline_s = settings.deadline.total_seconds()
        self._own = None if http_client else transport.LoopTransport(deadline_s=deadline_s, direct=settings.on_loopback)
        # Retries belong to the engine, which knows the idempotency key.
        self._client: stripe.StripeClient = self._stripe.StripeClient(
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
        params: Any = with_extra(mapping.authorize_params(request, settings=self._settings), request.extra)
        return await self._do(
            OperationKind.AUTHORIZE,
            lambda: self._client.v1.payment_intents.create_async(params, _keyed(request)),
            lambda intent: mapping.authorize_outcome(
                intent, off_session=request.off_session, account=self._account.name
            ),
        )

    async def complete(self, request: CompleteRequest) -> Outcome:
        """Read where the payment stands: Stripe moves by itself, and the browser's answer is not needed."""
        return await self._read(
            lambda: self._retrieve(request.handle.id),
            lambda intent: mapping.authorize_outcome(intent, account=self._account.name),
        )

    async def increment(self, request: IncrementRequest) -> Outcome:
        """Raise the hold to a new total; only for holds that were requested with increments."""
        if not self._capabilities.increment:
            raise UnsupportedOperation(
                f"The account {self._account.name!r} requests no increments. Set request_increment, if its pricing "
                "includes them.",
                account=self._account.name,
                verb="increment",
            )
        params: Any = with_extra(mapping.increment_params(request), request.extra)
        return await self._do(
            OperationKind.INCREMENT,
            lambda: self._client.v1.payment_intents.increment_authorization_async(
                request.handle.id, params, _keyed(request)
            ),
            lambda intent: mapping.authorize_outcome(intent, account=self._account.name),
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
        params: Any = with_extra(mapping.capture_params(request), request.extra)
        return await self._do(
            OperationKind.CAPTURE,
            lambda: self._client.v1.payment_intents.capture_async(request.handle.id, params, _keyed(request)),
            lambda intent: mapping.capture_outcome(intent, asked=request.amount, multiple=multiple),
        )

    async def void(self, request: VoidRequest) -> Outcome:
        """Cancel the PaymentIntent, found by our reference where its id never arrived."""
        payment_id = request.handle.id if request.handle else await self._search(request.payment_reference)
        if not isinstance(payment_id, str):
            return Unknown(detail="the payment is not found by its reference, or not yet")
        params: Any = with_extra({"expand": ["latest_charge"]}, request.extra)
        return await self._do(
            OperationKind.VOID,
            lambda: self._client.v1.payment_intents.cancel_async(payment_id, params, _keyed(request)),
            mapping.void_outcome,
        )

    async def refund(self, request: RefundRequest) -> Outcome:
        """Refund the payment; what is pending is told later."""
        params: Any = with_extra(mapping.refund_params(request), request.extra)
        return await self._do(
            OperationKind.REFUND,
            lambda: self._client.v1.refunds.create_async(params, _keyed(request)),
            mapping.refund_outcome,
        )

    async def look_up(self, request: LookUpRequest) -> Observation | Absent | Unknown:
        """Show the payment by its id, or by our reference through search, which lags."""
        payment_id = request.handle.id if request.handle else await self._search(request.payment_reference)
        if not isinstance(payment_id, str):
            return payment_id
        intent = await self._read(lambda: self._retrieve(payment_id), lambda intent: intent)
        refunds = intent if isinstance(intent, Unknown) else await self._refunds_of(intent)
        if isinstance(intent, Unknown) or isinstance(refunds, Unknown):
            return Unknown(detail="the payment could not be read")
        return self._understood(
            lambda: evidence.observation(
                intent, refunds=refunds, payment_reference=request.payment_reference, account=self._account.name
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
        params: Any = evidence.settlement_params(request)
        return await self._read(
            lambda: self._client.v1.balance_transactions.list_async(params),
            lambda page: SettlementPage(
                lines=tuple(evidence.settlement_line(entry) for entry in page["data"]),
                cursor=evidence.next_cursor(page, cursor=request.cursor),
            ),
        )

    async def aclose(self) -> None:
        """Close the connections of the running loop, but nothing that was passed in."""
        if self._own is not None:
            await self._own.close_async()

    # --- the SDK's edge

    async def _do(
        self, kind: OperationKind, send: Callable[[], Awaitable[Any]], read: Callable[[Answer], Outcome]
    ) -> Outcome:
        """Send one request that has an effect, and read its answer."""
        answer = await self._send(send, kind=kind)
        if isinstance(answer, Declined | Failed | Unknown):
            return answer
        if answer.get("livemode") is (not self._account.live):
            return _other_mode(answer, kind=kind)
        return self._understood(lambda: read(answer))

    async def _read(self, send: Callable[[], Awaitable[Any]], read: Callable[[Answer], T]) -> T | Unknown:
        """Read without effect; a read that failed taught nothing."""
        answer = await self._send(send, kind=None)
        if isinstance(answer, Unknown):
            return answer
        if isinstance(answer, Declined | Failed):
            return Unknown(detail=f"the read itself failed: {answer.reason}")
        if answer.get("livemode") is (not self._account.live):
            return Unknown(detail="the answer is of the other mode (test or live)")
        return self._understood(lambda: read(answer))

    async def _send(
        self, send: Callable[[], Awaitable[Any]], *, kind: OperationKind | None
    ) -> Answer | Declined | Failed | Unknown:
        try:
            answer: Answer = (await send()).to_dict()
        except self._stripe.StripeError as error:
            cause = type(error.__cause__ or error).__name__
            return failure(status=error.http_status, body=error.json_body, cause=cause, kind=kind)
        except _UNREADABLE as error:
            return Unknown(detail=f"an answer that the SDK could not read: {type(error).__name__}")
        return answer

    def _understood(self, read: Callable[[], T]) -> T | Unknown:
        """Translate an answer; one that is not as documented proves nothing."""
        try:
            return read()
        except _UNREADABLE as error:
            return Unknown(detail=f"an answer that is not as documented: {type(error).__name__}")

    def _retrieve(self, payment_id: str) -> Awaitable[Any]:
        return self._client.v1.payment_intents.retrieve_async(payment_id, {"expand": ["latest_charge"]})

    async def _search(self, reference: str) -> str | Absent | Unknown:
        """Find a payment by our reference. Search lags, so `Absent` counts only after `absence_proven_after`."""
        if not _REFERENCE.match(reference):
            raise InvalidInput(f"{reference!r} cannot be searched for: references are letters, digits, - and _.")
        query = f"metadata['{mapping.REFERENCE}']:'{reference}'"
        found = await self._read(
            lambda: self._client.v1.payment_intents.search_async({"query": query, "limit": 2}),
            lambda page: [str(intent["id"]) for intent in page["data"]],
        )
        if isinstance(found, Unknown):
            return found
        if len(found) > 1:
            return Unknown(detail=f"{len(found)} payments carry the reference")
        return found[0] if found else Absent()

    async def _refunds_of(self, intent: Answer) -> list[Answer] | Unknown:
        """List a payment's refunds, all of them; there are none before a capture."""
        refunds: list[Answer] = []
        if intent["status"] != "succeeded" and not intent.get("amount_received"):
            return refunds
        for _ in range(MAX_REFUND_PAGES):
            place: Any = {"starting_after": refunds[-1]["id"]} if refunds else {}
            params: Any = {"payment_intent": intent["id"], "limit": 100, **place}
            page = await self._read(partial(self._client.v1.refunds.list_async, params), lambda page: page)
            if isinstance(page, Unknown):
                return page
            refunds += page["data"]
            if not page.get("has_more"):
                return refunds
        return Unknown(detail=f"more than {len(refunds)} refunds")


def _keyed(request: EffectRequest) -> Any:
    return {"idempotency_key": request.idempotency_key}


def _other_mode(answer: Answer, *, kind: OperationKind) -> Outcome:
    """Refuse an answer of the other mode: the first one shows that key and account do not fit together."""
    if kind is OperationKind.AUTHORIZE:
        return Failed(reason=Reason.TEST_LIVE_MISMATCH, code="livemode", id=answer.get("id"))
    return Unknown(detail="the answer is of the other mode (test or live)")
