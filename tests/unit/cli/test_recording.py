"""Recorded sessions: what a central system would have understood, and what is refused with its line."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from evpay.cli import recording
from evpay.cli.recording import parse_recording, read_recording
from evpay.errors import InvalidInput
from evpay.sessions.readings import ConnectorState

DAY = "2026-07-01T10:"
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}


def frame(minute, content, *, station="CS-1", to_station=False):
    direction = "->" if to_station else "<-"
    return json.dumps({"t": f"{DAY}{minute:02d}:00.500Z", "cp": station, "dir": direction, "frame": content})


def call(minute, action, payload, *, message="m", station="CS-1"):
    return frame(minute, [2, message, action, payload], station=station)


def begin(minute=0, *, wh=1000, transaction=7, connector=1, station="CS-1", message="start"):
    started = {"connectorId": connector, "idTag": "TAG", "meterStart": wh, "timestamp": f"{DAY}{minute:02d}:00Z"}
    lines = [call(minute, "StartTransaction", started, message=message, station=station)]
    if transaction is not None:
        answer = {"transactionId": transaction, **ACCEPTED}
        lines.append(frame(minute, [3, message, answer], station=station, to_station=True))
    return lines


def meter(minute, *samples, arrives=None, station="CS-1", **payload):
    values = [{"timestamp": f"{DAY}{minute:02d}:00Z", "sampledValue": list(samples)}]
    return call(arrives or minute, "MeterValues", {"connectorId": 1, "meterValue": values, **payload}, station=station)


def stop(minute, *, wh, transaction=7, station="CS-1", **payload):
    stopped = {"transactionId": transaction, "meterStop": wh, "timestamp": f"{DAY}{minute:02d}:00Z", **payload}
    return call(minute, "StopTransaction", stopped, station=station)


def status(minute, word, *, connector=1, station="CS-1"):
    told = {"connectorId": connector, "errorCode": "NoError", "status": word}
    return call(minute, "StatusNotification", told, station=station)


def parse(*lines, **chosen):
    return parse_recording("\n".join(lines).encode(), **chosen)


def registers(found):
    return [reading.reading.register_wh for reading in found.readings if reading.reading.register_wh is not None]


def test_session_runs_from_its_start_to_unplug():
    """The start is the meter's baseline, the stop leaves the cable in, and unplug ends the session."""
    found = parse(
        *begin(), status(0, "Charging"), meter(5, {"value": "1500"}, transactionId=7),
        stop(10, wh=2000), status(12, "Finishing"), status(14, "Available"),
    )  # fmt: skip

    assert found.started_at == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert registers(found) == [1000, 1500, 2000]
    assert [reading.reading.state for reading in found.readings] == [
        None, ConnectorState.CHARGING, None, ConnectorState.IDLE, ConnectorState.UNPLUGGED,
    ]  # fmt: skip
    assert [reading.ends for reading in found.readings] == [False, False, False, False, True]
    assert found.energy_wh == 1000


@pytest.mark.parametrize(
    ("sample", "wh"),
    [
        ({"value": "1500.25", "unit": "Wh", "measurand": "Energy.Active.Import.Register"}, "1500.25"),
        ({"value": "1.50025", "unit": "kWh"}, "1500.25"),
        ({"value": "1500.25"}, "1500.25"),
        ({"value": "1500", "measurand": None, "unit": None}, "1500"),
    ],
)
def test_energy_is_read_in_wh_and_in_kwh(sample, wh):
    """A missing unit is Wh, a missing measurand the register of imported energy."""
    assert registers(parse(*begin(), meter(5, sample, transactionId=7)))[1] == Decimal(wh)


@pytest.mark.parametrize(
    "sample",
    [
        {"value": "500", "unit": "Wh", "phase": "L1"},
        {"value": "9", "measurand": "Voltage", "unit": "V"},
        {"value": "500", "measurand": "Energy.Active.Import.Interval", "unit": "Wh"},
        {"value": "500", "measurand": "Energy.Reactive.Import.Register", "unit": "varh"},
    ],
)
def test_other_values_are_left_out(sample):
    """Single phases and other quantities are not the energy of the session."""
    found = parse(*begin(), meter(5, sample, transactionId=7), meter(6, sample, {"value": "1200"}, transactionId=7))

    assert registers(found) == [1000, 1200]


def test_power_charge_and_signed_data_come_along():
    """What else stands beside the energy is kept with the reading."""
    found = parse(
        *begin(),
        meter(
            5, {"value": "1500"}, {"value": "21.6", "unit": "kW", "measurand": "Power.Active.Import"},
            {"value": "64", "unit": "Percent", "measurand": "SoC"},
            {"value": "OCMF|{}", "format": "SignedData", "measurand": "Energy.Active.Import.Register"},
            transactionId=7,
        ),
    )  # fmt: skip
    reading = found.readings[1].reading

    assert (reading.power_w, reading.soc_percent, reading.signed) == (21_600, 64, "OCMF|{}")


def test_values_that_were_queued_arrive_late():
    """The reading keeps the meter's time; the message has its own."""
    found = parse(
        *begin(), stop(10, wh=2000), status(11, "Available"), meter(5, {"value": "1500"}, arrives=20, transactionId=7)
    )

    assert [reading.ends for reading in found.readings] == [False, False, True, False]
    late = found.readings[-1]
    assert (late.reading.at.minute, late.arrived_at.minute) == (5, 20)


def test_a_start_and_a_stop_sent_again_are_the_same():
    """A station that got no answer repeats itself."""
    found = parse(*begin(), *begin(message="again"), stop(10, wh=2000), stop(10, wh=2000))

    assert registers(found) == [1000, 2000]
    assert "the only session" in found.chosen


def test_a_start_without_an_answer_is_stopped_as_minus_one():
    """Without a transaction's id the station has none to name (erratum 3.18)."""
    found = parse(*begin(transaction=None), meter(5, {"value": "1500"}), stop(10, wh=2000, transaction=-1))

    assert registers(found) == [1000, 1500, 2000]
    assert found.readings[-1].ends


def test_station_and_connector_choose_among_sessions():
    """Frames of several stations stand mixed in one file."""
    lines = [
        *begin(), *begin(1, station="CS-2", wh=50, transaction=7),
        *begin(1, connector=2, transaction=8, wh=9, message="b"),
        meter(5, {"value": "1500"}, transactionId=7), meter(5, {"value": "80"}, transactionId=7, station="CS-2"),
        stop(9, wh=90, station="CS-2"), stop(10, wh=2000), stop(10, wh=20, transaction=8),
    ]  # fmt: skip

    assert registers(parse(*lines)) == [1000, 1500, 2000]
    assert registers(parse(*lines, station="CS-2")) == [50, 80, 90]
    assert registers(parse(*lines, connector=2)) == [9, 20]
    assert parse(*lines).chosen.startswith("station CS-1, connector 1, transaction 7 (session 1 of 3")
    with pytest.raises(InvalidInput, match="It has: 'CS-1' connector 1, 'CS-2' connector 1") as caught:
        parse(*lines, station="CS-9")
    assert caught.value.code == "no_such_session"


def test_remarks_and_other_messages_mean_nothing():
    """Boot, heartbeat, what the central system asks, errors, and lines that are no frames."""
    found = parse(
        '{"note": "central system down"}', "", *begin(), call(1, "Heartbeat", {}), frame(1, [4, "x", "Error", "", {}]),
        frame(1, [2, "r", "RemoteStopTransaction", {"transactionId": 7}], to_station=True),
        meter(2, {"value": "9"}, transactionId=99), status(3, "Available", connector=5), stop(10, wh=2000), "",
    )  # fmt: skip

    assert registers(found) == [1000, 2000]


def test_session_without_a_stop_ends_with_its_last_reading():
    """A recording may be cut off."""
    found = parse(*begin(), meter(5, {"value": "1500"}, transactionId=7))

    assert found.readings[-1].ends
    assert "no stop is recorded" in found.chosen


def test_csv_is_read():
    """Columns by name, in any order, others ignored; a zone other than UTC is a zone."""
    rows = ("register_wh,note,time", "1000,a,2026-07-01T12:00:00+02:00", "", "1500.5,b,2026-07-01T10:30:00Z", "")
    found = parse_recording(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())

    assert registers(found) == [1000, Decimal("1500.5")]
    assert [reading.reading.at.minute for reading in found.readings] == [0, 30]
    assert found.started_at == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert found.readings[-1].ends


GOOD = "\n".join(begin())
HEADER = "time,register_wh\n2026-07-01T10:00:00Z,1\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (GOOD + "\n{", 3, "not JSON"),
        (GOOD + "\n[]", 3, "not a JSON object"),
        (GOOD + '\n{"t": "2026-07-01T10:00:00Z"}', 3, "no cp, dir, frame"),
        (GOOD + "\n" + frame(1, [2, "x", "Heartbeat", {}], station="A\x1b"), 3, "'cp'"),
        (GOOD + "\n" + frame(1, [2, "x", "MeterValues", []]), 3, "payload"),
        (GOOD + "\n" + frame(1, [2, "x", 5, {}]), 3, "no call"),
        (GOOD + "\n" + frame(1, [2, "x", "Heartbeat"]), 3, "no call"),
        (GOOD + "\n" + frame(1, [9, "x", "Heartbeat", {}]), 3, "OCPP-J frame"),
        (GOOD + "\n" + frame(1, {"a": 1}), 3, "OCPP-J frame"),
        (GOOD + "\n" + frame(1, [2, "x", "Heartbeat", {}]).replace("<-", "<>"), 3, "'dir'"),
        (GOOD + "\n" + frame(1, [2, "x", "Heartbeat", {}]).replace("Z", ""), 3, "no time zone"),
        (GOOD + "\n" + frame(1, [2, "x", "Heartbeat", {}]).replace("2026-", "0001-"), 3, "no ISO 8601 time"),
        (GOOD + "\n" + frame(1, [2, "x", "Heartbeat", {}]).replace("2026-07-01T", "1 July "), 3, "no ISO 8601 time"),
        (GOOD + "\n" + meter(1, {"value": "-5"}, transactionId=7), 3, "less than nothing"),
        (GOOD + "\n" + meter(1, {"value": "1e9"}, transactionId=7), 3, "no number"),
        (GOOD + "\n" + meter(1, {"value": "NaN"}, transactionId=7), 3, "no number"),
        (GOOD + "\n" + meter(1, {"value": True}, transactionId=7), 3, "no number"),
        (GOOD + "\n" + meter(1, {"value": "\u0665"}, transactionId=7), 3, "no number"),
        (GOOD + "\n" + meter(1, {"value": "0.0000001"}, transactionId=7), 3, "millionth"),
        (GOOD + "\n" + meter(1, {"value": "5", "unit": "MWh"}, transactionId=7), 3, "neither Wh nor kWh"),
        (GOOD + "\n" + meter(1, {"value": "999999999999999"}, transactionId=7), 3, "register_wh"),
        (GOOD + "\n" + meter(1, {"value": "5"}, transactionId="7"), 3, "'transactionId'"),
        (GOOD + "\n" + call(1, "MeterValues", {"connectorId": 1, "meterValue": {}}), 3, "'meterValue'"),
        (GOOD + "\n" + call(1, "StatusNotification", {"connectorId": 1, "status": 5}), 3, "'status'"),
        (begin()[0].replace("1000", "-1"), 1, "less than nothing"),
        (begin()[0] + "\n" + frame(0, [3, "start", {}], to_station=True), 2, "'transactionId'"),
        ("a,b\n1,2", 1, "header"),
        ("", 1, "header"),
        (HEADER + "2026-07-01T10:30:00,5", 3, "no time zone"),
        (HEADER + "2026-07-01T10:30:00Z,x", 3, "no number"),
        (HEADER + "2026-07-01T10:30:00Z", 3, "fewer columns"),
        (HEADER + '2026-07-01T10:30:00Z,"5', 3, "not CSV"),
    ],
)  # fmt: skip
def test_malformed_lines_are_named(text, line, says):
    """The error has a stable code, the line, and what is wrong with it."""
    with pytest.raises(InvalidInput, match=says) as caught:
        parse_recording(text.encode())

    assert (caught.value.code, caught.value.path) == ("malformed_recording", f"line {line}")


def test_text_that_is_not_utf8_is_named_with_its_line():
    """The bytes are not shown."""
    with pytest.raises(InvalidInput, match="Line 2 of the recording: it is not UTF-8"):
        parse_recording(b"time,register_wh\n\xff\xfe")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("\n".join(begin()), "recording_too_short"),
        (HEADER, "recording_too_short"),
        (call(1, "Heartbeat", {}), "no_such_session"),
    ],
)
def test_nothing_to_run_is_said(text, code):
    """A start alone, one row, no session at all."""
    with pytest.raises(InvalidInput) as caught:
        parse_recording(text.encode())

    assert caught.value.code == code


def test_csv_has_no_stations():
    """A choice that cannot be made is not ignored."""
    with pytest.raises(InvalidInput, match="Leave --station"):
        parse_recording(HEADER.encode(), station="CS-1")


def test_sizes_are_bounded(monkeypatch):
    """Bytes, lines, the length of a line, and the readings of a session."""
    with pytest.raises(InvalidInput, match="Line 1 of the recording: it is longer"):
        parse_recording(b"{" + b" " * 70_000)
    with pytest.raises(InvalidInput, match="more than 200000 lines"):
        parse_recording(b"\n" * 200_001)
    with pytest.raises(InvalidInput, match="more than 5000 readings"):
        parse_recording((HEADER + "2026-07-01T10:30:00Z,5\n" * 5_000).encode())
    many = [{"timestamp": f"{DAY}05:00Z", "sampledValue": [{"value": "5"}]}] * 500
    message = call(5, "MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": many})
    with pytest.raises(InvalidInput, match="more than 5000 readings"):
        parse(*begin(), *[message] * 11)
    monkeypatch.setattr(recording, "MAX_BYTES", 10)
    with pytest.raises(InvalidInput, match="larger than 10 bytes"):
        parse_recording(b"time,register_wh")


def test_file_that_cannot_be_read_is_named(tmp_path):
    """Missing, a folder, or no name at all."""
    for path in (tmp_path / "none", tmp_path, tmp_path / "\0"):
        with pytest.raises(InvalidInput) as caught:
            read_recording(path)
        assert (caught.value.code, caught.value.path) == ("file_unreadable", "--session")


def test_deeply_nested_json_is_refused():
    """No bomb goes off."""
    with pytest.raises(InvalidInput, match="Line 1"):
        parse_recording(b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}")
