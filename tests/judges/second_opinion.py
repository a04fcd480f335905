"""localstripe: somebody else's idea of Stripe, in a process of its own, which tells what it holds."""

import asyncio
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.judges.verdict import Bench, NotRun, Verdict

__all__ = ["judge_localstripe"]

_ROOT: Final = Path(__file__).parents[2]
_TESTS: Final = "tests/scenarios/test_stripe_localstripe.py"


async def judge_localstripe(bench: Bench) -> Verdict:
    """Run the tests that ask localstripe what it holds, captured, released and refunded."""
    del bench
    if find_spec("localstripe") is None:
        raise NotRun("localstripe is not installed")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0", _TESTS)
    process = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdout=asyncio.subprocess.PIPE)
    output = (await process.communicate())[0].decode(errors="replace")
    found = re.search(r"(\d+) passed", output)
    looked_at = int(found.group(1)) if found else 0
    wrong = [] if process.returncode == 0 and looked_at else [output[-900:]]
    return Verdict(looked_at=looked_at, complaints=wrong)
