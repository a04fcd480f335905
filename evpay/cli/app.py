"""The command `evpay`: which commands there are, and how an error is shown."""

import re
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from evpay import __version__
from evpay.cli.invocation import ConfigOption, Invocation, JsonOption, StoreOption, invocation, write_json
from evpay.errors import ConfigurationError, EvpayError

__all__ = ["GROUP", "app", "run"]

GROUP: Final = "evpay.commands"
"""Entry points of other packages: a function becomes a command, a `typer.Typer` a group of commands."""

COMMANDS: Final[Mapping[str, str]] = {
    "demo": "evpay.cli.demo.command",
    "price": "evpay.cli.price",
    "providers": "evpay.cli.providers",
    "intents": "evpay.cli.intents",
    "receipt": "evpay.cli.receipt",
    "recover": "evpay.cli.upkeep",
    "migrate": "evpay.cli.upkeep",
}
_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")


def _found() -> dict[str, list[EntryPoint]]:
    """Return the commands of other packages by name; our own names cannot be taken."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        if point.name not in COMMANDS:
            found.setdefault(point.name, []).append(point)
    return found


def _loaded(name: str, points: list[EntryPoint]) -> Any:
    if len({point.value for point in points}) > 1:
        both = " and ".join(point.value for point in points)
        raise ConfigurationError(f"The command {name!r} is announced by {both}. Uninstall one of them.")
    try:
        return points[0].load()
    except Exception as error:
        raise ConfigurationError(f"The command {name!r} cannot be loaded from {points[0].value}: {error}") from error


def _command(name: str, target: Any) -> Any:
    """Return the command that a function or a `typer.Typer` makes."""
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer(add_completion=False)
        target.command(name)(function)
    made = typer.main.get_command(target)
    made.name = name
    return made


def _broken(name: str, error: EvpayError) -> Any:
    def broken() -> None:
        raise error

    broken.__doc__ = error.message
    return _command(name, broken)


class Commands(TyperGroup):
    """Our commands and those of other packages, each loaded when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, ours first."""
        del ctx
        return [*COMMANDS, *sorted(_found())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; one that cannot be loaded says why when it is called."""
        if cmd_name not in self.commands:
            known = self.list_commands(ctx)
            for name in [cmd_name] if cmd_name in known else known:  # for an unknown name, all that could be meant
                self.commands[name] = self._load(name)
        return self.commands.get(cmd_name)

    def _load(self, name: str) -> Any:
        if name in COMMANDS:
            return _command(name, getattr(import_module(COMMANDS[name]), name))
        try:
            return _command(name, _loaded(name, _found()[name]))
        except EvpayError as error:
            return _broken(name, error)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what evpay raises on purpose is told, and ends with status 2."""
        try:
            return super().invoke(ctx)
        except EvpayError as error:
            _tell(error, as_json=isinstance(ctx.obj, Invocation) and ctx.obj.as_json)
            raise typer.Exit(2) from error


def _tell(error: EvpayError, *, as_json: bool) -> None:
    if not as_json:
        sys.stderr.write(f"evpay: {error.message}\n")
        return
    code = getattr(error, "code", _CAPITAL.sub("_", type(error).__name__).lower())
    write_json({"error": {"code": code, "message": error.message, "path": getattr(error, "path", None)}})


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"evpay {__version__}")
        raise typer.Exit


app: Final = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
)


@app.callback()
def evpay(
    context: typer.Context,
    store: StoreOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take money for EV charging: hold, follow the meter, capture what was used, release the rest, refund.

    Options before a command hold for it too.
    """
    del version
    invocation(context, store=store, config=config, as_json=as_json)


def run() -> None:
    """Run the command line; what the terminal cannot show is replaced, never an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app(prog_name="evpay")
