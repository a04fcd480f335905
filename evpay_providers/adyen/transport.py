"""The HTTP client under the SDK: pooled connections, one deadline for a call as a whole, and no redirects.

The SDK's own opens a connection for every call, lets the HTTP library's exceptions out and has no bound on an
answer. This module needs the SDK's HTTP library; the adapter imports it when a provider is made.
"""

import json as json_lib
import ssl
import time
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ProxyError

__all__ = ["MAX_ANSWER_BYTES", "NoAnswer", "PooledTransport"]

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
_CONNECT_S: Final = 5.0
_CHUNK: Final = 65_536


class NoAnswer(Exception):
    """There is no answer that can be read. `sent` is false only where no connection came about."""

    def __init__(self, cause: str, *, sent: bool) -> None:
        super().__init__(cause)
        self.cause = cause
        self.sent = sent


class PooledTransport:
    """Send one request at a time per thread; usable from many threads at once.

    `deadline_s` bounds a request as a whole. The environment's proxy settings are obeyed unless `direct`.
    """

    user_agent = "evpay"

    def __init__(self, *, deadline_s: float, connections: int, direct: bool) -> None:
        self._deadline_s = deadline_s
        self._session = requests.Session()
        self._session.trust_env = not direct
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0))

    def request(
        self,
        method: str,
        url: str,
        json: object = None,
        data: object = None,  # noqa: ARG002 - the SDK's signature
        username: str = "",  # noqa: ARG002 - the same
        password: str = "",  # noqa: ARG002 - the same
        xapikey: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[str, str, int, Mapping[str, str]]:
        """Send one request, as the SDK asks for it; return answer, request, status and headers.

        Raises:
            NoAnswer: nothing that can be read came back.
        """
        body = "" if json is None else json_lib.dumps(json, allow_nan=False)
        text, status, answered = self.exchange(method, url, body=body, key=xapikey, headers=headers or {})
        # The SDK keeps what it is given here in its exceptions, so it is given nothing.
        return text, "", status, answered

    def exchange(
        self,
        method: str,
        url: str,
        *,
        body: str,
        key: str,
        headers: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Send one request with a JSON body, or none; return the answer's text, status and headers.

        Raises:
            NoAnswer: nothing that can be read came back.
        """
        limit_s = deadline_s or self._deadline_s
        until = time.monotonic() + limit_s
        sent = {**(headers or {}), "x-api-key": key, **({"Content-Type": "application/json"} if body else {})}
        try:
            with self._session.request(
                method,
                url,
                data=body.encode() or None,
                headers=sent,
                # Something that does nothing, or a password file in the home directory would be asked.
                auth=_unchanged,
                allow_redirects=False,
                stream=True,
                timeout=(min(_CONNECT_S, limit_s), limit_s),
            ) as response:
                content = b"".join(_bounded(response, until=until, max_bytes=max_bytes))
                return content.decode("utf-8"), response.status_code, response.headers
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise NoAnswer(_name(error), sent=not _never_connected(error)) from error

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _bounded(response: requests.Response, *, until: float, max_bytes: int) -> Iterator[bytes]:
    """Read what comes, as it comes: a byte now and then keeps every single read alive."""
    size = 0
    while True:
        chunk: Any = response.raw.read1(_CHUNK, decode_content=True)
        if not chunk:
            return
        size += len(chunk)
        if size > max_bytes:
            raise requests.exceptions.ContentDecodingError(f"more than {max_bytes} bytes")
        if time.monotonic() > until:
            raise requests.exceptions.ReadTimeout("the answer takes longer than the deadline")
        yield chunk


def _reason(error: BaseException) -> BaseException:
    """Return what is the matter beneath the wrappers of the HTTP libraries."""
    inner = error.args[0] if error.args else None
    if isinstance(error, requests.ConnectionError) and isinstance(inner, MaxRetryError) and inner.reason is not None:
        found = inner.reason
        return found.original_error if isinstance(found, ProxyError) else found
    return error


def _never_connected(error: BaseException) -> bool:
    """Say whether not a byte of the request can have left."""
    reason = _reason(error)
    refused = isinstance(reason, NewConnectionError | requests.ConnectTimeout) or isinstance(
        error, requests.ConnectTimeout
    )
    return refused or any(isinstance(part, ssl.SSLCertVerificationError) for part in (reason, *reason.args))


def _name(error: BaseException) -> str:
    return type(_reason(error)).__name__
