"""How a session starts: the hold, its size, and which accounts are tried."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from evpay.engine.case import Case
from evpay.engine.conclusion import answer_start
from evpay.engine.context import Context
from evpay.engine.drafts import Draft, make_operation, operation_id
from evpay.engine.orders import (
    AuthorizeOrder,
    StartOrder,
    accounts_of,
    hold_amount,
    intent_body,
    intent_row,
    session_record,
)
from evpay.engine.recovery import Recoverer
from evpay.engine.requests import reference_for
from evpay.engine.runner import Runner
from evpay.engine.tracking import Tracker, session_view
from evpay.errors import InvalidInput, NotFound, StoreConflict, UnsupportedOperation
from evpay.ids import wire_key
from evpay.instants import instant
from evpay.money import Money, from_minor, to_minor
from evpay.payments.account import AmountRule
from evpay.payments.lifecycle import is_live
from evpay.payments.method import PaymentMethod
from evpay.payments.operation import UNSETTLED, OperationKind, OperationState
from evpay.payments.outcome import Declined, Failed
from evpay.payments.reasons import Reason, may_try_elsewhere
from evpay.payments.records import PaymentRecord
from evpay.providers import AuthorizeRequest, Provider
from evpay.sessions.model import Admission, Session, SessionStatus
from evpay.store import reads
from evpay.store.commit import AlreadyThere, Commit, GuardMissed, Insert, Update
from evpay.store.rows import SessionRecord, session_values
from evpay.tariffs.compile import require_chargeable
from evpay.tariffs.policy import PricingPolicy

__all__ = ["Opener"]


class Opener:
    """Starts sessions and authorizes payments."""

    def __init__(self, context: Context, runner: Runner, tracker: Tracker, recoverer: Recoverer) -> None:
        self._context = context
        self._runner = runner
        self._tracker = tracker
        self._recoverer = recoverer

    def candidates(self, order: AuthorizeOrder) -> list[Provider]:
        """Return the accounts that may serve an order, in the order given.

        Raises:
            ConfigurationError: for an account that is not configured.
            UnsupportedOperation: if none takes the currency, or none can charge without the driver there.
        """
        named = order.via or order.method.account
        pool = [self._context.provider_named(named)] if named else list(self._context.providers.values())
        currency = order.amount.currency.code
        taking = [found for found in pool if found.capabilities.rule_for(currency) is not None]
        if not taking:
            names = ", ".join(found.account.name for found in pool) or "none is configured"
            raise UnsupportedOperation(
                f"No account takes {currency} (asked: {names}). Configure one that does, or use a tariff in another "
                "currency.",
                account=named or "",
                verb="authorize",
            )
        able = [found for found in taking if found.capabilities.off_session or not order.off_session]
        if not able:
            raise UnsupportedOperation(
                "No account can charge while the driver is away. Give return_url= so that the driver can be asked.",
                account=taking[0].account.name,
                verb="authorize",
            )
        return able

    async def is_new(self, order: StartOrder) -> bool:
        """Check an order, and say whether it would start a session that is not there yet."""
        require_chargeable(order.tariff, PricingPolicy.model_validate(dict(order.policy.pricing)))
        _same_currency(order)
        known = await self._context.store.read(
            lambda connection: reads.session(connection, tenant=order.tenant, session_id=order.session_id)
        )
        if known is None:
            self._asked(order)
        return known is None

    async def start(self, order: StartOrder) -> Case:
        """Start a session, or return what the same call did before; the order has been checked."""
        for _ in range(5):
            known = await self._context.store.read(
                lambda connection: reads.session(connection, tenant=order.tenant, session_id=order.session_id)
            )
            with suppress(AlreadyThere, GuardMissed):
                case = await (self._first(order) if known is None else self._again(order, known))
                return await self._answered(case)
        raise StoreConflict(
            f"Session {order.session_id!r} is being started by others over and over.",
            key=order.session_id,
            existing="session",
        )

    async def _answered(self, case: Case) -> Case:
        """Keep that the caller is told now how it stands, and let a hold count that has waited for this."""
        for _ in range(5):
            rows = answer_start(case, now_us=self._context.env.now_us())
            if rows is None:
                return case
            with suppress(GuardMissed):
                await self._context.store.commit(rows)
                self._context.notify()
            case = await self._context.case(case.tenant, case.snapshot.intent.id)
        return case

    async def _first(self, order: StartOrder) -> Case:
        intent_id = wire_key("intent", order.tenant, "session", order.session_id)
        now_us = self._context.env.now_us()
        asked = self._asked(order)
        record = session_record(order, intent_id, now_us=now_us)
        tariff = {"tenant": order.tenant, "hash": order.tariff.hash, "body": order.tariff.model_dump_json()}
        opening = Commit(
            (
                Insert("tariff", tariff, or_ignore=True),
                Insert("session", session_values(record, now_us=now_us)),
                intent_row(asked, intent_id, accounts=self._accounts(asked), now_us=now_us),
            )
        )
        return await self._attempt_all(asked, intent_id, opening, first_attempt=1)

    def _asked(self, order: StartOrder) -> AuthorizeOrder:
        asked = AuthorizeOrder(
            tenant=order.tenant,
            key=f"session:{order.session_id}",
            amount=from_minor(1, order.tariff.currency),
            method=order.method,
            return_url=order.return_url,
            save_method=order.save_method,
            extra=order.extra,
            deadline_s=order.policy.answer_within_s,
            session_id=order.session_id,
            actor=order.actor,
        )
        sizes = {found.account.name: self._size(order, found) for found in self.candidates(asked)}
        return replace(asked, amount=next(iter(sizes.values())), sizes=sizes)

    def _size(self, order: StartOrder, provider: Provider) -> Money:
        """Return how much to hold at an account: its holds may grow or not, and it has its own step and minimum."""
        rule = provider.capabilities.rule_for(order.tariff.currency) or AmountRule()
        grows = provider.capabilities.increment
        amount = hold_amount(order.tariff, order.policy, limit=order.limit, grows=grows, step_minor=rule.step_minor)
        return max(amount, from_minor(rule.minimum_minor, order.tariff.currency))

    def _accounts(self, order: AuthorizeOrder) -> list[str]:
        return [found.account.name for found in self.candidates(order)]

    async def authorize(self, order: AuthorizeOrder) -> Case:
        """Authorize at the payment level, or return what the same call did before."""
        if order.amount.amount <= 0:
            raise InvalidInput(f"{order.amount} cannot be held. Hold more than zero.", code="amount_not_positive")
        intent_id = wire_key("intent", order.tenant, "key", order.key)
        for _ in range(5):
            known = await self._context.store.read(
                lambda connection: reads.intent_by_key(
                    connection, tenant=order.tenant, key=order.key, live=self._context.live
                )
            )
            if known is not None:
                if known.intent.digest != order.digest:
                    raise StoreConflict(
                        f"Key {order.key!r} was used for another payment before. Use the same amount and method with "
                        "it, or a new key.",
                        key=order.key,
                        existing=known.intent.id,
                    )
                case = await self._settle_open(order.tenant, known.intent.id)
                accounts = next_accounts(case, off_session=order.off_session)
                if not accounts:
                    return case
                with suppress(AlreadyThere, GuardMissed):
                    return await self._go_on(order, case, Commit(), accounts)
                continue
            accounts, now_us = self._accounts(order), self._context.env.now_us()
            opening = Commit((intent_row(order, intent_id, accounts=accounts, now_us=now_us),))
            try:
                return await self._attempt_all(order, intent_id, opening, first_attempt=1)
            except (AlreadyThere, GuardMissed):
                continue
        raise StoreConflict(f"Key {order.key!r} is being used by others over and over.", key=order.key, existing="")

    async def _attempt_all(
        self,
        order: AuthorizeOrder,
        intent_id: str,
        opening: Commit,
        *,
        first_attempt: int,
        accounts: Sequence[str] | None = None,
    ) -> Case:
        """Try the accounts in turn: the next only if the one before surely did nothing, and its reason allows it."""
        names = self._accounts(order) if accounts is None else accounts
        providers = [self._context.provider_named(name) for name in names]
        for turn, provider in enumerate(providers):
            draft = self._draft(order, intent_id, provider, attempt=first_attempt + turn)
            draft = replace(draft, opening=opening if turn == 0 else Commit())
            await self._runner.run(order.tenant, intent_id, draft, failover=turn + 1 < len(providers))
            case = await self._context.case(order.tenant, intent_id)
            outcome = case.authorize(draft.payment.id).outcome
            if not isinstance(outcome, Declined | Failed) or not may_try_elsewhere(outcome.reason):
                break
        return case

    def _draft(self, order: AuthorizeOrder, intent_id: str, provider: Provider, *, attempt: int) -> Draft:
        now_us = self._context.env.now_us()
        amount = order.sizes.get(provider.account.name, order.amount)
        identity = operation_id(intent_id, "authorize", str(attempt))
        payment = PaymentRecord(
            tenant=order.tenant,
            id=wire_key("payment", intent_id, str(attempt)),
            intent_id=intent_id,
            session_id=order.session_id,
            attempt=attempt,
            account=provider.account,
            funding=provider.capabilities.funding,
            currency=order.amount.currency.code,
            reference=reference_for(identity),
            created_us=now_us,
            updated_us=now_us,
        )
        made = make_operation(
            payment,
            id=identity,
            kind=OperationKind.AUTHORIZE,
            amount=to_minor(amount),
            request_of=lambda reference, key: AuthorizeRequest(
                reference=reference,
                idempotency_key=key,
                amount=amount,
                method=order.method,
                descriptor=order.descriptor,
                return_url=order.return_url,
                off_session=order.off_session,
                save_method=order.save_method,
                extra=order.extra,
            ),
            now_us=now_us,
            actor=order.actor,
            first=True,
        )
        return Draft(payment=payment, operation=made, born=True, deadline_s=order.deadline_s)

    async def _again(self, order: StartOrder, known: SessionRecord) -> Case:
        """The same session once more: the present state, or a conflict; nothing is sent twice."""
        if known.digest != order.digest:
            raise StoreConflict(
                f"Session {order.session_id!r} was started before with another tariff, site, driver or limit. "
                "Use a new session id for a new session.",
                key=order.session_id,
                existing=order.session_id,
            )
        intent_id = known.session.intent_id
        if intent_id is None:
            raise NotFound("payment intent", order.session_id)
        case = await self._context.case(order.tenant, intent_id)
        same = PaymentMethod.model_validate_json(case.snapshot.intent.method) == order.method
        if known.session.status in (SessionStatus.FINISHED, SessionStatus.CANCELLED):
            return await self._settle_open(order.tenant, intent_id)
        if same:
            case = await self._settle_open(order.tenant, intent_id)
            accounts = next_accounts(case, off_session=order.off_session)
            if not accounts or case.session is None:
                return case
            opening = Commit((self._waiting(order, case.session),))
            return await self._go_on(self._asked(order), case, opening, accounts)
        return await self._another_method(order, known, await self._settle_open(order.tenant, intent_id))

    async def _go_on(self, order: AuthorizeOrder, case: Case, opening: Commit, accounts: Sequence[str]) -> Case:
        """Ask where a process that died did not come to ask, or where asking again is another question now."""
        able = set(self._accounts(order))
        left = [name for name in accounts if name in able]
        if not left:
            return case
        attempt = case.snapshot.payment.attempt + 1
        return await self._attempt_all(order, case.snapshot.intent.id, opening, first_attempt=attempt, accounts=left)

    def _waiting(self, order: StartOrder, known: SessionRecord) -> Update:
        """Return the update that lets a session wait for a hold again."""
        now_us = self._context.env.now_us()
        waiting = known.changed(
            status=SessionStatus.WAITING, admission=Admission.WAIT, denial=None, updated_at=instant(now_us)
        )
        until_us = now_us + order.policy.start_within_s * 1_000_000
        waiting = replace(waiting, wake_us=until_us, version=known.version + 1, answered=False)
        values = session_values(waiting, now_us=now_us)
        key = {name: values.pop(name) for name in ("tenant", "id")}
        return Update("session", key, values, {"version": known.version})

    async def _settle_open(self, tenant: str, intent_id: str) -> Case:
        """Wait for, or look up, an authorization that is not settled."""
        case = await self._context.case(tenant, intent_id)
        authorize = case.authorize(case.snapshot.payment.id)
        if authorize.state is OperationState.SUBMITTING:
            case = await self._runner.join(tenant, intent_id, authorize.id, within_s=self._context.deadline_s)
            authorize = case.authorize(case.snapshot.payment.id)
        if authorize.state in (OperationState.UNKNOWN, OperationState.PENDING):
            await self._recoverer.resolve(tenant, intent_id, authorize.id)
            case = await self._context.case(tenant, intent_id)
        return case

    async def _another_method(self, order: StartOrder, known: SessionRecord, case: Case) -> Case:
        payment = case.snapshot.payment
        if is_live(payment, case.snapshot.of(payment.id)):
            raise StoreConflict(
                f"Session {order.session_id!r} has a hold with another method. Cancel it first, or go on with it.",
                key=order.session_id,
                existing=case.snapshot.intent.id,
            )
        now_us = self._context.env.now_us()
        asked = self._asked(order)
        intent = case.snapshot.intent
        opening = Commit(
            (
                self._waiting(order, known),
                Update(
                    "intent",
                    {"tenant": intent.tenant, "id": intent.id},
                    {
                        "method": order.method.model_dump_json(),
                        "digest": asked.digest,
                        "body": intent_body(self._accounts(asked)),
                        "version": intent.version + 1,
                        "updated_us": now_us,
                    },
                    {"version": intent.version},
                ),
            )
        )
        return await self._attempt_all(asked, intent.id, opening, first_attempt=payment.attempt + 1)

    async def view(self, case: Case) -> Session:
        """Return the session of a case as the face shows it."""
        if case.session is None:
            raise NotFound("session", case.snapshot.intent.key)
        session = case.session.session
        return session_view(await self._tracker.follow(session.tenant, session.id))


def next_accounts(case: Case, *, off_session: bool) -> list[str]:
    """Return the accounts that a repeated call has still to ask, if any. Pure.

    The rest of those that were to be tried, if the process died between two of them; all of them, if nothing was
    ever sent; the same one, if it refused only because nobody was there, and now somebody is.
    """
    payment, session = case.snapshot.payment, case.session
    authorize, accounts = case.authorize(payment.id), accounts_of(case.snapshot.intent)
    outcome = authorize.outcome
    if authorize.state in UNSETTLED or not isinstance(outcome, Declined | Failed):
        return []
    waits = session is None or session.session.admission is Admission.WAIT
    denied_for = None if session is None else session.session.denial
    if not waits and denied_for != outcome.reason.value:
        return []
    rest = accounts[accounts.index(payment.account.name) + 1 :] if payment.account.name in accounts else []
    if waits and rest and may_try_elsewhere(outcome.reason):
        return rest
    if outcome.reason is Reason.NOT_SENT:
        return accounts
    asked_nobody = json.loads(authorize.request)["off_session"]
    is_asked_now = outcome.reason is Reason.AUTHENTICATION_REQUIRED and asked_nobody and not off_session
    return [payment.account.name] if is_asked_now else []


def _same_currency(order: StartOrder) -> None:
    if order.limit is not None and order.limit.currency.code != order.tariff.currency:
        raise InvalidInput(
            f"The limit is {order.limit}, the tariff {order.tariff.id!r} is in {order.tariff.currency}: evpay never "
            "converts currencies. Give the limit in the tariff's currency.",
            code="currency_mismatch",
            path="limit",
        )
    if order.limit is not None and order.limit.amount <= 0:
        raise InvalidInput(
            f"The limit is {order.limit}, so nothing could be charged. Give more than zero, or leave it out.",
            code="limit_not_positive",
            path="limit",
        )
