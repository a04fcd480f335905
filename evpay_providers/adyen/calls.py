"""The edge of Adyen's SDK: blocking calls on worker threads, and honest answers in place of exceptions."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from evpay.providers import UNREADABLE, Failed, ThreadSlots, Unknown, call_in_thread, import_sdk
from evpay_providers.adyen.failures import failure, not_sent
from evpay_providers.adyen.settings import AdyenSettings

__all__ = ["AdyenCalls", "Answer", "Transport"]

T = TypeVar("T")
Answer = Mapping[str, Any]
API_VERSION: Final = "v72"


class Transport(Protocol):
    """What the SDK asks of an HTTP client."""

    user_agent: str

    def request(self, method: str, url: str, **options: Any) -> tuple[str, str, int, Mapping[str, str]]:
        """Send one request; return answer, request, status and headers."""
        ...


def _is_transient(headers: Mapping[str, str] | None) -> bool:
    named = {str(name).lower(): value for name, value in (headers or {}).items()}
    return str(named.get("transient-error", "")).lower() == "true"


class AdyenCalls:
    """Call Adyen for one account. A `transport` that is passed in is not closed here.

    Raises:
        ConfigurationError: the SDK is not installed.
    """

    def __init__(self, settings: AdyenSettings, *, transport: Transport | None = None) -> None:
        sdk, self._errors, self._transport = import_sdk(
            "Adyen", "Adyen.exceptions", "evpay_providers.adyen.transport", provider="adyen"
        )
        self._settings = settings
        self._deadline_s = settings.deadline.total_seconds()
        self._slots = ThreadSlots(settings.threads)
        self._own = self._transport.PooledTransport(
            deadline_s=self._deadline_s, connections=settings.threads, direct=settings.on_loopback
        )
        client = sdk.Adyen(
            xapikey=settings.api_key.get_secret_value(),
            platform="live" if settings.live else "test",
            live_endpoint_prefix=settings.live_endpoint_prefix,
        )
        client.client.http_client = transport or self._own
        client.client.http_init = True
        self.payments: Any = client.checkout.payments_api
        self.modifications: Any = client.checkout.modifications_api
        self.utility: Any = client.checkout.utility_api
        if settings.base_url:
            for service in (self.payments, self.modifications, self.utility):
                service.baseUrl = f"{settings.base_url}/{API_VERSION}"

    async def ask(self, call: Callable[[], Any]) -> Answer | Failed | Unknown:
        """Run one call of the SDK, and return the object that was answered."""
        return await self.in_time(lambda: self._asked(call))

    async def in_time(self, work: Callable[[], T]) -> T | Failed | Unknown:
        """Run blocking work on a thread, for no longer than the deadline; what is cut off may still take effect."""
        return await call_in_thread(work, slots=self._slots, deadline_s=self._deadline_s)

    def exchange(
        self,
        method: str,
        url: str,
        *,
        body: str = "",
        key: str | None = None,
        deadline_s: float | None = None,
        max_bytes: int | None = None,
    ) -> tuple[str, int] | Failed | Unknown:
        """Send one request that the SDK has no call for, on this thread; return the text and the status."""
        limit = self._transport.MAX_ANSWER_BYTES if max_bytes is None else max_bytes
        secret = self._settings.api_key.get_secret_value() if key is None else key
        try:
            text, status, _ = self._own.exchange(
                method, url, body=body, key=secret, deadline_s=deadline_s, max_bytes=limit
            )
        except self._transport.NoAnswer as error:
            return Unknown(detail=error.cause) if error.sent else not_sent(error.cause)
        return text, status

    def close(self) -> None:
        """Close the connections."""
        self._own.close()

    def _asked(self, call: Callable[[], Any]) -> Answer | Failed | Unknown:
        try:
            message = call().message
        except self._transport.NoAnswer as error:
            return Unknown(detail=error.cause) if error.sent else not_sent(error.cause)
        except self._errors.AdyenAPIResponseError as error:
            return failure(status=error.status_code, body=error.message, transient=_is_transient(error.headers))
        except (self._errors.AdyenError, *UNREADABLE) as error:
            return Unknown(detail=f"an answer that the SDK could not read: {type(error).__name__}")
        return message if isinstance(message, dict) else Unknown(detail="an answer that is not an object")
