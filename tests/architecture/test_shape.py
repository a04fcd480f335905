"""The shape of the code: what a reader may rely on in every module."""

import ast
import re
from typing import Final

from tests.architecture.sources import Source, sources

MAX_LINES: Final = 400
MAX_FUNCTION_LINES: Final = 60
LONG_FILES: Final[frozenset[str]] = frozenset()
LONG_FUNCTIONS: Final[frozenset[str]] = frozenset()

SAYS_NOTHING: Final = {
    "abstract", "base", "bases", "common", "commons", "core", "data", "helper", "helpers", "impl", "interface", "lib",
    "main", "manager", "managers", "misc", "miscellaneous", "shared", "stuff", "support", "tool", "tools", "types",
    "util", "utilities", "utils",
}  # fmt: skip

EXACT: Final = (
    "evpay.ledger",
    "evpay.money",
    "evpay.payments",
    "evpay.receipts",
    "evpay.sessions",
    "evpay.store",
    "evpay.tariffs",
    "evpay_providers",
)
MEASURED: Final = re.compile(r"amount|minor|price|cost|total|energy|_wh\b|_kwh\b|_mj\b|debt|\bdue\b|fee|gross|net\b")
"""Names of money and energy; a time in seconds may be a float."""


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    docstring = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    return whole - ((docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0)


def _has_content(source: Source) -> bool:
    return any(not isinstance(node, ast.Expr) for node in source.tree.body)


def _float_literals(source: Source) -> list[str]:
    return [
        f"{source.name}:{node.lineno} {node.value}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and type(node.value) is float
    ]


def _float_calls(source: Source) -> list[str]:
    return [
        f"{source.name}:{node.lineno} float()"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    ]


def _float_annotations(source: Source) -> list[str]:
    named = [
        (node.target.id, node.annotation, node.lineno)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ] + [
        (node.arg, node.annotation, node.lineno)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.arg) and node.annotation is not None
    ]
    return [
        f"{source.name}:{line} {name}: float"
        for name, annotation, line in named
        if MEASURED.search(name) and any(isinstance(n, ast.Name) and n.id == "float" for n in ast.walk(annotation))
    ]


def test_no_file_is_too_long() -> None:
    """A module of more than 400 lines holds two ideas."""
    long = {source.name: source.lines for source in sources() if source.lines > MAX_LINES}

    assert set(LONG_FILES) == set(long), long


def test_no_function_is_too_long() -> None:
    """A function fits a screen: 60 lines, its docstring not counted."""
    long = {
        f"{source.name}.{function.name}": _code_lines(function)
        for source in sources()
        if not source.is_migration
        for function in source.functions()
        if _code_lines(function) > MAX_FUNCTION_LINES
    }

    assert set(LONG_FUNCTIONS) == set(long), long


def test_every_module_says_what_it_is_for() -> None:
    """A module begins with a sentence on its job."""
    assert [source.name for source in sources() if not ast.get_docstring(source.tree)] == []


def test_every_module_says_what_is_public() -> None:
    """What is not in an `__all__` is private."""
    without = [
        source.name
        for source in sources()
        if _has_content(source) and not source.is_migration
        if not any(
            isinstance(node, ast.Assign | ast.AnnAssign)
            and any(
                isinstance(target, ast.Name) and target.id == "__all__"
                for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            )
            for node in source.tree.body
        )
    ]

    assert without == []


def test_every_module_has_a_name_that_says_something() -> None:
    """A module is a noun; "utils" is none."""
    assert [source.name for source in sources() if SAYS_NOTHING & set(source.name.split("."))] == []


def test_no_float_where_money_or_energy_lives() -> None:
    """Amounts and energy are whole numbers, fractions and decimals; no literal, conversion or field is a float."""
    exact = [source for source in sources() if source.within(EXACT)]

    found = [line for source in exact for line in (*_float_calls(source), *_float_annotations(source))]
    found += [
        line
        for source in exact
        if source.within(("evpay.tariffs", "evpay.money", "evpay.ledger"))
        for line in _float_literals(source)
    ]

    assert found == []
