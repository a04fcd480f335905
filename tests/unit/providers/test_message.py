"""What adapters share to read a message: its kind first, its JSON strictly."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpay.errors import WebhookRejected
from evpay.providers import WebhookRequest, json_object, require_media_type


def of_kind(value: str | None) -> WebhookRequest:
    headers = {} if value is None else {"content-type": value}
    return WebhookRequest(body=b"{}", headers=headers, received_at=datetime.now(UTC))


@pytest.mark.parametrize("kind", [None, "application/json", "Application/JSON; charset=utf-8", " application/json "])
def test_a_message_of_its_kind_is_looked_at(kind):
    """However it is written; one that names none is let through to be proven."""
    assert require_media_type(of_kind(kind), "application/json", account="a") is None


@pytest.mark.parametrize("kind", ["", "text/plain", "application/jsonp", "application/x-www-form-urlencoded", ";"])
def test_a_message_of_another_kind_is_not(kind):
    """Whatever it holds."""
    with pytest.raises(WebhookRejected) as caught:
        require_media_type(of_kind(kind), "application/json", account="a")

    assert (caught.value.status, caught.value.account) == (415, "a")


def test_a_whole_character_may_be_escaped():
    """Two halves make one."""
    assert json_object(b'{"a": "\\ud83d\\udd0c"}', account="a") == {"a": "\N{ELECTRIC PLUG}"}


def test_an_object_keeps_every_digit():
    """No number becomes a float."""
    assert json_object(b'{"n": 0.10, "i": 7}', account="a") == {"n": Decimal("0.10"), "i": 7}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"a": 1, "a": 2}', id="a name twice"),
        pytest.param(b'{"a": NaN}', id="not a number"),
        pytest.param(b'{"a": 1e999999}', id="a huge exponent"),
        pytest.param(b'{"a": ' + b"9" * 100 + b"}", id="endless digits"),
        pytest.param(b'{"a": ' * 50 + b"1" + b"}" * 50, id="too deep"),
        pytest.param(b"[" * 200_000, id="a bomb"),
        pytest.param(b'{"a": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"a": 1', id="cut off"),
        pytest.param(b'{"a": "\\ud800"}', id="half a character"),
        pytest.param(b'{"\\uDFFFa": 1}', id="half a name"),
    ],
)
def test_what_could_mean_two_things_is_refused(body):
    """With a status and without an echo of the content."""
    with pytest.raises(WebhookRejected) as caught:
        json_object(body, account="a")

    assert caught.value.status == 400
    assert str(caught.value) == "The message is not a JSON object."


@given(st.binary(max_size=80) | st.text('[]{}:,"0123456789.eE+-truefalsn', max_size=80).map(str.encode))
def test_nothing_else_is_ever_raised(body):
    """An object, or one refusal."""
    with suppress(WebhookRejected):
        assert isinstance(json_object(body, account="a"), dict)
