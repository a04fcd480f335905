"""What a processor has settled, line by line; nothing of it is kept here, so the caller keeps the cursor."""

import logging
from datetime import date

from evpay.engine.context import Context
from evpay.errors import EvpayError, UnsupportedOperation
from evpay.payments.outcome import Unknown
from evpay.providers import SettlementPage, SettlementsRequest

__all__ = ["settlement_page"]

_log = logging.getLogger("evpay.engine")


async def settlement_page(
    context: Context, account: str, *, since: date, cursor: str | None
) -> SettlementPage | Unknown:
    """Return one page of an account's settlement lines; a read that failed taught nothing.

    Raises:
        ConfigurationError: there is no such account.
        UnsupportedOperation: the account tells no settlement lines.
    """
    provider = context.provider_named(account)
    if not provider.capabilities.settlements:
        raise UnsupportedOperation(
            f"Account {account!r} tells no settlement lines. Take them from the processor's own reports.",
            account=account,
            verb="settlements",
        )
    try:
        async with context.env.timeout(context.deadline_s):
            return await provider.settlements(SettlementsRequest(since=since, cursor=cursor))
    except (TimeoutError, EvpayError) as error:
        return Unknown(detail=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - the contract: a faulty adapter proves nothing
        _log.exception("the adapter is faulty: its settlements raised")
        return Unknown(detail=type(error).__name__)
