"""A recorded charging session out of a file: OCPP 1.6 frames as JSON lines, or meter readings as CSV.

JSON lines are `{"t", "cp", "dir", "frame"}`: when the frame arrived, the station, `<-` from it or `->` to it, and the
OCPP-J frame. A line with none of these is a remark. CSV has the columns `time,register_wh`. Times are ISO 8601 with
a time zone. What is malformed is refused with its line number, and every size has a bound.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from evpay.cli.recorded_frames import Found, Frame, sessions_in
from evpay.cli.recorded_values import MAX_READINGS, Recorded, fault, time_of, wh_of
from evpay.errors import InvalidInput
from evpay.json_text import read_json
from evpay.sessions.readings import MeterReading

__all__ = ["MAX_BYTES", "MAX_LINES", "Recorded", "Recording", "parse_recording", "read_recording"]

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_LINES: Final = 200_000
MAX_LINE: Final = 65_536
_PARTS: Final = frozenset({"t", "cp", "dir", "frame"})
_STATION: Final = re.compile(r"[^\x00-\x1f\x7f]{1,255}\Z")
_LISTED: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One session, in the order in which its messages arrived.

    The reading that `ends` it is the one at unplug; where nobody told, the one at its stop; else the last. Readings
    after that came late. `chosen` says which session of the file it is.
    """

    started_at: datetime
    station: str
    connector: str
    readings: tuple[Recorded, ...]
    chosen: str

    @property
    def energy_wh(self) -> Decimal:
        """What the meter counted from its first to its highest reading, in Wh."""
        registers = [found.reading.register_wh for found in self.readings if found.reading.register_wh is not None]
        return max(registers) - registers[0] if registers else Decimal(0)


def read_recording(path: Path, *, station: str | None = None, connector: int | None = None) -> Recording:
    """Read a recording from a file.

    Raises:
        InvalidInput: `file_unreadable`, or as `parse_recording`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(
            f"{str(path)!r} cannot be read: {reason}.", code="file_unreadable", path="--session"
        ) from error
    return parse_recording(content, station=station, connector=connector)


def parse_recording(content: bytes, *, station: str | None = None, connector: int | None = None) -> Recording:
    """Find one session: the first that fits, at a station and a connector if they are given.

    Raises:
        InvalidInput: `malformed_recording` with the line, `recording_too_large`, or `no_such_session`.
    """
    lines = _lines(content)
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("{"):
        return _of_frames(lines, station=station, connector=connector)
    if station is not None or connector is not None:
        raise InvalidInput(
            "A recording in CSV names no station or connector. Leave --station and --connector out.",
            code="no_such_session",
        )
    return _of_rows(lines)


def _lines(content: bytes) -> list[str]:
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"The recording is larger than {MAX_BYTES} bytes.", code="recording_too_large")
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise fault(content.count(b"\n", 0, error.start) + 1, "it is not UTF-8") from None
    if len(lines) > MAX_LINES:
        raise InvalidInput(f"The recording has more than {MAX_LINES} lines.", code="recording_too_large")
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise fault(number, f"it is longer than {MAX_LINE} characters")
    return lines


def _of_frames(lines: Sequence[str], *, station: str | None, connector: int | None) -> Recording:
    found = sessions_in(_frames(lines))
    fitting = [
        session for session in found if station in (None, session.station) and connector in (None, session.connector)
    ]
    if not fitting:
        listed = ", ".join(f"{session.station!r} connector {session.connector}" for session in found[:_LISTED])
        raise InvalidInput(
            f"The recording has no such session. It has: {listed or 'no StartTransaction at all'}.",
            code="no_such_session",
        )
    return _recording(fitting[0], position=found.index(fitting[0]) + 1, of=len(found))


def _frames(lines: Sequence[str]) -> Iterator[Frame]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            frame = _frame(number, line)
            if frame is not None:
                yield frame


def _frame(number: int, line: str) -> Frame | None:
    """Return the frame of a line, or None for a remark."""
    try:
        document = read_json(line)
    except InvalidInput as error:
        raise fault(number, error.message) from None
    if not isinstance(document, dict):
        raise fault(number, "it is not a JSON object")
    if not _PARTS & document.keys():
        return None
    if missing := sorted(_PARTS - document.keys()):
        raise fault(number, f"it has no {', '.join(missing)}")
    station, direction, frame = document["cp"], document["dir"], document["frame"]
    if not isinstance(station, str) or not _STATION.match(station):
        raise fault(number, "'cp' is not a station's name of 1 to 255 characters")
    if direction not in ("<-", "->"):
        raise fault(number, "'dir' is neither '<-' (from the station) nor '->' (to it)")
    if not isinstance(frame, list) or len(frame) < 3 or frame[0] not in (2, 3, 4) or not isinstance(frame[1], str):
        raise fault(number, "'frame' is not an OCPP-J frame: [2, id, action, {...}] or [3, id, {...}]")
    return Frame(
        number=number,
        arrived_at=time_of(document["t"], number=number, name="t"),
        station=station,
        from_station=direction == "<-",
        content=tuple(frame),
    )


def _recording(session: Found, *, position: int, of: int) -> Recording:
    if len(session.readings) < 2:
        raise InvalidInput(
            f"The session at {session.station!r} has nothing but its start, so there is nothing to run.",
            code="recording_too_short",
        )
    transaction = "" if session.transaction is None else f", transaction {session.transaction}"
    which = "the only session" if of == 1 else f"session {position} of {of}"
    end = "" if session.end is not None else "; no stop is recorded, so it ends with its last reading"
    return Recording(
        started_at=session.started_at,
        station=session.station,
        connector=str(session.connector),
        readings=_ended(session.readings, session.end),
        chosen=f"station {session.station}, connector {session.connector}{transaction} ({which} in the file{end})",
    )


def _ended(readings: Sequence[Recorded], end: int | None) -> tuple[Recorded, ...]:
    last = len(readings) - 1 if end is None else end
    return tuple(replace(found, ends=index == last) for index, found in enumerate(readings))


def _of_rows(lines: Sequence[str]) -> Recording:
    reader = csv.reader(lines, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if "time" not in header or "register_wh" not in header:
            raise fault(1, "it is neither a JSON object nor the header 'time,register_wh'")
        time, register = header.index("time"), header.index("register_wh")
        rows = [_row(row, reader.line_num, time=time, register=register) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise fault(reader.line_num, f"it is not CSV: {error}") from None
    if len(rows) < 2:
        raise InvalidInput("The recording has fewer than two readings.", code="recording_too_short")
    if len(rows) > MAX_READINGS:
        raise InvalidInput(f"The recording has more than {MAX_READINGS} readings.", code="recording_too_large")
    return Recording(
        started_at=rows[0].reading.at,
        station="recording",
        connector="1",
        readings=_ended(rows, None),
        chosen=f"the only session of the file, {len(rows)} rows",
    )


def _row(row: Sequence[str], number: int, *, time: int, register: int) -> Recorded:
    if len(row) <= max(time, register):
        raise fault(number, "it has fewer columns than the header")
    at = time_of(row[time].strip(), number=number, name="time")
    register_wh = wh_of(row[register].strip(), number=number, name="register_wh")
    return Recorded(arrived_at=at, reading=MeterReading(at=at, register_wh=register_wh))
