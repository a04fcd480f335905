"""What the journal keeps of a request, and what it does not."""

import json
from datetime import UTC, datetime

import pytest
from evpay_contrib_emulators.gateway import WireRequest
from evpay_contrib_emulators.journal import Journal

NOW = datetime(2026, 11, 20, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"


def kept(body="", **fields):
    """Everything that the journal shows of one request."""
    journal = Journal()
    journal.note(WireRequest(method="POST", path="/p", body=body.encode(), **fields), at=NOW, key=None)
    return json.dumps([entry.as_json() for entry in journal.entries()])


@pytest.mark.parametrize("number", ["4111111111111111", "5555444433331111", "2222400070000005", "370000000000002"])
@pytest.mark.parametrize(
    "around",
    [
        '{"encryptedCardNumber": "test_%s"}',
        '{"number": "%s"}',
        '{"number": %s}',
        "<number>%s</number>",
        "card[number]=%s&x=1",
        "%s_",
        "paid with %s.",
    ],
)
def test_card_number_is_masked_but_for_its_end(number, around):
    """Also behind the word that Adyen puts in front of it for tests."""
    shown = kept(around % number)

    assert number not in shown
    assert f"{'*' * (len(number) - 4)}{number[-4:]}" in shown


def test_card_number_in_the_address_is_masked():
    """In the path, in the query, and in the parameters that are read from it."""
    shown = kept(query="number=4111111111111111&a=test_4111111111111111", headers={"content-type": FORM})

    assert "4111111111111111" not in shown


@pytest.mark.parametrize("text", ["4111111111111112", "a4111111111111111", "4111111111111111b", "411111111111"])
def test_what_is_no_card_number_is_kept(text):
    """A wrong check digit, or part of an id."""
    assert f'"{text}"' in json.loads(kept(f'"{text}"'))[0]["body"]
