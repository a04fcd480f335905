"""`evpay-emulators stripe --port 4010`: run one gateway on this machine."""

import json
import sys
from typing import Annotated, Any

import typer

from evpay_contrib_emulators.registry import GATEWAYS, gateway_named
from evpay_contrib_emulators.webhooks import LOOPBACK

__all__ = ["main"]


def _run(
    gateway: Annotated[str, typer.Argument(help=f"Which gateway: {', '.join(GATEWAYS)}.", show_default=False)],
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where it listens; 0 takes any free port.")] = 0,
    host: Annotated[str, typer.Option(help="Loopback only: emulators have no secrets worth the name.")] = "127.0.0.1",
    webhook_url: Annotated[str | None, typer.Option(help="Where webhooks go; it must be on this machine.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="An option of the gateway, as name=JSON.")] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="For programs: print the port and nothing else, and end with the program.")
    ] = False,
) -> None:
    """Run a payment gateway on this machine: stateful, with its books on a page, and made to be broken."""
    if host not in LOOPBACK:
        raise typer.BadParameter(f"{host!r} is not loopback; emulators answer on this machine only.", param_hint="host")
    if gateway not in GATEWAYS:
        raise typer.BadParameter(f"{gateway!r}; there are {', '.join(GATEWAYS)}.", param_hint="gateway")
    from evpay_contrib_emulators.control import application  # noqa: PLC0415 - not for --help
    from evpay_contrib_emulators.server import Emulator  # noqa: PLC0415
    from evpay_contrib_emulators.serving import HOST, end_with_parent, listen, serve  # noqa: PLC0415

    try:
        emulator = Emulator(gateway, gateway_named(gateway), options=_options(option or []), webhook_url=webhook_url)
        listener = listen(port)
    except (OSError, ValueError) as error:
        typer.echo(f"{gateway} did not start: {error}", err=True)
        raise typer.Exit(1) from error
    taken = listener.getsockname()[1]
    url = f"http://{HOST}:{taken}"
    typer.echo(taken if quiet else f"{gateway} answers on {url}  (what it holds: {url}/_emulator/, stop: Ctrl-C)")
    sys.stdout.flush()
    if quiet:
        end_with_parent()
    serve(application(emulator), listener)


def _options(pairs: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise typer.BadParameter(f"{pair!r} is not name=JSON.", param_hint="option")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def main() -> None:
    """Run the command line."""
    typer.run(_run)
