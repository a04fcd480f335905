"""How long `import evpay` takes, beside what it is built on; medians of fresh interpreters, in one run."""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence

MODULES = ("pydantic", "moneyed", "evpay", "evpay.sync", "sqlalchemy", "stripe")
SCRIPT = (
    "import sys, time; began = time.perf_counter_ns(); __import__(sys.argv[1]); "
    "print(time.perf_counter_ns() - began, len(sys.modules))"
)


def once(module: str) -> tuple[float, int]:
    """Import a module in a fresh interpreter: milliseconds, and modules loaded."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, module], check=True, capture_output=True, text=True, env=environment
    )
    nanoseconds, loaded = answer.stdout.split()
    return int(nanoseconds) / 1e6, int(loaded)


def measure(modules: Sequence[str], *, repeats: int) -> dict[str, list[float]]:
    """Measure all modules in turns, so that a busy moment hits each of them."""
    for module in modules:
        once(module)  # bytecode and disk cache are warm from here on
    times: dict[str, list[float]] = {module: [] for module in modules}
    for _ in range(repeats):
        for module in modules:
            times[module].append(once(module)[0])
    return times


def main() -> None:
    """Print one line for each module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    repeats = parser.parse_args().repeats
    times = measure(MODULES, repeats=repeats)
    sys.stdout.write(f"import time, ms, {repeats} fresh interpreters each\n")
    sys.stdout.write(f"{'module':<14}{'median':>9}{'least':>9}{'most':>9}\n")
    for module, values in times.items():
        sys.stdout.write(f"{module:<14}{statistics.median(values):9.1f}{min(values):9.1f}{max(values):9.1f}\n")


if __name__ == "__main__":
    main()
