"""Webhooks in Starlette and FastAPI."""

from collections.abc import Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from evpay import EvPay
from evpay.errors import StoreUnavailable, WebhookRejected
from evpay_contrib_web.intake import READ_WITHIN_S, Challenge, declared_length, gathered, refuse_length

__all__ = ["webhook_route"]

_NOBODY = Response(status_code=404)
_UNREAD = frozenset({408, 413})


def webhook_route(
    pay: Callable[[Request], EvPay],
    *,
    path: str = "/webhooks/{account}",
    challenges: Mapping[str, Challenge] | None = None,
    read_within_s: float = READ_WITHIN_S,
) -> Route:
    """Return a route that takes the webhooks of every account; `{account}` in the path is the account's name.

    `pay` finds the open EvPay of a request, as `lambda request: request.app.state.pay`.
    `challenges` answers the GET with which a gateway proves the address, by account.
    What is refused is answered with its status and without words; what could not be checked or kept, with a 503, so
    that it is sent again.
    """
    asked = dict(challenges or {})

    async def webhook(request: Request) -> Response:
        account = request.path_params["account"]
        if request.method != "POST":
            return _challenged(asked.get(account), request)
        try:
            refuse_length(declared_length(request.headers.get("content-length")), account=account)
            body = await gathered(request.stream(), account=account, within_s=read_within_s)
            reply = await pay(request).webhook(account, body=body, headers=request.headers, url=str(request.url))
        except WebhookRejected as error:
            return _refused(error)
        except StoreUnavailable:
            return Response(status_code=503)
        except ClientDisconnect:
            return Response(status_code=400)
        return Response(reply.body, status_code=reply.status, media_type=reply.media_type)

    return Route(path, webhook, methods=["GET", "POST"] if asked else ["POST"], name="evpay_webhook")


def _refused(error: WebhookRejected) -> Response:
    """Answer, and read no more of a body that is too long or does not come: the server would go on taking it in."""
    return Response(status_code=error.status, headers={"Connection": "close"} if error.status in _UNREAD else None)


def _challenged(challenge: Challenge | None, request: Request) -> Response:
    try:
        answer = None if challenge is None else challenge(dict(request.query_params))
    except WebhookRejected as error:
        return Response(status_code=error.status)
    return _NOBODY if answer is None else Response(answer, media_type="text/plain")
