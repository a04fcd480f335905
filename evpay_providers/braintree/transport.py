"""The HTTP under the SDK: one pool for all threads, no redirect, bounded answers, and a deadline for the whole.

The SDK's own follows redirects and lets an answer trickle in for ever. This module needs the SDK; the adapter imports
it when a provider is made.
"""

import re
import threading
import time
import warnings
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import urlsplit

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK warns of its own classes while it is imported
    import braintree
    import requests
    from braintree.attribute_getter import AttributeGetter
    from braintree.util.http import Http
    from urllib3.exceptions import HTTPError

from evpay_providers.braintree.calls import Exchange
from evpay_providers.braintree.settings import BraintreeSettings

__all__ = ["Line", "gateway_of", "plain"]


MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
# Deprecated beside `protection-level`; the SDK warns of it, and a strict host turns warnings into exceptions.
_DEPRECATED: Final = re.compile(
    r"<chargeback[-_]protection[-_]level(?:\s[^>]*)?(?:/>|>[^<]*</chargeback[-_]protection[-_]level>)"
)
_BOOKKEEPING: Final = frozenset({"_setattrs", "gateway"})


class Line(Http):  # type: ignore[misc]  # the SDK has no types
    """Send one request of the SDK, and remember for each thread whether it came so far."""

    def __init__(self, config: Any, environment: Any, *, deadline_s: float, exchange: Exchange | None) -> None:
        super().__init__(config, environment)
        self._deadline_s = deadline_s
        self._exchange = exchange or self._over_http
        self._state = threading.local()
        self._session = requests.Session()
        self._session.auth = lambda request: request  # the SDK signs in; a .netrc may not do it in its place
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.trust_env = environment.is_ssl  # proxies are not for a server on this machine
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=100, max_retries=0))

    def forget(self) -> None:
        """Begin a call on this thread, of which nothing was sent yet."""
        self._state.sent = False

    @property
    def has_sent(self) -> bool:
        """Say whether this thread's call came to the point of sending."""
        return bool(getattr(self._state, "sent", False))

    def http_do(self, http_verb: str, path: str, headers: Mapping[str, Any], request_body: Any) -> list[Any]:
        """Send one request, as the SDK asks; `path` is the whole address."""
        self._state.sent = True
        status, text = self._exchange(http_verb, path, headers, request_body)
        if "<!" in text:
            raise requests.exceptions.ContentDecodingError("an answer with a document type")
        return [status, _DEPRECATED.sub("", text)]

    def _over_http(self, verb: str, url: str, headers: Mapping[str, Any], body: Any) -> tuple[int, str]:
        ends = time.monotonic() + self._deadline_s
        data = body.encode() if isinstance(body, str) else body
        answer = self._session.request(
            verb,
            url,
            headers=dict(headers),
            data=data,
            timeout=(min(self._deadline_s, 5.0), self._deadline_s),
            verify=self.environment.ssl_certificate or True,
            allow_redirects=False,
            stream=True,
        )
        content = bytearray()
        with answer:
            try:
                # What comes, as it comes: a byte now and then keeps every single read alive.
                while chunk := answer.raw.read1(16_384, decode_content=True):
                    content += chunk
                    if time.monotonic() > ends or len(content) > MAX_ANSWER_BYTES:
                        raise requests.exceptions.ReadTimeout("an answer that is too long or too slow")
            except HTTPError as error:  # of the library beneath, which requests would have wrapped
                raise requests.exceptions.ChunkedEncodingError(error) from error
        return answer.status_code, content.decode("utf-8")

    def close(self) -> None:
        """Close the pool; the next request opens it again."""
        self._session.close()


def _environment(settings: BraintreeSettings) -> Any:
    if settings.base_url is None:
        return braintree.Environment.Production if settings.live else braintree.Environment.Sandbox
    parts = urlsplit(settings.base_url)
    host, port = parts.hostname or "", str(parts.port or 80)
    host = f"[{host}]" if ":" in host else host
    return braintree.Environment("loopback", host, port, "http://auth.invalid", False, None, host, port)  # noqa: FBT003 - the SDK takes places only


def gateway_of(settings: BraintreeSettings, *, exchange: Exchange | None) -> tuple[Any, Line]:
    """Return a gateway of the SDK of our own, and the line under it; nothing is opened yet."""
    lines: list[Line] = []

    def strategy(config: Any, environment: Any) -> Line:
        line = Line(config, environment, deadline_s=settings.deadline.total_seconds(), exchange=exchange)
        lines.append(line)
        return line

    config = braintree.Configuration(
        environment=_environment(settings),
        merchant_id=settings.merchant_id,
        public_key=settings.public_key,
        private_key=settings.private_key.get_secret_value(),
        timeout=settings.deadline.total_seconds(),
        wrap_http_exceptions=True,
        http_strategy=strategy,
    )
    return braintree.BraintreeGateway(config), lines[0]


def plain(value: Any) -> Any:
    """Return an object of the SDK as dicts and lists, under the names that the API has for its fields."""
    if isinstance(value, AttributeGetter):
        return {name: plain(held) for name, held in vars(value).items() if name not in _BOOKKEEPING}
    if isinstance(value, dict):
        return {name: plain(held) for name, held in value.items()}
    if isinstance(value, list):
        return [plain(held) for held in value]
    return value
