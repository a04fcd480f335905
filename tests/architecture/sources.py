"""The source files of the project, as the architecture tests read them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PURE = (
    "evpay.errors",
    "evpay.ids",
    "evpay.ledger",
    "evpay.model",
    "evpay.money",
    "evpay.payments",
    "evpay.receipts.build",
    "evpay.receipts.model",
    "evpay.receipts.numbering",
    "evpay.sessions",
    "evpay.tariffs",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One module: its dotted name, its text and its syntax tree."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def is_migration(self) -> bool:
        return ".store.migrations" in self.name

    def within(self, packages: tuple[str, ...]) -> bool:
        return any(self.name == package or self.name.startswith(f"{package}.") for package in packages)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def imports(self) -> Iterator[tuple[str, str | None]]:
        """Every import, wherever it stands: the module, and the name taken from it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, None) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield from ((node.module, alias.name) for alias in node.names)


def _read(path: Path) -> Source:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Source(name=name, path=path, text=text, tree=ast.parse(text))


@cache
def sources() -> tuple[Source, ...]:
    """Every module that is shipped."""
    paths = [path for package in ("evpay", "evpay_providers") for path in sorted((ROOT / package).rglob("*.py"))]
    return tuple(_read(path) for path in paths)
