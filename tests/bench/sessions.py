"""How many whole sessions a second: start, three readings, finish, on SQLite, with the sandbox in memory.

The processor answers at once, so what is measured is evpay and the disk.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evpay import EvPay, MeterReading, PaymentMethod, Site, Tariff
from evpay_providers.sandbox import SandboxProvider, SandboxSettings

TARIFF = Tariff.per_kwh("0.49", currency="EUR", vat="19", prices="gross")
SITE = Site(id="bench", time_zone="Europe/Berlin")
CARD = PaymentMethod("sandbox_approve")


async def one_session(pay: EvPay, session_id: str, began: datetime) -> None:
    """Take one session from plug to receipt."""
    await pay.start(session_id, tariff=TARIFF, method=CARD, site=SITE, at=began)
    for minute in (10, 20, 30):
        await pay.record(session_id, MeterReading(at=began + timedelta(minutes=minute), energy_wh=300 * minute))
    await pay.finish(session_id, MeterReading(at=began + timedelta(minutes=40), energy_wh=12_000))


async def run(*, sessions: int, at_once: int) -> float:
    """Return sessions per second, with `at_once` of them under way at any time."""
    began = datetime.now(UTC) - timedelta(hours=1)
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{Path(folder) / 'bench.db'}"
        async with EvPay.open(store, providers=[SandboxProvider(SandboxSettings())]) as pay:
            await one_session(pay, "warm-up", began)
            numbers = iter(range(sessions))

            async def worker() -> None:
                for number in numbers:
                    await one_session(pay, f"S-{number}", began)

            start = time.perf_counter()
            await asyncio.gather(*(worker() for _ in range(at_once)))
            return sessions / (time.perf_counter() - start)


def main() -> None:
    """Print one line for each number of sessions at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=500)
    sessions = parser.parse_args().sessions
    sys.stdout.write("whole sessions (start, 3 readings, finish) per second, SQLite, sandbox in memory\n")
    for at_once in (1, 64):
        rate = asyncio.run(run(sessions=sessions if at_once > 1 else sessions // 4, at_once=at_once))
        sys.stdout.write(f"{at_once:>4} at once {rate:10.0f}/s\n")


if __name__ == "__main__":
    main()
