"""Webhooks in Django."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from evpay import sync
from evpay.errors import StoreUnavailable, WebhookRejected
from evpay_contrib_web.intake import Challenge, declared_length, refuse_length, taken

__all__ = ["webhook_view"]

_CHUNK: Final = 16 * 1024


def webhook_view(
    pay: sync.EvPay, *, challenges: Mapping[str, Challenge] | None = None
) -> Callable[[HttpRequest, str], HttpResponse]:
    """Return a view for `path("webhooks/<str:account>", ...)` that takes the webhooks of every account.

    It is exempt from CSRF checks, since the sender has no cookie; the signature is what proves it.
    `challenges` answers the GET with which a gateway proves the address, by account.
    """
    asked = dict(challenges or {})

    @csrf_exempt  # type: ignore[untyped-decorator]  # Django ships no types
    def webhook(request: HttpRequest, account: str) -> HttpResponse:
        if request.method == "GET" and account in asked:
            return _challenged(asked[account], request)
        if request.method != "POST":
            return HttpResponse(status=405, headers={"Allow": "POST"})
        try:
            refuse_length(declared_length(request.META.get("CONTENT_LENGTH")), account=account)
            body = taken(_chunks(request), account=account)
            reply = pay.webhook(account, body=body, headers=request.headers, url=request.build_absolute_uri())
        except WebhookRejected as error:
            return HttpResponse(status=error.status)
        except StoreUnavailable:
            return HttpResponse(status=503)
        return HttpResponse(reply.body, status=reply.status, content_type=reply.media_type)

    view: Callable[[HttpRequest, str], HttpResponse] = webhook
    return view


def _chunks(request: HttpRequest) -> Iterator[bytes]:
    while chunk := request.read(_CHUNK):
        yield chunk


def _challenged(challenge: Challenge, request: HttpRequest) -> HttpResponse:
    try:
        answer = challenge({name: str(value) for name, value in request.GET.items()})
    except WebhookRejected as error:
        return HttpResponse(status=error.status)
    return HttpResponse(status=404) if answer is None else HttpResponse(answer, content_type="text/plain")
