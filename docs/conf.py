"""How the documentation is built: `uv run nox -s docs`. Every warning is an error."""

import dataclasses
import enum
import re
from importlib.metadata import version as version_of
from typing import Any

from pydantic import BaseModel
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import evpay

project = "evpay"
author = "The evpay founders"
copyright = "the evpay founders"  # noqa: A001 - the name that Sphinx reads
version = release = version_of("evpay")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
default_role = "code"  # docstrings write `names` in single backticks
html_theme = "furo"
html_title = "evpay"

myst_enable_extensions = ["colon_fence", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_use_rtype = False

nitpicky = True
# Nothing is fetched while building, so what belongs to Python or to another project is text, not a link.
nitpick_ignore_regex = [(r"py:.*", r"(?!evpay\.).*"), (r"py:.*", r"evpay\..*\.(_\w+|[A-Z]|Number|ModelT)")]

doctest_test_doctest_blocks = ""
doctest_global_setup = """
import os, tempfile
_folder = tempfile.TemporaryDirectory()
os.chdir(_folder.name)
"""

UNION = re.compile(r"(?:~?typing\.)?Annotated\[~?[\w.]*?(\w+) \|.*?discriminator='type'\)\]")
UNION_NAMES = {"AdmissionChanged": "Event", "Succeeded": "Outcome", "OpenLink": "Action"}


def _fields(model: type) -> list[str]:
    """Say what a value has: its fields, or the values of an enumeration."""
    if issubclass(model, enum.Enum):
        return ["Values: " + ", ".join(f"``{member.value}``" for member in model) + "."]
    if issubclass(model, BaseModel):
        names = [(name, field.is_required()) for name, field in model.model_fields.items()]
    elif dataclasses.is_dataclass(model):
        missing = dataclasses.MISSING
        names = [
            (field.name, field.default is missing and field.default_factory is missing)
            for field in dataclasses.fields(model)
        ]
    else:
        return []
    shown = ", ".join(f"**{name}**" if required else f"``{name}``" for name, required in names if name != "type")
    return [f"Fields (needed ones in bold): {shown}."] if shown else []


def add_fields(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let every model, dataclass and enumeration list what it has; nobody keeps such a list by hand."""
    if what == "class" and isinstance(obj, type) and obj.__module__.startswith("evpay"):
        lines += ["", *_fields(obj), ""]


def _named(text: str) -> str:
    """Write a closed union by its name, as the code does."""
    return UNION.sub(lambda found: UNION_NAMES[found.group(1)], text)


def plain_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Leave out how a model is made, since its fields say it better, and what only pydantic reads in an annotation."""
    if what in {"class", "exception"}:
        return "", ""
    return signature and _named(signature), returns and _named(returns)


def find_public_name(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: Any) -> Any:
    """Link `evpay.payments.outcome.Succeeded`, as annotations have it, to `evpay.Succeeded`, as the page has it."""
    name = node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in evpay.__all__:
        return None
    python = env.domains.python_domain
    return python.resolve_xref(env, node["refdoc"], app.builder, "class", f"evpay.{name}", node, content)


def setup(app: Sphinx) -> None:
    """Connect them to Sphinx."""
    app.connect("autodoc-process-docstring", add_fields)
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("missing-reference", find_public_name)
