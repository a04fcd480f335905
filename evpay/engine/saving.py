"""Methods that drivers let us keep: written with the outcome that brought them, listed, and forgotten."""

from collections.abc import Iterable
from contextlib import suppress

from sqlalchemy import Connection, select

from evpay.engine.case import Case
from evpay.engine.context import Context
from evpay.errors import NotFound
from evpay.ids import wire_key
from evpay.instants import instant
from evpay.payments.intent import saved_method_of
from evpay.payments.lifecycle import Settlement
from evpay.payments.method import SavedMethod
from evpay.store.commit import Commit, GuardMissed, Insert, Update, Write
from evpay.store.rows import method_from, method_values
from evpay.store.schema import metadata

__all__ = ["Keeper", "saved_rows"]

_METHOD = metadata.tables["method"]


def saved_rows(case: Case, settled: Iterable[Settlement], *, now_us: int) -> list[Write]:
    """Return the writes that keep what outcomes brought for later; without a driver there is nobody to keep it for."""
    driver = None if case.session is None else case.session.session.driver
    if driver is None:
        return []
    writes: list[Write] = []
    for settlement in settled:
        method = saved_method_of(settlement.operation, settlement.payment.account.name)
        if method is None:
            continue
        identity = wire_key("method", driver, settlement.operation.id, method.token)
        saved = SavedMethod(id=identity, driver=driver, method=method, created_at=instant(now_us))
        writes.append(Insert("method", method_values(saved, tenant=case.tenant), or_ignore=True))
    return writes


class Keeper:
    """Keeps drivers' methods."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def list(self, tenant: str, driver: str) -> list[SavedMethod]:
        """Return what is kept of a driver, oldest first; the same method saved twice is one."""
        kept: dict[tuple[str | None, str], SavedMethod] = {}
        for found in await self._context.store.read(lambda c: _methods_of(c, tenant=tenant, driver=driver)):
            kept.setdefault((found.method.account, found.method.token), found)
        return list(kept.values())

    async def forget(self, tenant: str, driver: str, method_id: str) -> None:
        """Keep a method no longer, however often it was saved.

        Raises:
            NotFound: the driver has no such method.
        """
        found = await self._context.store.read(lambda c: _methods_of(c, tenant=tenant, driver=driver))
        named = next((saved for saved in found if saved.id == method_id), None)
        if named is None:
            raise NotFound("saved method", method_id)
        now_us = self._context.env.now_us()
        for saved in found:
            if (saved.method.account, saved.method.token) == (named.method.account, named.method.token):
                key, values = {"tenant": tenant, "id": saved.id}, {"forgotten_us": now_us}
                with suppress(GuardMissed):  # somebody else has just forgotten it
                    await self._context.store.commit(Commit((Update("method", key, values, {"forgotten_us": None}),)))


def _methods_of(connection: Connection, *, tenant: str, driver: str) -> list[SavedMethod]:
    columns = _METHOD.c
    query = (
        select(_METHOD)
        .where(columns.tenant == tenant, columns.driver == driver, columns.forgotten_us.is_(None))
        .order_by(columns.created_us, columns.id)
    )
    return [method_from(row) for row in connection.execute(query)]
