"""The project's chores, by name: `uv run nox` runs lint, types, tests and docs; the others run on demand.

The sessions run in the environment that nox itself runs in, when that one has everything: `uv run nox` has just
installed the `dev` group, and four more environments with the same packages would only cost time.
Where it has not (nox from elsewhere), and with `nox --force-venv-backend uv`, every session gets an
environment of its own with its own dependency group, which also proves that the group is complete.
"""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import nox

HERE = Path(__file__).parent
PYPROJECT = nox.project.load_toml(HERE / "pyproject.toml")
CONTRIB = [path.parent for path in sorted(HERE.glob("contrib/*/pyproject.toml"))]
TOOLS = ("coverage", "evpay", "importlinter", "mypy", "pyright", "pytest", "sphinx", "stripe")
TOOLS += ("evpay_contrib_emulators",)  # in this repository, and not to be found by plain pip

nox.options.sessions = ["lint", "types", "tests", "docs"]
nox.options.error_on_external_run = False
nox.options.reuse_existing_virtualenvs = True
HAS_EVERYTHING = all(importlib.util.find_spec(tool) for tool in TOOLS)
nox.options.default_venv_backend = "none" if HAS_EVERYTHING else "uv|virtualenv"
if HAS_EVERYTHING:  # the tools beside this interpreter, also where nobody has activated its environment
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))


def prepare(session: nox.Session, group: str) -> None:
    """Install the dependency group, unless the session runs in an environment that has it."""
    if session.virtualenv.venv_backend != "none":
        contrib = [] if group == "lint" else [part for path in CONTRIB for part in ("-e", str(path))]
        session.install("-e", ".", *contrib, *nox.project.dependency_groups(PYPROJECT, group))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format, layers, and words that do not belong here."""
    prepare(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-logo")
    session.run("python", "tests/architecture/words.py")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy on the whole code; mypy and pyright on the public face as users write it."""
    prepare(session, "types")
    session.run("mypy")
    session.run("mypy", "tests/typing/api.py")
    session.run("pyright")


RUN = ("-m", "pytest", "-n", os.environ.get("EVPAY_TEST_WORKERS", "auto"), "--dist", "worksteal", "-m", "not long")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests but the long forms, in random order."""
    prepare(session, "test")
    session.run("python", *RUN, *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """The same tests with the branch coverage of evpay/, also in the processes that they start; it takes longer."""
    prepare(session, "test")
    # coverage starts before pytest does: pytest loads evpay's own plugin before any of its plugins could measure it
    session.run("coverage", "erase")
    session.run("coverage", "run", *RUN, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--include=evpay/*", "--fail-under=95")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the docs with every warning an error, and run their examples."""
    prepare(session, "docs")
    built = HERE / "docs" / "_build"
    shutil.rmtree(built, ignore_errors=True)
    session.run("sphinx-build", "-q", "-W", "-n", "-E", "-b", "html", "docs", str(built / "html"))
    session.run("sphinx-build", "-q", "-W", "-n", "-b", "doctest", "docs", str(built / "doctest"))
    session.log(f"Read them at {built / 'html' / 'index.html'}")


@nox.session
def tables(session: nox.Session) -> None:
    """Write the feature tables of README and the providers' pages anew, from what the adapters claim."""
    prepare(session, "test")
    session.run("python", "-m", "tests.docs.feature_table")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure imports, whole sessions, webhooks and adapters; figures of one run are compared within that run."""
    prepare(session, "bench")
    session.run("python", "tests/bench/imports.py")
    session.run("python", "tests/bench/sessions.py", *session.posargs)
    session.run("python", "-m", "tests.bench.webhooks")
    session.run("python", "-m", "tests.bench.adapters")


@nox.session
def crash(session: nox.Session) -> None:
    """Kill real processes at every point and hold our books against the processor's: the long form."""
    prepare(session, "test")
    places = ("tests/crash", "tests/unit/store/test_kill.py")
    session.run("pytest", *places, "-n", "auto", "--timeout", "600", *session.posargs, env={"EVPAY_CRASH": "long"})


@nox.session
def laws(session: nox.Session) -> None:
    """The properties again, with many more examples: `nox -s laws`."""
    prepare(session, "test")
    session.run("pytest", "tests/properties", "--hypothesis-profile", "laws", "--timeout", "3600", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Feed every webhook parser with a million almost-messages: `nox -s fuzz -- --inputs N [NAME ...]`."""
    prepare(session, "test")
    session.run("python", "tests/fuzz/run.py", *(session.posargs or ("--inputs", "1000000")))


@nox.session
def judges(session: nox.Session) -> None:
    """Let judges that nobody here wrote look at the wire: `nox -s judges -- --specs PATH`; needs Go, Node and npm."""
    prepare(session, "test")
    session.run("python", "tests/judges/run.py", "--tools", str(HERE / ".nox" / "judges-tools"), *session.posargs)


@nox.session
def cases(session: nox.Session) -> None:
    """Price a folder of OCPI cases: `nox -s cases -- --cases PATH`."""
    prepare(session, "test")
    session.run("python", "tests/cases.py", *session.posargs)
