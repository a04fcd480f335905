"""The command `evpay` itself: its options, its errors, and commands of other packages."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
import typer

import evpay
from evpay.cli import app as command_line
from evpay.errors import NotFound


def test_version(run):
    """One line, for bug reports."""
    assert run("--version").stdout == f"evpay {evpay.__version__}\n"


def test_help_lists_every_command(run):
    """Without a command, help."""
    shown = run("--help").stdout

    for name in ("demo", "price", "providers", "intents", "receipt", "recover", "migrate"):
        assert f" {name} " in shown


@pytest.mark.parametrize("name", sorted(command_line.COMMANDS))
def test_every_command_explains_itself(run, name):
    """A heading, options, no error."""
    result = run(name, "--help")

    assert result.exit_code == 0
    assert f"Usage: evpay {name}" in result.stdout.replace("root", "evpay")


def test_unknown_command_is_refused_with_what_is_near(run):
    """Status 2, as every mistake of the caller's."""
    result = run("intent")

    assert result.exit_code == 2
    assert "'intents'" in result.output


def test_error_is_a_sentence_on_standard_error(run):
    """No traceback; nothing on standard output."""
    result = run("--store", "sqlite:////no/such.db", "intents")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("evpay: store: there is no store")


@pytest.mark.parametrize("where", ["before", "after"])
def test_error_is_an_object_for_programs(run, where):
    """`--json` before the command or after it."""
    options = ("--json", "intents") if where == "before" else ("intents", "--json")
    result = run("--store", "sqlite:////no/such.db", *options)

    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert (error["code"], error["path"]) == ("configuration_error", "store")


def test_price_heeds_json_before_it(run):
    """A command with options of its own heeds the common ones too."""
    result = run("--json", "price", "/no/such/file")

    assert json.loads(result.stdout)["error"]["code"] == "file_unreadable"


def announced(monkeypatch, *points):
    monkeypatch.setattr(command_line, "entry_points", lambda group: points)


def hello(name: str = "you") -> None:
    """Greet."""
    print(f"hello {name}")


def fails() -> None:
    """Fail."""
    raise NotFound("greeting", "g")


several = typer.Typer()
several.command("one")(hello)
several.command("two")(fails)


def point(name, target):
    return EntryPoint(name, f"{__name__}:{target}", command_line.GROUP)


def test_other_packages_add_commands(monkeypatch, run):
    """A function is a command, a Typer a group of them, and their errors are shown as ours."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules[hello.__module__])
    announced(monkeypatch, point("hello", "hello"), point("more", "several"))

    assert run("hello", "--name", "me").stdout == "hello me\n"
    assert run("more", "one").stdout == "hello you\n"
    assert run("more", "two").exit_code == 2
    assert "Greet." in run("--help").stdout


def test_our_own_commands_cannot_be_taken(monkeypatch, run):
    """An entry point named `receipt` is not heard."""
    announced(monkeypatch, point("receipt", "hello"))

    assert "NUMBER" in run("receipt", "--help").stdout


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ([EntryPoint("broken", "no_such_module_at_all:x", "evpay.commands")], "cannot be loaded"),
        ([point("broken", "hello"), point("broken", "several")], "is announced by"),
    ],
)
def test_command_that_cannot_be_loaded_says_why(monkeypatch, run, points, says):
    """And does not break the others, nor the help."""
    announced(monkeypatch, *points)

    assert run("--help").exit_code == 0
    result = run("broken")
    assert result.exit_code == 2
    assert says in result.stderr


def interrupted() -> None:
    """Wait in vain."""
    raise KeyboardInterrupt


def test_interrupt_ends_with_130(monkeypatch, run):
    """As shells expect it of Ctrl-C."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules[hello.__module__])
    announced(monkeypatch, point("wait", "interrupted"))

    assert run("wait").exit_code == 130


WITHOUT = """
import sys
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Gone())
from evpay.cli import main
main()
"""


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_missing_library_is_named_with_its_cure(missing):
    """A plain `pip install evpay` has the command, but not what it is made with."""
    result = subprocess.run([sys.executable, "-c", WITHOUT, missing], check=False, capture_output=True, text=True)

    assert (result.returncode, result.stdout) == (2, "")
    assert "pip install 'evpay[cli]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_other_missing_modules_are_bugs(monkeypatch):
    """Only the extra's own libraries have that cure."""
    monkeypatch.setitem(sys.modules, "evpay.cli.app", None)
    with pytest.raises(ModuleNotFoundError):
        evpay_main()


def evpay_main():
    from evpay.cli import main

    main()
