"""Braintree as a provider: calls the SDK on worker threads, and turns its answers and exceptions into outcomes."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from evpay.errors import InvalidInput, UnsupportedOperation
from evpay.money import Money, from_minor
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
    Succeeded,
    Unknown,
    VoidRequest,
    WebhookRequest,
    understood,
    with_extra,
)
from evpay_providers.braintree import evidence, failures, mapping, reads, settlements, webhooks
from evpay_providers.braintree.amounts import amount_rule, to_braintree
from evpay_providers.braintree.calls import BraintreeCalls, Exchange, Refused
from evpay_providers.braintree.evidence import Payment
from evpay_providers.braintree.mapping import Answer
from evpay_providers.braintree.resends import resendable
from evpay_providers.braintree.settings import BraintreeSettings

__all__ = ["BraintreeProvider", "client_token"]

MAX_DAYS: Final = 31  # of a settlement page, while days are empty

REFUSED: Final = frozenset({"failed", "gateway_rejected", "processor_declined"})


class BraintreeProvider:
    """Talk to one Braintree account, over a gateway object of its own.

    `exchange` takes the place of the HTTP requests; it is called on worker threads.

    Raises:
        ConfigurationError: the SDK is not installed.
    """

    def __init__(self, settings: BraintreeSettings, *, exchange: Exchange | None = None) -> None:
        self._settings = settings
        self._account = Account(provider="braintree", name=settings.account, live=settings.live)
        self._capabilities = Capabilities(
            funding=Funding.HOLD,
            amounts={currency: amount_rule(currency) for currency in settings.merchant_accounts},
            increment=settings.request_increment,
            releases_remainder=True,
            refund=True,
            off_session=True,
            look_up=True,
            resend_for=resendable(settings),
            settlements=True,
        )
        self._calls = BraintreeCalls(settings, exchange=exchange)

    def __repr__(self) -> str:
        return f"BraintreeProvider(account={self._account.name!r}, live={self._account.live})"

    @property
    def account(self) -> Account:
        """Which account this is."""
        return self._account

    @property
    def capabilities(self) -> Capabilities:
        """What this account can be told."""
        return self._capabilities

    async def authorize(self, request: AuthorizeRequest) -> Outcome:
        """Authorize a nonce, or a token of the vault, without submitting it for settlement."""
        params = with_extra(mapping.authorize_params(request, settings=self._settings), request.extra)
        return await self._do(
            OperationKind.AUTHORIZE,
            lambda gateway: gateway.transaction.sale(params),
            lambda sale: mapping.authorize_outcome(
                sale, settings=self._settings, off_session=request.off_session, save=request.save_method
            ),
            currency=request.amount.currency.code,
        )

    async def complete(self, request: CompleteRequest) -> Outcome:
        """Refuse: a driver authenticates in the browser, and the new nonce is a new authorization."""
        raise UnsupportedOperation(
            f"Nothing waits for the driver at Braintree, {request.handle.id!r} neither. Authorize the new nonce.",
            account=self._account.name,
            verb="complete",
        )

    async def increment(self, request: IncrementRequest) -> Outcome:
        """Raise the hold to a new total; no key goes with it, but the same total has no effect again."""
        if not self._capabilities.increment or request.total == request.authorized:
            raise UnsupportedOperation(
                f"The account {self._account.name!r} cannot raise or extend this hold. Set request_increment, if its "
                "processor raises authorizations.",
                account=self._account.name,
                verb="increment",
            )
        if request.extra:
            raise InvalidInput("Braintree takes nothing but the amount here. Leave extra out.", path="extra")
        payment_id, total = reads.checked(request.handle.id), to_braintree(request.total)
        return await self._do(
            OperationKind.INCREMENT,
            lambda gateway: gateway.transaction.adjust_authorization(payment_id, total),
            lambda held: mapping.increment_outcome(held, payment_id=payment_id, settings=self._settings),
            currency=request.total.currency.code,
        )

    async def capture(self, request: CaptureRequest) -> Outcome:
        """Submit for settlement; what is not submitted lapses with it, and parts are transactions of their own."""
        if not request.final and "captures" not in request.handle.memo:
            raise UnsupportedOperation(
                "This payment is captured once only. Capture it when it is known how much, or name its kind in "
                "partial_settlement, if Braintree allows that.",
                account=self._account.name,
                verb="capture",
            )
        payment_id, amount = reads.checked(request.handle.id), to_braintree(request.amount)
        verb, own = mapping.capture_params(request, key=self._key(request))
        if verb == mapping.IN_PARTS and not (self._settings.request_keys or self._settings.partial_settlement):
            # Parts may have begun elsewhere, or under other settings; without a key a part is sent once only.
            sent = await reads.part(self._calls, payment_id=payment_id, reference=request.reference)
            if sent is not None:
                return sent if isinstance(sent, Failed) else Unknown(detail="the part is there, or cannot be seen")
        params = with_extra({"amount": amount, **own}, request.extra)
        return await self._do(
            OperationKind.CAPTURE,
            lambda gateway: getattr(gateway.transaction, verb)(payment_id, params.pop("amount"), params),
            lambda taken: mapping.capture_outcome(
                taken, handle=request.handle, reference=request.reference, in_parts=verb == mapping.IN_PARTS
            ),
            currency=request.amount.currency.code,
        )

    async def void(self, request: VoidRequest) -> Outcome:
        """Void what is held, after a look at it: voiding what was submitted would give the captured money back."""
        found_by = reads.checked(request.handle.id) if request.handle else None
        payment = await reads.payment(
            self._calls, reference=request.payment_reference, payment_id=found_by, refunds=False
        )
        if isinstance(payment, Failed):
            return payment
        if isinstance(payment, Absent | Unknown):
            return Unknown(detail="the payment is not found by its reference, or not yet")
        held, status = payment.transaction, payment.transaction["status"]
        if status in REFUSED:
            return Succeeded(amount=from_minor(0, request.amount.currency.code), id=held["id"])
        if status == "authorization_expired":
            return Failed(reason=Reason.AUTHORIZATION_EXPIRED, code=status, id=held["id"])
        if status in mapping.TAKEN | evidence.LOST_SETTLEMENTS and not (
            payment.parts and status == "settlement_pending"
        ):
            return Failed(reason=Reason.INVALID_STATE, code=status, id=held["id"])
        free = understood(lambda: evidence.released_amount(payment))
        if not isinstance(free, Money):
            return Unknown(detail="the payment does not say what it holds")
        handle = mapping.handle_of(held, settings=self._settings, begun=bool(payment.parts))
        return await self._void(OperationKind.VOID, held, Succeeded(amount=free, id=held["id"], handle=handle), request)

    async def refund(self, request: RefundRequest) -> Outcome:
        """Refund what is settled; a whole capture that is not is voided, and a part of one has to wait."""
        reads.checked(request.capture_id or request.handle.id)
        captured = await reads.captured(self._calls, request)
        if isinstance(captured, Failed | Unknown):
            return captured
        status, whole = captured["status"], understood(lambda: mapping.amount_of(captured) == request.amount)
        if whole is True and status in mapping.UNSETTLED | {"voided"}:
            if status == "voided" and not self._settings.request_keys:
                return Unknown(detail="the capture is voided already")
            return await self._void(
                OperationKind.REFUND, captured, Succeeded(amount=request.amount, id=captured["id"]), request
            )
        if status in mapping.UNSETTLED:
            return Failed(reason=Reason.NOT_SETTLED_YET, code=status, id=captured["id"])
        params = with_extra(mapping.refund_params(request, key=self._key(request)), request.extra)
        return await self._do(
            OperationKind.REFUND,
            lambda gateway: gateway.transaction.refund(captured["id"], params),
            mapping.refund_outcome,
            currency=request.amount.currency.code,
        )

    async def look_up(self, request: LookUpRequest) -> Observation | Absent | Unknown:
        """Show the payment by its id, or by our reference through search, of which nobody says how it lags."""
        found_by = request.handle.id if request.handle else None
        payment = await reads.payment(self._calls, reference=request.payment_reference, payment_id=found_by)
        if not isinstance(payment, Payment):
            return payment if isinstance(payment, Absent) else _nothing(payment)
        known = request.handle.memo if request.handle else {}
        return understood(
            lambda: evidence.observation(
                payment,
                payment_reference=request.payment_reference,
                settings=self._settings,
                captured_as=known.get(mapping.CAPTURED_AS),
            )
        )

    async def parse_webhook(self, request: WebhookRequest) -> tuple[Observation, ...] | Unknown:
        """Prove the message, then say which payment it is about, and how a dispute ended."""
        payload = webhooks.verify(request, settings=self._settings)
        return webhooks.observations(payload, request=request, settings=self._settings)

    async def settlements(self, request: SettlementsRequest) -> SettlementPage | Unknown:
        """Return one page of what was settled, day by day, as far as there is anything."""
        place = settlements.Place.of(request)
        for _ in range(MAX_DAYS):
            ids = await self._calls.settled(place.begins, place.ends)
            if isinstance(ids, Failed | Unknown):
                return _nothing(ids)
            if place.read < len(ids) or place.found != len(ids):
                found = await self._calls.transactions(place.chosen(ids))
                if isinstance(found, Failed | Unknown):
                    return _nothing(found)
                cursor = place.after(ids).cursor
                return understood(
                    lambda lines=found, cursor=cursor: SettlementPage(  # type: ignore[misc]  # defaults bind the loop's values
                        lines=tuple(settlements.settlement_line(one) for one in lines), cursor=cursor
                    )
                )
            later = await self._calls.settled(place.tomorrow.begins, None)
            if isinstance(later, Failed | Unknown):
                return _nothing(later)
            if not later:
                break
            place = place.tomorrow
        moved = request.cursor is not None or place.day != request.since
        return SettlementPage(cursor=place.cursor if moved else None)

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._calls.close()

    # --- the SDK's edge

    async def _do(
        self,
        kind: OperationKind,
        send: Callable[[Any], Any],
        read: Callable[[Answer], Outcome],
        *,
        currency: str,
    ) -> Outcome:
        """Send one request that has an effect, and read its answer."""
        return self._said(await self._calls.ask(send), kind=kind, read=read, currency=currency)

    def _said(
        self,
        answer: Answer | Refused | Failed | Unknown,
        *,
        kind: OperationKind,
        read: Callable[[Answer], Outcome],
        currency: str,
    ) -> Outcome:
        """Read an answer to a request that has an effect."""
        if isinstance(answer, Failed | Unknown):
            return answer
        if isinstance(answer, Refused):
            return understood(lambda: _refused(answer, kind=kind, read=read))
        if answer.get("currency_iso_code") != currency:
            return Unknown(detail=f"an answer in {answer.get('currency_iso_code')!r}, where {currency} was asked")
        return understood(lambda: read(answer))

    def _key(self, request: EffectRequest) -> str | None:
        return request.idempotency_key if self._settings.request_keys else None

    async def _void(
        self, kind: OperationKind, transaction: Answer, done: Succeeded, request: VoidRequest | RefundRequest
    ) -> Outcome:
        """Void a transaction. The key of a refund is another here, for later it may be sent as a refund."""
        key = self._key(request)
        own = {} if key is None else {"api_request_key": f"{key}-void" if kind is OperationKind.REFUND else key}
        params = with_extra(own, request.extra)

        def read(answer: Answer) -> Outcome:
            if answer["status"] != "voided" or answer["id"] != done.id:
                return Unknown(detail=f"voided, yet in status {answer['status']!r}")
            if kind is OperationKind.VOID and mapping.captured_since(transaction, answer):
                return Unknown(detail="a capture came between, and was voided with the rest")
            return done

        answer = await self._calls.ask(lambda gateway: gateway.transaction.void(transaction["id"], params or None))
        refused = isinstance(answer, Refused) and failures.CANNOT_BE_VOIDED in answer.codes
        if refused and kind is OperationKind.REFUND:
            # Its settlement may have begun since we looked. If so, it surely was not voided, and never will be.
            now = await reads.found(self._calls, transaction["id"])
            if not isinstance(now, Failed | Unknown) and now["status"] in mapping.TAKEN - mapping.UNSETTLED:
                return Failed(reason=Reason.NOT_SETTLED_YET, code=now["status"], id=now["id"])
        return self._said(answer, kind=kind, read=read, currency=done.amount.currency.code)


def _nothing(found: Failed | Unknown) -> Unknown:
    """Say what a read taught that was not even sent, or failed."""
    return found if isinstance(found, Unknown) else Unknown(detail=f"the read itself failed: {found.reason}")


def _refused(answer: Refused, *, kind: OperationKind, read: Callable[[Answer], Outcome]) -> Outcome:
    """Read a 422: by its validation errors, else by the transaction that was declined."""
    told: Declined | Failed | Unknown | None = failures.refusal(answer.codes, answer.transaction, kind=kind)
    if told is not None:
        return told
    if not answer.transaction or kind not in (OperationKind.AUTHORIZE, OperationKind.REFUND):
        return Unknown(detail="refused without a reason")
    outcome = read(answer.transaction)
    return outcome if isinstance(outcome, Declined | Failed | Unknown) else Unknown(detail="refused, yet it is there")


async def client_token(
    provider: BraintreeProvider, *, customer: str | None = None, currency: str | None = None
) -> str | Failed | Unknown:
    """Return a token with which Braintree's SDK in an app or browser makes nonces.

    `customer`: show this customer's saved methods too. `currency`: for the merchant account of this currency.
    """
    accounts: Mapping[str, str] = provider._settings.merchant_accounts  # noqa: SLF001 - a function of this package
    wanted = {"customer_id": customer, "merchant_account_id": accounts.get(currency or "")}
    params = {name: value for name, value in wanted.items() if value}
    return await provider._calls.token(params)  # noqa: SLF001 - as above
