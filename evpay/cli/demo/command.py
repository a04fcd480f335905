"""`evpay demo`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from evpay.cli.demo.accounts import sandbox, stranger
from evpay.cli.demo.clock import SessionClock
from evpay.cli.demo.emulators import EMULATED, Emulated, are_installed, emulated
from evpay.cli.demo.following import DEFAULT_TARIFF
from evpay.cli.demo.place import Place, new_place
from evpay.cli.demo.replay import Replay, replay
from evpay.cli.demo.show import JsonShow, Screen, Show
from evpay.cli.demo.steps import Step
from evpay.cli.demo.story import story
from evpay.cli.demo.witnesses import hold_against_each_other
from evpay.cli.invocation import JsonOption, invocation
from evpay.cli.recording import read_recording
from evpay.cli.stand_ins import stand_in
from evpay.cli.wording import console
from evpay.errors import ConfigurationError, InvalidInput
from evpay.json_text import MAX_BYTES
from evpay.payments.method import PaymentMethod
from evpay.providers import Provider
from evpay.settings import Settings
from evpay.tariffs.model import Tariff
from evpay.tariffs.ocpi import read_json

__all__ = ["demo"]

_OWN_RECORDING: Final = Path(__file__).with_name("session.jsonl")
_SANDBOX: Final = "sandbox"
_REPLAY: Final = "With a recorded session"


def _option(name: str, metavar: str, text: str) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(name, metavar=metavar, help=text, rich_help_panel=_REPLAY)
    return found


def demo(
    context: typer.Context,
    fast: Annotated[bool, typer.Option("--fast", help="Without pauses, and without gateways over HTTP.")] = False,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="FOLDER", help="Only compare the books of an earlier demo again.")
    ] = None,
    provider: Annotated[
        str | None, _option("--provider", "NAME", "Pay through this adapter (default: sandbox).")
    ] = None,
    base_url: Annotated[
        str | None, _option("--base-url", "URL", "A server on this machine that speaks the processor's language.")
    ] = None,
    session: Annotated[
        Path | None, _option("--session", "FILE", "OCPP 1.6 frames as JSON lines, or CSV time,register_wh.")
    ] = None,
    station: Annotated[str | None, _option("--station", "ID", "The station, where the file has several.")] = None,
    connector: Annotated[int | None, _option("--connector", "N", "The connector, where it has several.")] = None,
    tariff: Annotated[Path | None, _option("--tariff", "FILE", "An OCPI tariff.")] = None,
    method: Annotated[
        str | None, _option("--method", "TOKEN", "A payment method of the processor's test mode.")
    ] = None,
    option: Annotated[
        list[str] | None, _option("--option", "NAME=VALUE", "A setting of the adapter; may be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a session from plug to refund, a processor that fails, one that takes over, and the books at the end.

    With a recorded session: run it through an adapter, at a server on this machine that stands in for the processor;
    that is evpay's own emulator, where it is installed and no other server is named.
    """
    said = invocation(context, as_json=as_json)
    replayed = (provider, base_url, session, station, connector, tariff, method, option)
    with ExitStack() as running:
        if check is not None:
            place = Place(folder=check)
            steps = _compared(place)
        elif any(value is not None for value in replayed):
            name, options = provider or _SANDBOX, _options(option or [])
            emulator = _emulator(running, name, base_url=base_url, options=options)
            run = Replay(
                file=str(session or "the recording that comes with evpay"),
                recording=read_recording(session or _OWN_RECORDING, station=station, connector=connector),
                tariff=_tariff(tariff),
                method=_method(name, method),
                account=_account_maker(name, base_url=base_url, options=options, emulator=emulator),
                emulator=emulator,
            )
            place = new_place()
            steps = replay(place, run)
        else:
            place = new_place()
            steps = story(place, over_http=not fast)
        show: Show = JsonShow() if said.as_json else Screen(console(), fast=fast)
        if not asyncio.run(_run(steps, show, place)):
            raise typer.Exit(1)


def _emulator(running: ExitStack, name: str, *, base_url: str | None, options: Mapping[str, str]) -> Emulated | None:
    """Start the gateway's emulator where no server is named and one is installed."""
    if base_url is not None or options or name not in EMULATED or not are_installed():
        return None
    return running.enter_context(emulated([name]))[name]


async def _run(steps: AsyncIterator[Step], show: Show, place: Place) -> bool:
    ok, number = True, None
    try:
        async for step in steps:
            await show.step(step)
            ok = ok and step.ok
            number = number or step.document.get("number")
    finally:
        show.close()
    await show.step(Step.done(place, ok=ok, number=number))
    return ok


async def _compared(place: Place) -> AsyncIterator[Step]:
    """Compare what an earlier demo left."""
    settings = Settings.load(place.settings, store=place.store)
    found = await hold_against_each_other(place, settings.built_providers())
    yield Step.ledger(found)
    yield Step.check(found)


def _account_maker(
    name: str, *, base_url: str | None, options: Mapping[str, str], emulator: Emulated | None
) -> Callable[[Place, SessionClock | None], Provider]:
    """Return what makes the account; that it can be made is known before there is a folder."""
    if emulator is not None:
        return lambda _place, _clock: emulator.provider()
    if name != _SANDBOX:
        stranger(name, base_url=base_url, options=options)
        return lambda _place, _clock: stranger(name, base_url=base_url, options=options)
    if base_url is not None or options:
        raise ConfigurationError("The sandbox is no server and needs no options: leave --base-url and --option out.")
    return _sandbox


def _sandbox(place: Place, clock: SessionClock | None) -> Provider:
    place.write_settings({_SANDBOX: _SANDBOX})
    return sandbox(_SANDBOX, place=place, clock=clock)


def _options(written: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in written]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise InvalidInput("An option is written NAME=VALUE.", code="malformed_option", path="--option")
    return {name: value for name, _, value in pairs}


def _method(provider: str, token: str | None) -> PaymentMethod:
    chosen = token or stand_in(provider).method
    if chosen is None:
        raise InvalidInput(
            f"Name a payment method of {provider!r}'s test mode: --method TOKEN.",
            code="method_missing",
            path="--method",
        )
    return PaymentMethod(chosen)


def _tariff(path: Path | None) -> Tariff:
    if path is None:
        return DEFAULT_TARIFF
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(
            f"{str(path)!r} cannot be read: {reason}.", code="file_unreadable", path="--tariff"
        ) from error
    document = read_json(content)
    if not isinstance(document, dict):
        raise InvalidInput("A tariff is a JSON object in OCPI's form.", code="wrong_type", path="--tariff")
    return Tariff.from_ocpi(document)
