"""How fast sessions are priced, on one core: best of several rounds, in microseconds, beside what is wanted.

The tariffs are made here: one with day, evening and weekend prices by current, with steps and parking, and one with a
price for every hour of two days.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from evpay.money import Money
from evpay.tariffs.compile import compile_tariff
from evpay.tariffs.forecast import until_amount
from evpay.tariffs.meter import CostMeter
from evpay.tariffs.model import Tariff
from evpay.tariffs.ocpi import price_cdr, read_json, read_tariff
from evpay.tariffs.price import Period, price_periods
from evpay.tariffs.zone import zone_clock

SECOND, HOUR, UNIT = 1_000_000, 3_600_000_000, 3_600_000_000
WEEK = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
ZONE = "Europe/Amsterdam"
START = datetime(2026, 6, 15, 8, tzinfo=UTC)


def component(kind: str, price: str, step: int = 1, vat: int = 20) -> dict[str, Any]:
    """Return a price component of OCPI."""
    return {"type": kind, "price": Decimal(price), "vat": vat, "step_size": step}


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    """Return an element of OCPI."""
    return {"price_components": list(components), **({"restrictions": restrictions} if restrictions else {})}


def tariff(name: str, *elements: dict[str, Any]) -> dict[str, Any]:
    """Return a tariff of OCPI 2.2.1."""
    return {
        "id": name,
        "country_code": "NL",
        "party_id": "EVP",
        "currency": "EUR",
        "elements": list(elements),
        "last_updated": "2026-01-01T00:00:00Z",
    }


def complex_tariff() -> dict[str, Any]:
    """Return six elements over time, weekday and current."""
    return tariff(
        "complex",
        element(component("FLAT", "2.50", vat=15)),
        element(component("TIME", "1.10", 900), max_current=32),
        element(component("TIME", "2.20", 600), min_current=32, day_of_week=WEEK),
        element(component("TIME", "1.30", 600), min_current=32, day_of_week=["SATURDAY", "SUNDAY"]),
        element(component("PARKING_TIME", "5", 300, 10), start_time="09:00", end_time="18:00", day_of_week=WEEK),
        element(
            component("PARKING_TIME", "6", 300, 10), start_time="10:00", end_time="17:00", day_of_week=["SATURDAY"]
        ),
    )


def hourly_tariff() -> dict[str, Any]:
    """Return 48 elements: a price for each hour of two days."""
    days = [START.date() + timedelta(days=number) for number in range(3)]
    return tariff(
        "hourly",
        *(
            element(
                component("ENERGY", f"0.{20 + (7 * hour + 3 * day) % 25}", vat=21),
                start_date=days[day].isoformat(),
                end_date=days[day + 1].isoformat(),
                start_time=f"{hour:02d}:00",
                end_time=f"{(hour + 1) % 24:02d}:00",
            )
            for day in range(2)
            for hour in range(24)
        ),
    )


def record() -> dict[str, Any]:
    """Return a record of two periods, as text would say it."""
    later = START + timedelta(minutes=165)
    charged = [{"type": "TIME", "volume": Decimal("2.75")}, {"type": "ENERGY", "volume": Decimal("20.5")}]
    charged += [{"type": name, "volume": 16} for name in ("MIN_CURRENT", "MAX_CURRENT")]
    return {
        "currency": "EUR",
        "start_date_time": START.isoformat(),
        "end_date_time": (later + timedelta(minutes=42)).isoformat(),
        "charging_periods": [
            {"start_date_time": START.isoformat(), "dimensions": charged},
            {"start_date_time": later.isoformat(), "dimensions": [{"type": "PARKING_TIME", "volume": Decimal("0.7")}]},
        ],
    }


def best(work: Callable[[], object], *, times: int, rounds: int = 7) -> float:
    """Return the microseconds of one call in the fastest round."""
    found = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(times):
            work()
        found.append((time.perf_counter() - begin) / times * 1e6)
    return min(found)


def report(name: str, wanted: float, measured: float) -> None:
    """Print one line of the table."""
    sys.stdout.write(f"{name:<66} {measured:9.1f} us   wanted {wanted:6.0f} us   {measured / wanted:5.2f}\n")


def periods() -> list[Period]:
    """Return the record as periods."""
    start_us = int(START.timestamp()) * SECOND
    charging = Period(
        start_us=start_us,
        energy=20_500 * UNIT // 1000,
        time=165 * 60 * SECOND,
        measured=(16 * UNIT, 16 * UNIT, None, None),
    )
    return [charging, Period(start_us=start_us + charging.time, parking=42 * 60 * SECOND)]


def scalar(times: int) -> None:
    """Price sessions whose tariff is compiled already."""
    clock = zone_clock(ZONE)
    for name, document, wanted in (("complex", complex_tariff(), 6), ("48 hours", hourly_tariff(), 6)):
        compiled, session = compile_tariff(read_tariff(document).tariff), periods()
        price_periods(compiled, session, clock=clock)
        measured = best(lambda c=compiled, s=session: price_periods(c, s, clock=clock), times=times)  # type: ignore[misc]  # bound now
        report(f"price a session of 2 periods, {name}: totals", wanted, measured)
        if name == "complex":
            lines = best(lambda c=compiled, s=session: price_periods(c, s, clock=clock).lines, times=times)  # type: ignore[misc]  # bound now
            report(f"price a session of 2 periods, {name}: all lines", 14, lines)


def documents(times: int) -> None:
    """Price from text to total."""
    text = json.dumps(record(), default=float)
    prices = json.dumps(complex_tariff(), default=float)
    fresh = iter(range(10**9))

    def seen() -> object:
        return price_cdr(read_json(text), tariff_read, time_zone=ZONE)

    def unseen() -> object:
        return price_cdr(read_json(text), read_json(prices.replace('"complex"', f'"{next(fresh)}"')), time_zone=ZONE)

    tariff_read = read_tariff(read_json(prices)).tariff
    report("from JSON text to a cost, tariff read before", 45, best(seen, times=times // 4))
    report("from JSON text to a cost, tariff not seen before", 120, best(unseen, times=times // 20))


def running(times: int) -> None:
    """Follow a session, and ask how far an amount reaches."""
    compiled = compile_tariff(Tariff.from_ocpi(hourly_tariff()))
    meter = CostMeter(compiled, start_us=int(START.timestamp()) * SECOND, clock=zone_clock(ZONE))

    def read() -> object:
        meter.read(meter.at_us + SECOND, meter.energy_mj + 6_000_000, charging=True)
        return meter.tally.totals()

    report("one reading and its rounded cost", 3, best(read, times=times, rounds=3))
    early = CostMeter(compiled, start_us=int(START.timestamp()) * SECOND, clock=zone_clock(ZONE))
    amount = Money("1000", "EUR")
    ahead = best(lambda: until_amount(early, amount, power_w=11_000), times=times // 200)
    report("until an amount is used up, 24 hours ahead, 48 prices", 150, ahead)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=4000)
    times = parser.parse_args().times
    scalar(times)
    documents(times)
    running(times)
    sys.stdout.write("columns of sessions: not there yet\n")


if __name__ == "__main__":
    main()
