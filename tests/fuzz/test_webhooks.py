"""A short form of the fuzzing: `nox -s fuzz` does the rest."""

import json
import random

import pytest

from evpay.errors import WebhookRejected
from tests.fuzz.run import driven, fuzzed, tried
from tests.fuzz.senders import SENDERS


@pytest.mark.parametrize("name", SENDERS)
def test_no_message_brings_about_anything_but_a_refusal(name):
    """Nor an observation that could not be stored."""
    sender = SENDERS[name]()

    became, bad = fuzzed(sender, inputs=2_000, seed=random.randrange(10**9))

    assert bad == []
    assert became.keys() >= {"refused 400", "refused 401"}
    assert became["believed"] > 50, "the parser is hardly reached, so this says nothing"


@pytest.mark.parametrize("name", SENDERS)
def test_a_good_message_is_believed(name):
    """The seeds are what the processor really sends."""
    sender = SENDERS[name]()

    assert {tried(sender, sender.sign(sender.write(seed))) for seed in sender.seeds} == {"believed"}


@pytest.mark.parametrize("name", SENDERS)
def test_a_body_of_another_signature_is_refused(name):
    """Bit by bit: every one of them counts that the signature covers."""
    sender = SENDERS[name]()
    request = sender.sign(sender.write(sender.seeds[0]))
    refused = 0

    for at in range(len(request.body) * 8):
        body = bytearray(request.body)
        body[at // 8] ^= 1 << (at % 8)
        changed = type(request)(body=bytes(body), headers=request.headers, received_at=request.received_at)
        if sender.signed(changed.body) == sender.signed(request.body):
            continue
        refused += 1
        with pytest.raises(WebhookRejected):
            driven(sender.provider.parse_webhook(changed))

    assert refused > 1_000


def test_a_parser_that_breaks_is_found():
    """A planted one that trips over a missing member."""

    class Clumsy:
        async def parse_webhook(self, request):
            return json.loads(request.body)["id"] and ()

    sender = SENDERS["stripe"]()
    clumsy = type(sender)(provider=Clumsy(), seeds=sender.seeds, sign=sender.sign)

    _, bad = fuzzed(clumsy, inputs=500, seed=1)

    assert bad
