"""The code on a page, as a module: what a reader would copy is what the tests run."""

import re
import sys
import types
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BLOCK: Final = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def python_blocks(page: str) -> list[str]:
    """Return the Python blocks of a page, in order."""
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def as_module(page: str, *, name: str) -> types.ModuleType:
    """Run all Python blocks of a page as one module; a block that begins with an indent goes on with the one before."""
    lines_before = "\n"
    module = types.ModuleType(name, f"The code of {page}.")
    module.__file__ = str(ROOT / page)
    sys.modules[name] = module
    exec(compile(lines_before.join(python_blocks(page)), str(ROOT / page), "exec"), module.__dict__)
    return module
