"""Addresses as answers have them: every element is there, known or not."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["as_address", "as_phone"]

_PARTS: Final = (
    *("first_name", "last_name", "company", "street_address", "extended_address", "locality", "region"),
    *("postal_code", "country_name", "country_code_alpha2", "country_code_alpha3", "country_code_numeric"),
    "phone_number",
)


def as_address(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an address with what is known of it."""
    given = given or {}
    return {**{name: given.get(name) for name in _PARTS}, "international_phone": as_phone(given)}


def as_phone(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the international phone number of a person or an address, known or not."""
    return given.get("international_phone") or {"country_code": None, "national_number": None}
