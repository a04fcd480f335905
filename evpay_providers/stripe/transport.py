"""The HTTP client under the SDK: one httpx client per event loop, made on first use, with honest time-outs.

The SDK's own async client is bound to the loop that it was first used in, and hands its proxy to httpx by a name that
httpx no longer knows. This module needs the SDK; the adapter imports it when a provider is made.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import httpx
import stripe

__all__ = ["LoopTransport"]

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
_log: Final = logging.getLogger(__name__)


class LoopTransport(stripe.HTTPClient):
    """Send one request and follow no redirect; usable from one event loop after another.

    `deadline_s` bounds a request as a whole, `connect_s` the connection. The environment's proxy settings are obeyed
    unless `direct`. Close it in each loop that used it.
    """

    name: ClassVar[str] = "httpx"

    def __init__(self, *, deadline_s: float, direct: bool) -> None:
        super().__init__()
        self._deadline_s = deadline_s
        self._timeout = httpx.Timeout(deadline_s, connect=min(deadline_s, 5.0))
        self._direct = direct
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = httpx.AsyncClient(timeout=self._timeout, trust_env=not self._direct)
        return client

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request.

        Raises:
            stripe.APIConnectionError: no answer; its cause is the exception of httpx, or the deadline.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._exchange(method, url, headers, post_data)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            message = f"No answer from Stripe: {type(error).__name__}."
            raise stripe.APIConnectionError(message) from error  # type: ignore[no-untyped-call]  # the SDK's own gap

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        body = bytearray()
        content = post_data.encode() if isinstance(post_data, str) else post_data
        async with self._client().stream(method, url, headers=dict(headers), content=content) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise httpx.DecodingError(f"more than {MAX_ANSWER_BYTES} bytes", request=response.request)
        answered = dict(response.headers)
        # The SDK would turn this header into a Python warning, which a strict host turns into an exception.
        notice = answered.pop("stripe-notice", None)
        if notice is not None:
            _log.info("Notice from Stripe: %s", notice)
        return bytes(body), response.status_code, httpx.Headers(answered)

    async def close_async(self) -> None:
        """Close the client of the running loop; those of other loops go with their loops."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def close(self) -> None:
        """Do nothing: there is no blocking client."""
