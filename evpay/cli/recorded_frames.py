"""The sessions in a stream of OCPP 1.6 frames: what a central system would have understood.

The transaction's id stands in the answer to StartTransaction. A start or stop that the station sends again is the
same one. In a sampled value a missing measurand is Energy.Active.Import.Register and a missing unit Wh; values of
single phases are left out. (OCPP 1.6, sections 4.7, 4.8, 4.10 and 7.42 to 7.45.)
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from evpay.cli.recorded_values import MAX_READINGS, Recorded, fault, number_of, time_of, wh_of
from evpay.errors import InvalidInput
from evpay.sessions.readings import ConnectorState, MeterReading

__all__ = ["Found", "Frame", "sessions_in"]

_CALL: Final = 2
_RESULT: Final = 3
_ENERGY: Final = "Energy.Active.Import.Register"
_POWER: Final = "Power.Active.Import"
_KILO: Final[Mapping[str, int]] = {"W": 1, "kW": 1000}
_LONGEST_SIGNED: Final = 16_384
_STATES: Final[Mapping[str, ConnectorState]] = {
    "Charging": ConnectorState.CHARGING,
    "SuspendedEV": ConnectorState.IDLE,
    "SuspendedEVSE": ConnectorState.IDLE,
    "Finishing": ConnectorState.IDLE,
}
_FREE: Final = "Available"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One line of a recording."""

    number: int
    arrived_at: datetime
    station: str
    from_station: bool
    content: tuple[Any, ...]


@dataclass(slots=True, kw_only=True)
class Found:
    """A session as it comes together; `end` is the place of the reading with which it is over."""

    station: str
    connector: int
    started_at: datetime
    register_wh: Decimal
    readings: list[Recorded] = field(default_factory=list)
    transaction: int | None = None
    end: int | None = None
    is_stopped: bool = False

    def add(self, frame: Frame, **values: Any) -> None:
        """Add a reading."""
        if len(self.readings) >= MAX_READINGS:
            raise InvalidInput(
                f"The session at {self.station!r:.60} has more than {MAX_READINGS} readings.",
                code="recording_too_large",
            )
        try:
            reading = MeterReading(**values)
        except InvalidInput as error:
            raise fault(frame.number, error.message.rstrip(".")) from None
        self.readings.append(Recorded(arrived_at=frame.arrived_at, reading=reading))


def sessions_in(frames: Iterable[Frame]) -> list[Found]:
    """Return every session that was started, in the order of their starts.

    Raises:
        InvalidInput: `malformed_recording` with the line.
    """
    listener = _Listener()
    for frame in frames:
        listener.hear(frame)
    return listener.sessions


def _payload(frame: Frame) -> Mapping[str, Any]:
    payload = frame.content[-1]
    if not isinstance(payload, dict):
        raise fault(frame.number, "the payload of its frame is not an object")
    return payload


def _whole(payload: Mapping[str, Any], name: str, frame: Frame) -> int:
    value = payload.get(name)
    if type(value) is not int:
        raise fault(frame.number, f"{name!r} is {value!r:.60}, which is no whole number")
    return value


def _list(value: object, name: str, frame: Frame) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise fault(frame.number, f"{name!r} is not a list of objects")
    return value


class _Listener:
    """Keeps track of who charges where."""

    def __init__(self) -> None:
        self.sessions: list[Found] = []
        self._asked: dict[tuple[str, str], Found] = {}
        self._by_transaction: dict[tuple[str, int], Found] = {}
        self._at: dict[tuple[str, int], Found] = {}
        self._actions: Final[Mapping[str, Callable[[Frame, Mapping[str, Any]], None]]] = {
            "StartTransaction": self._start,
            "MeterValues": self._meter,
            "StopTransaction": self._stop,
            "StatusNotification": self._status,
        }

    def hear(self, frame: Frame) -> None:
        """Take one frame; what is not about a session means nothing here."""
        kind = frame.content[0]
        if kind == _CALL and frame.from_station:
            if len(frame.content) != 4 or not isinstance(frame.content[2], str):
                raise fault(frame.number, "its frame is no call: [2, id, action, {...}]")
            action = self._actions.get(frame.content[2])
            if action is not None:
                action(frame, _payload(frame))
        elif kind == _RESULT and not frame.from_station:
            self._answered(frame)

    def _answered(self, frame: Frame) -> None:
        session = self._asked.pop((frame.station, frame.content[1]), None)
        if session is not None:
            transaction = _whole(_payload(frame), "transactionId", frame)
            session.transaction = transaction
            self._by_transaction[frame.station, transaction] = session

    def _start(self, frame: Frame, payload: Mapping[str, Any]) -> None:
        connector = _whole(payload, "connectorId", frame)
        at = time_of(payload.get("timestamp"), number=frame.number, name="timestamp")
        register_wh = wh_of(payload.get("meterStart"), number=frame.number, name="meterStart")
        session = self._at.get((frame.station, connector))
        again = session is not None and (session.started_at, session.register_wh) == (at, register_wh)
        if session is None or not again:
            session = Found(station=frame.station, connector=connector, started_at=at, register_wh=register_wh)
            session.add(frame, at=at, register_wh=register_wh)
            self.sessions.append(session)
            self._at[frame.station, connector] = session
        self._asked[frame.station, frame.content[1]] = session

    def _meter(self, frame: Frame, payload: Mapping[str, Any]) -> None:
        session = self._session(frame, payload)
        for sampled in _list(payload.get("meterValue"), "meterValue", frame):
            values = _sampled(sampled, frame)
            if session is not None and "register_wh" in values:
                session.add(frame, **values)

    def _session(self, frame: Frame, payload: Mapping[str, Any]) -> Found | None:
        """Return whose message it is: by its transaction; without one, by the connector, or the one not answered."""
        if payload.get("transactionId") is not None:
            known = self._by_transaction.get((frame.station, _whole(payload, "transactionId", frame)))
            if known is not None:
                return known
        if "connectorId" in payload:
            here = self._at.get((frame.station, _whole(payload, "connectorId", frame)))
            named = payload.get("transactionId") is not None
            return here if here is not None and (here.transaction is None or not named) else None
        waiting = [found for found in self.sessions if found.station == frame.station and found.transaction is None]
        return next((found for found in reversed(waiting) if not found.is_stopped), None)

    def _stop(self, frame: Frame, payload: Mapping[str, Any]) -> None:
        at = time_of(payload.get("timestamp"), number=frame.number, name="timestamp")
        register_wh = wh_of(payload.get("meterStop"), number=frame.number, name="meterStop")
        found = [_sampled(item, frame) for item in _list(payload.get("transactionData", []), "transactionData", frame)]
        session = self._session(frame, payload)
        if session is None or session.is_stopped:
            return
        for values in found:
            if "register_wh" in values:
                session.add(frame, **values)
        signed = next((values["signed"] for values in reversed(found) if "signed" in values), None)
        session.add(frame, at=at, register_wh=register_wh, state=ConnectorState.IDLE, signed=signed)
        session.is_stopped = True
        session.end = len(session.readings) - 1

    def _status(self, frame: Frame, payload: Mapping[str, Any]) -> None:
        connector, status = _whole(payload, "connectorId", frame), payload.get("status")
        if not isinstance(status, str):
            raise fault(frame.number, "'status' is no text")
        told = payload.get("timestamp")
        at = frame.arrived_at if told is None else time_of(told, number=frame.number, name="timestamp")
        session = self._at.get((frame.station, connector))
        if session is None:
            return
        if status == _FREE and session.is_stopped:
            session.add(frame, at=at, state=ConnectorState.UNPLUGGED)
            session.end = len(session.readings) - 1
            del self._at[frame.station, connector]
        elif status in _STATES and not session.is_stopped:
            session.add(frame, at=at, state=_STATES[status])


def _sampled(sampled: Mapping[str, Any], frame: Frame) -> dict[str, Any]:
    """Return the fields of a reading; without `register_wh` it counts for nothing."""
    at = time_of(sampled.get("timestamp"), number=frame.number, name="timestamp")
    values: dict[str, Any] = {"at": at}
    for value in _list(sampled.get("sampledValue"), "sampledValue", frame):
        values |= _value(value, frame)
    return values


def _value(value: Mapping[str, Any], frame: Frame) -> dict[str, Any]:
    measurand, unit, content = value.get("measurand") or _ENERGY, value.get("unit"), value.get("value")
    if value.get("format") == "SignedData":
        is_kept = isinstance(content, str) and len(content) <= _LONGEST_SIGNED
        return {"signed": content} if is_kept else {}
    if value.get("phase") is not None:
        return {}
    if measurand == _ENERGY:
        return {"register_wh": wh_of(content, number=frame.number, name="value", unit=unit or "Wh")}
    if measurand == _POWER and unit in (None, *_KILO):
        return {"power_w": number_of(content, number=frame.number, name="value") * _KILO[unit or "W"]}
    if measurand == "SoC":
        return {"soc_percent": number_of(content, number=frame.number, name="value")}
    return {}
