"""Ids, references, keys and digests."""

import re

import pytest

from evpay.ids import canonical_json, derive_id, digest, id_from_bytes, wire_key


def test_key_is_26_characters_that_every_processor_takes():
    """Only a-z and 0-9, without letters that a person mixes up."""
    key = wire_key("operation", "I-1", "capture")

    assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{26}", key)


def test_key_stays_the_same_for_ever():
    """A resend after an upgrade has the key of the first send; these are pinned."""
    assert "x0n119y6xazskb28m8zqqqpnxb" == wire_key("key", "operation")
    assert "N6GNAWXK4XQZ1TW34JTY" == derive_id("CP-1", 1, "TAG", 1200)


@pytest.mark.parametrize("other", [("a", "c"), ("ab",), ("a", "b", ""), ("b", "a"), ("A", "b"), ("", "a", "b")])
def test_key_differs_when_a_part_differs(other):
    """Other parts, another split or another order: another key."""
    assert wire_key("a", "b") != wire_key(*other)


def test_derived_id_fits_an_ocpp_id_tag():
    """At most 20 characters of A-Z and 0-9 (CiString20Type)."""
    assert re.fullmatch(r"[0-9A-Z]{20}", derive_id("CP-1", 1, "TAG", "2026-07-01T10:00:00Z"))


def test_derived_id_differs_when_a_part_differs():
    """Two transactions of one station are two sessions."""
    assert derive_id("CP-1", 1, "TAG", 1200) != derive_id("CP-1", 1, "TAG", 1201)
    assert derive_id("CS-1", 11) != derive_id("CS-11", 1)


def test_id_uses_every_bit_it_shows():
    """26 characters of 5 bits: each of the lowest 130 bits changes the id."""
    ids = {id_from_bytes((1 << bit).to_bytes(17, "big")) for bit in range(130)}

    assert 130 == len(ids)
    assert "0" * 26 == id_from_bytes(bytes(17))
    assert "z" * 26 == id_from_bytes(b"\xff" * 17)


def test_json_is_canonical_when_the_same_content_comes_in_another_order():
    """Sorted keys, no spaces, text as it is."""
    assert '{"a":[1,"ü"],"b":null}' == canonical_json({"b": None, "a": [1, "ü"]})
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})


def test_digest_is_sha256_in_hex():
    """The digest is checked by any other tool."""
    assert "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" == digest({})


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_is_refused_when_it_is_none(number):
    """NaN and Infinity are not JSON, so they are never stored or hashed."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": number})
