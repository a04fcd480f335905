"""A line that answers as told and remembers what was asked, under the real SDK; and providers that use it."""

import base64
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from xml.etree import ElementTree as ET

import pytest

from evpay_providers.braintree import BraintreeProvider, BraintreeSettings

KEYS = {
    "merchant_id": "merchant1",
    "public_key": "public1",
    "private_key": "private-key-do-not-show-me",
    "merchant_accounts": {"EUR": "eur_account", "JPY": "jpy_account", "KWD": "kwd_account"},
}


@pytest.fixture(scope="session", autouse=True)
def sdk():
    """The SDK warns of its own classes while it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import braintree
    return braintree


def _values(element: ET.Element) -> object:
    if element.get("type") == "array":
        return [_values(child) for child in element]
    return {child.tag: _values(child) for child in element} if len(element) else element.text


class Wire:
    """Answers in turn, the last one for ever; what is asked is kept."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str] | Exception] = []
        self.asked: list[tuple[str, str, object]] = []
        self.headers: list[dict[str, str]] = []

    def will(self, *answers: tuple[int, str] | Exception) -> None:
        self.answers += answers

    def __call__(self, verb, url, headers, body):
        tree = None if not body else ET.fromstring(body)
        place = url.partition("/merchants/merchant1")[2]
        self.asked.append((verb, place, None if tree is None else {tree.tag: _values(tree)}))
        self.headers.append(dict(headers))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def sent(self) -> tuple[str, str, object]:
        return self.asked[-1]


@pytest.fixture
def wire() -> Iterator[Wire]:
    line = Wire()
    yield line
    assert line.answers == [], "an answer was never asked for"


@pytest.fixture
async def provide(wire: Wire) -> AsyncIterator[Callable[..., BraintreeProvider]]:
    """Make providers on that line."""
    made: list[BraintreeProvider] = []

    def make(**settings: object) -> BraintreeProvider:
        made.append(BraintreeProvider(BraintreeSettings(**{**KEYS, **settings}), exchange=wire))
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()


@pytest.fixture
def provider(provide: Callable[..., BraintreeProvider]) -> BraintreeProvider:
    """An account with keys, increments, and several captures for PayPal."""
    return provide(request_keys=True, request_increment=True, partial_settlement=("paypal_account",))


def basic(public: str, private: str) -> str:
    return "Basic " + base64.b64encode(f"{public}:{private}".encode()).decode()
