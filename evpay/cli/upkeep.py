"""`evpay recover` and `evpay migrate`: what keeps a store in order."""

import asyncio

import typer

from evpay.cli.invocation import ConfigOption, Invocation, JsonOption, StoreOption, invocation, write_json
from evpay.client import EvPay
from evpay.engine.housekeeping import Recovery
from evpay.env import RealEnv
from evpay.store import Store
from evpay.store import migrate as migrate_store

__all__ = ["migrate", "recover"]


def recover(
    context: typer.Context, store: StoreOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Make one pass over what is unfinished: lost answers, deadlines, parked messages. Status 1 if any of it failed."""
    said = invocation(context, store=store, config=config, as_json=as_json)
    said.store_url()
    done = asyncio.run(_recover(said))
    if said.as_json:
        write_json(done.model_dump())
    else:
        _show(done)
    if done.failed:
        raise typer.Exit(1)


async def _recover(said: Invocation) -> Recovery:
    async with EvPay.open(said.settings(), worker=False) as pay:
        return await pay.recover()


def _show(done: Recovery) -> None:
    if done.is_idle:
        print("Nothing was due.")
        return
    for name, count in done.model_dump().items():
        print(f"{name.replace('_', ' '):<20}{count:>6}")


def migrate(
    context: typer.Context, store: StoreOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Bring a store's schema to this version; run it once, while no older evpay is at work.

    An SQLite store must be there: it is made when it is opened first.
    """
    said = invocation(context, store=store, config=config, as_json=as_json)
    url = said.store_url()
    before, after = migrate_store(url)
    if said.as_json:
        write_json({"from": before, "to": after, "changed": before != after})
        return
    place = Store(url, env=RealEnv()).place
    print(
        f"{place}: at {after}, nothing to do." if before == after else f"{place}: from {before or 'empty'} to {after}."
    )
