"""Adyen as a provider: calls the SDK, and turns its answers into outcomes."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from evpay.errors import InvalidInput, UnsupportedOperation
from evpay.providers import (
    Absent,
    Account,
    AuthorizeRequest,
    Capabilities,
    CaptureRequest,
    CompleteRequest,
    Failed,
    Funding,
    Handle,
    IncrementRequest,
    LookUpRequest,
    MethodKind,
    Observation,
    OperationKind,
    Outcome,
    RefundRequest,
    SettlementPage,
    SettlementsRequest,
    Unknown,
    VoidRequest,
    WebhookRequest,
    understood,
    with_extra,
)
from evpay_providers.adyen import evidence, mapping, settlements, terminal, webhooks
from evpay_providers.adyen.amounts import AMOUNT_RULES
from evpay_providers.adyen.calls import AdyenCalls, Answer, Transport
from evpay_providers.adyen.holds import is_psp_reference
from evpay_providers.adyen.settings import AdyenSettings

__all__ = ["AdyenProvider"]

# A key and its first answer are kept for at least 31 days.
# https://docs.adyen.com/development-resources/api-idempotency (checked 2026-11-20)
KEY_LIFE: Final = timedelta(days=31)


class AdyenProvider:
    """Talk to one merchant account at Adyen.

    `transport` is any that the SDK takes; one that is passed in is not closed here.

    Raises:
        ConfigurationError: the SDK is not installed.
    """

    def __init__(self, settings: AdyenSettings, *, transport: Transport | None = None) -> None:
        self._settings = settings
        self._account = Account(provider="adyen", name=settings.account, live=settings.live)
        self._capabilities = Capabilities(
            funding=Funding.HOLD,
            amounts=AMOUNT_RULES,
            increment=settings.increment,
            releases_remainder=not settings.multiple_captures,
            refund=True,
            off_session=True,
            look_up=False,
            absence_proven_after=None,
            resend_for=dict.fromkeys(
                (kind for kind in OperationKind if kind is not OperationKind.CHARGEBACK), KEY_LIFE
            ),
            settlements=settings.report_key is not None,
        )
        self._calls = AdyenCalls(settings, transport=transport)

    def __repr__(self) -> str:
        return f"AdyenProvider(account={self._account.name!r}, live={self._account.live})"

    @property
    def account(self) -> Account:
        """Which account this is."""
        return self._account

    @property
    def capabilities(self) -> Capabilities:
        """What this account can be told."""
        return self._capabilities

    async def authorize(self, request: AuthorizeRequest) -> Outcome:
        """Ask for a pre-authorization, online or at a terminal."""
        if request.method.kind is MethodKind.TERMINAL:
            return await terminal.authorize(request, calls=self._calls, settings=self._settings)
        params = with_extra(mapping.authorize_params(request, settings=self._settings), request.extra)
        return await self._do(
            lambda: self._calls.payments.payments(params, idempotency_key=request.idempotency_key),
            lambda answer: mapping.authorize_outcome(
                answer,
                reference=request.reference,
                asked=request.amount,
                settings=self._settings,
                off_session=request.off_session,
            ),
        )

    async def complete(self, request: CompleteRequest) -> Outcome:
        """Hand on what came back with the driver, or ask the terminal; what is refused over HTTP proves nothing."""
        if terminal.is_waiting(request.handle):
            return await terminal.complete(request, calls=self._calls, settings=self._settings)
        details = mapping.complete_params(request)
        if details is None:
            return Unknown(detail="nothing that Adyen knows came back with the driver")
        params = with_extra(details, request.extra)
        answer = await self._calls.ask(
            lambda: self._calls.payments.payments_details(params, idempotency_key=request.idempotency_key)
        )
        if isinstance(answer, Failed | Unknown):
            # A claim from a browser may be forged: a request that is refused ends no authorization.
            return answer if isinstance(answer, Unknown) else Unknown(detail=f"the leg was refused: {answer.code}")
        return understood(lambda: mapping.complete_outcome(answer, request=request, settings=self._settings))

    async def increment(self, request: IncrementRequest) -> Outcome:
        """Set the hold to a new total, or to the same one for more time."""
        if not self._capabilities.increment:
            raise UnsupportedOperation(
                f"The account {self._account.name!r} adjusts no holds. Set increment, if Adyen has enabled it.",
                account=self._account.name,
                verb="increment",
            )
        psp = _psp(request.handle)
        params = with_extra(mapping.increment_params(request, merchant=self._settings.merchant_account), request.extra)
        return await self._do(
            lambda: self._calls.modifications.update_authorised_amount(
                params, psp, idempotency_key=request.idempotency_key
            ),
            lambda answer: mapping.increment_outcome(answer, request=request, settings=self._settings),
        )

    async def capture(self, request: CaptureRequest) -> Outcome:
        """Capture; a webhook tells what came of it."""
        if not request.final and not self._settings.multiple_captures:
            raise UnsupportedOperation(
                "This account allows one capture only, and it would release the rest. Capture once, when it is known "
                "how much.",
                account=self._account.name,
                verb="capture",
            )
        params = mapping.capture_params(request, merchant=self._settings.merchant_account)
        return await self._modify(self._calls.modifications.capture_authorised_payment, request, params)

    async def void(self, request: VoidRequest) -> Outcome:
        """Cancel the payment, by our own reference where Adyen's is not known."""
        params = mapping.void_params(request, merchant=self._settings.merchant_account)
        if "paymentReference" in params:
            body = with_extra(params, request.extra)
            return await self._do(
                lambda: self._calls.modifications.cancel_authorised_payment(
                    body, idempotency_key=request.idempotency_key
                ),
                mapping.received_outcome,
            )
        return await self._modify(self._calls.modifications.cancel_authorised_payment_by_psp_reference, request, params)

    async def refund(self, request: RefundRequest) -> Outcome:
        """Refund; a webhook tells what came of it."""
        params = mapping.refund_params(request, merchant=self._settings.merchant_account)
        return await self._modify(self._calls.modifications.refund_captured_payment, request, params)

    async def look_up(self, request: LookUpRequest) -> Observation | Absent | Unknown:
        """Know nothing: Adyen has no call that shows a payment."""
        del request
        return Unknown(detail="Adyen has no call that shows a payment")

    async def parse_webhook(self, request: WebhookRequest) -> tuple[Observation, ...] | Unknown:
        """Prove every item of the message, then say what each of them tells."""
        items = webhooks.proven_items(request, settings=self._settings)
        return evidence.observations(items, settings=self._settings)

    async def settlements(self, request: SettlementsRequest) -> SettlementPage | Unknown:
        """Return one settlement details report; one that is not there yet is an empty page."""
        if self._settings.report_key is None:
            return SettlementPage(cursor=request.cursor)
        read = partial(settlements.page, request, calls=self._calls, settings=self._settings)
        found = await self._calls.in_time(lambda: understood(read))
        return Unknown(detail=f"the read itself failed: {found.reason}") if isinstance(found, Failed) else found

    async def aclose(self) -> None:
        """Close the connections, but nothing that was passed in."""
        self._calls.close()

    # --- the SDK's edge

    async def _modify(
        self,
        call: Callable[..., Any],
        request: CaptureRequest | VoidRequest | RefundRequest,
        params: dict[str, Any],
    ) -> Outcome:
        psp = _psp(request.handle)
        body = with_extra(params, request.extra)
        return await self._do(
            lambda: call(body, psp, idempotency_key=request.idempotency_key), mapping.received_outcome
        )

    async def _do(self, call: Callable[[], Any], read: Callable[[Answer], Outcome]) -> Outcome:
        """Send one request that has an effect, and read its answer."""
        answer = await self._calls.ask(call)
        return answer if isinstance(answer, Failed | Unknown) else understood(lambda: read(answer))


def _psp(handle: Handle | None) -> str:
    """Return Adyen's reference, which goes into a path as it is.

    Raises:
        InvalidInput: it is none.
    """
    if handle is None or not is_psp_reference(handle.id):
        raise InvalidInput(
            "This payment has no pspReference yet, so Adyen cannot be told to change it.", code="no_psp_reference"
        )
    return handle.id
