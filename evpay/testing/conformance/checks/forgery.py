"""Webhooks: what is not proven is refused, and what is proven is read the same each time."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from evpay.errors import WebhookRejected
from evpay.providers import Observation, Unknown, WebhookRequest
from evpay.testing.conformance.check import check
from evpay.testing.conformance.orders import Paid, new_name
from evpay.testing.conformance.rig import Message, Subject, Webhooks
from evpay.testing.conformance.trial import Trial

__all__ = [
    "any_order_same_facts",
    "batch_is_all_or_nothing",
    "every_active_secret_is_accepted",
    "forged_webhook_refused",
    "malformed_webhook_refused",
    "other_mode_refused",
    "redelivery_same_event_id",
    "stale_webhook_refused",
    "unknown_event_says_nothing",
    "webhook_names_its_payment",
]

_CURE: Final = "Raise WebhookRejected before anything of the message is believed; verify_hmac and fresh help."
_EVERY_BIT_BELOW: Final = 1024
_HUGE: Final = 60 * 1024 * 1024


def _given(trial: Trial) -> Webhooks:
    return trial.need(trial.rig.webhooks, "Rig.webhooks, how this gateway signs what it sends")


def _subject(trial: Trial, paid: Paid | None = None) -> Subject:
    reference = paid.reference if paid else new_name()
    return Subject(reference=reference, payment_id=paid.handle.id if paid else new_name(), at=trial.rig.now())


def _received(trial: Trial, message: Message, *, late: timedelta = timedelta(0)) -> WebhookRequest:
    headers = {name.lower(): value for name, value in message.headers.items()}
    return WebhookRequest(body=message.body, headers=headers, url=message.url, received_at=trial.rig.now() + late)


async def _read(trial: Trial, message: Message) -> tuple[Observation, ...]:
    found = await trial.provider.parse_webhook(_received(trial, message))
    if isinstance(found, Unknown):
        raise trial.broken("observations of a message that is rightly signed", found)
    return found


async def _refused(trial: Trial, request: WebhookRequest, what: str) -> None:
    expected = f"WebhookRejected for {what}"
    try:
        came = await trial.provider.parse_webhook(request)
    except WebhookRejected as error:
        trial.expect(400 <= error.status < 500, "a status from 400 to 499 in WebhookRejected", f"{error.status}")
        return
    except Exception as error:
        raise trial.broken(expected, f"{type(error).__name__}") from error
    raise trial.broken(expected, came)


@check("webhooks", cure="Read the payment's id, or our reference, from the message.")
async def webhook_names_its_payment(trial: Trial) -> None:
    """A message that is rightly signed says which payment it is about, and when."""
    paid = await trial.paid()
    found = await _read(trial, _given(trial).about(_subject(trial, paid)))
    trial.expect(len(found) == 1, "one observation of a message about one payment", f"{len(found)}")
    names = {found[0].payment_reference, found[0].payment_id, *(report.reference for report in found[0].reports)}
    trial.expect(bool(names & {paid.reference, paid.handle.id}), f"the payment {paid.reference}", found[0])
    trial.expect(bool(found[0].event_id), "an event_id, so that a redelivery is known", found[0])


def _bits(length: int, ranges: list[range]) -> Iterator[tuple[int, int]]:
    places = [place for part in ranges for place in part if place < length]
    for place in places:
        every = range(8) if len(places) <= _EVERY_BIT_BELOW else (place % 8,)
        yield from ((place, bit) for bit in every)


def _flipped(data: bytes, place: int, bit: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


@check("webhooks", cure=_CURE)
async def forged_webhook_refused(trial: Trial) -> None:
    """A message with any bit of its body or signature flipped is refused, and so is one without a signature."""
    given = _given(trial)
    whole = _received(trial, given.about(_subject(trial, await trial.paid())))
    await trial.provider.parse_webhook(whole)
    ranges = [range(len(whole.body))] if given.signed_parts is None else list(given.signed_parts(whole.body))
    for place, bit in _bits(len(whole.body), ranges):
        forged = replace(whole, body=_flipped(whole.body, place, bit))
        await _refused(trial, forged, f"a body with bit {bit} of byte {place} flipped")
    if given.signature_header is None:
        return
    name = given.signature_header.lower()
    signature = whole.headers[name].encode("latin-1")
    for place, bit in _bits(len(signature), [range(len(signature))]):
        value = _flipped(signature, place, bit).decode("latin-1")
        headers = {**whole.headers, name: value}
        await _refused(trial, replace(whole, headers=headers), f"a signature with bit {bit} of byte {place} flipped")
    without = {key: value for key, value in whole.headers.items() if key != name}
    await _refused(trial, replace(whole, headers=without), "a message without a signature")
    await _refused(trial, replace(whole, headers={**without, name: ""}), "a message with an empty signature")


@check("webhooks", cure="Bound the body's size first, prove it next, and only then parse it, strictly.")
async def malformed_webhook_refused(trial: Trial) -> None:
    """What is too big, cut off, not text or oddly signed is refused, with no exception but ours."""
    given = _given(trial)
    whole = _received(trial, given.about(_subject(trial)))
    bodies = (b"", b"null", b"\xff\xfe\x00\xd8", b"[" * 100_000, whole.body[: len(whole.body) // 2], bytes(_HUGE))
    for body in bodies:
        await _refused(trial, replace(whole, body=body), f"a body of {len(body)} bytes, {body[:12]!r}")
    for headers in _odd_headers(whole.headers, given.signature_header):
        await _refused(trial, replace(whole, headers=headers), "odd headers")
    if given.sign is None:
        return
    for body in (b"", b"null", b"[]", b"7", b"{}", b'{"id": 1}', b"\xff\xfe\x00\xd8", b"[" * 100_000, b'{"a": NaN}'):
        signed = _received(trial, given.sign(body, trial.rig.now()))
        try:
            found = await trial.provider.parse_webhook(signed)
        except WebhookRejected:
            continue
        except Exception as error:
            raise trial.broken(f"WebhookRejected or () for signed {body[:12]!r}", type(error).__name__) from error
        trial.expect(found == (), f"WebhookRejected or () for signed {body[:12]!r}", found)


def _odd_headers(headers: Mapping[str, str], name: str | None) -> Iterator[Mapping[str, str]]:
    if name is None:
        return
    key = name.lower()
    right = headers[key]
    odd = (
        "=",
        ",",
        ",".join([right] * 50)[:100_000] + ",",
        "\u2603",
        "x" * 100_000,
        right[:-1],
        right.replace("=", ""),
    )
    for value in odd:
        if value != right:
            yield {**headers, key: value}


@check("webhooks", cure="Compare the date that the sender signed with received_at, on both sides (fresh).")
async def stale_webhook_refused(trial: Trial) -> None:
    """A message from long ago, or from the future, is refused where the sender dates what it signs."""
    given = _given(trial)
    if not given.dated:
        trial.need(None, "a sender that dates what it signs (Webhooks.dated)")
    message = given.about(_subject(trial))
    for late in (timedelta(hours=2), timedelta(days=400), -timedelta(hours=2)):
        await _refused(trial, _received(trial, message, late=late), f"a message that is {late} away from our clock")


@check("webhooks", cure="After the signature, compare the message's account and mode with your own.")
async def other_mode_refused(trial: Trial) -> None:
    """A message of the other mode, or for another account, is refused though its signature is right."""
    given, subject = _given(trial), _subject(trial)
    makers = {"of the other mode": given.other_mode, "for another account": given.other_account}
    if not any(makers.values()):
        trial.need(None, "Webhooks.other_mode or Webhooks.other_account")
    for what, make in makers.items():
        if make is not None:
            await _refused(trial, _received(trial, make(subject)), f"a message {what}")


@check("webhooks", cure="Try the signature with every active secret, each in constant time.")
async def every_active_secret_is_accepted(trial: Trial) -> None:
    """While a secret is exchanged, messages signed with the old one and with the new one are believed."""
    given, subject = _given(trial), _subject(trial, await trial.paid())
    rotated = trial.need(given.rotated, "Webhooks.rotated, a message signed with the other active secret")
    for make in (given.about, rotated):
        trial.expect(len(await _read(trial, make(subject))) == 1, "one observation", "none")


@check("webhooks", cure="Take event_id from the message, not from the clock or the delivery.")
async def redelivery_same_event_id(trial: Trial) -> None:
    """A redelivery has the same event id, and tells the same; another event has another id."""
    given, subject = _given(trial), _subject(trial, await trial.paid())
    message = given.about(subject)
    first, again = await _read(trial, message), await _read(trial, message)
    trial.expect(first == again, f"the same observations of the same message, {first}", again)
    resent = await _read(trial, given.about(subject))
    ids = [found.event_id for found in (*first, *resent)]
    trial.expect(len(set(ids)) == 1, "one event_id for an event and its redelivery", f"{ids}")
    other = await _read(trial, given.about(_subject(trial, await trial.paid())))
    trial.expect(other[0].event_id not in ids, "another event_id for another event", f"{other[0].event_id}")


@check("webhooks", cure="Keep no state between messages; leave observations empty for senders without an order.")
async def any_order_same_facts(trial: Trial) -> None:
    """Messages tell the same in whichever order they come, each dated if it states facts."""
    given = _given(trial)
    subjects = [_subject(trial, await trial.paid()) for _ in range(3)]
    messages = [given.about(subject) for subject in subjects]
    forth = [await _read(trial, message) for message in messages]
    reader = trial.fresh()
    back = [await reader.parse_webhook(_received(trial, message)) for message in reversed(messages)]
    trial.expect(forth == back[::-1], f"the same facts in any order, {forth}", back[::-1])
    for found in (found for told in forth for found in told):
        states = bool(found.reports) or found.totals is not None
        trial.expect(not states or found.at is not None, "`at` beside stated facts, so that older ones lose", found)


@check("webhooks", cure="Judge every item of a batch before the first observation is made.")
async def batch_is_all_or_nothing(trial: Trial) -> None:
    """A batch gives one observation per item, and is refused as a whole if one item is forged."""
    given = _given(trial)
    make = trial.need(given.batch, "Webhooks.batch: this gateway sends one event at a time")
    subjects = [_subject(trial, await trial.paid()) for _ in range(3)]
    found = await _read(trial, message := make(subjects))
    trial.expect(len(found) == len(subjects), f"{len(subjects)} observations", f"{len(found)}")
    last = subjects[-1].reference.encode()
    forged = replace(message, body=message.body.replace(last, new_name().encode()))
    trial.expect(forged.body != message.body, "a batch that names our references", "one that does not")
    await _refused(trial, _received(trial, forged), "a batch whose last item is forged")


@check("webhooks", cure="Give () for an event type that no table knows.")
async def unknown_event_says_nothing(trial: Trial) -> None:
    """An event of a type that no table knows is taken and says nothing."""
    make = trial.need(_given(trial).unknown_type, "Webhooks.unknown_type, an event of a type that nobody knows")
    found = await _read(trial, make(trial.rig.now()))
    trial.expect(found == (), "no observation", found)
