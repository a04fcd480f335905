"""Feed every webhook parser with almost-messages: `python tests/fuzz/run.py [--inputs N] [--seed N] [NAME ...]`.

Most inputs are signed, so that the parser is reached; some are not. Whatever comes, the answer is observations that can
be stored, or `WebhookRejected`; anything else is printed with what brings it about, and the exit status is 1.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

sys.path.insert(0, str(Path(__file__).parents[2]))

from evpay.errors import WebhookRejected
from evpay.providers import Observation, WebhookRequest
from tests.fuzz.mutate import mangled, mutated
from tests.fuzz.senders import SENDERS, Sender

_OBSERVATIONS = TypeAdapter(tuple[Observation, ...])


def driven(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that waits for nothing: a parser has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise RuntimeError("the parser waits for something")


def tried(sender: Sender, request: WebhookRequest) -> str:
    """Return what became of one message, in a word."""
    try:
        seen = driven(sender.provider.parse_webhook(request))
    except WebhookRejected as error:
        return f"refused {error.status}"
    _OBSERVATIONS.validate_json(_OBSERVATIONS.dump_json(seen))
    return "believed" if seen else "not for us"


def request_of(sender: Sender, dice: random.Random) -> WebhookRequest:
    """Return an almost-message; one in twenty was changed after it was signed."""
    seed = dice.choice(sender.seeds)
    request = sender.sign(mutated(seed, dice, write=sender.write))
    if dice.random() < 0.05:
        return WebhookRequest(
            body=mangled(request.body, dice), headers=request.headers, received_at=request.received_at
        )
    return request


def fuzzed(
    sender: Sender, *, inputs: int, seed: int, progress: Callable[[int], None] = lambda _: None
) -> tuple[Counter[str], list[tuple[WebhookRequest, Exception]]]:
    """Return what became of how many, and the first ten messages that brought about what must not be."""
    dice, became, bad = random.Random(seed), Counter[str](), []
    for number in range(inputs):
        request = request_of(sender, dice)
        try:
            became[tried(sender, request)] += 1
        except Exception as error:
            became["BROKEN"] += 1
            bad = [*bad, (request, error)][:10]
        if number % 5_000 == 0:
            progress(number)
    return became, bad


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    said = parser.parse_args()
    broken = False
    for name in said.names or SENDERS:
        sender, began = SENDERS[name](), time.perf_counter()

        def show(number: int, name: str = name) -> None:
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{name}: {number:,} of {said.inputs:,}")

        became, bad = fuzzed(sender, inputs=said.inputs, seed=said.seed, progress=show)
        took = time.perf_counter() - began
        what = ", ".join(f"{count:,} {word}" for word, count in became.most_common())
        print(f"{name}: {said.inputs:,} inputs in {took:.0f} s (seed {said.seed}): {what}")
        for request, error in bad:
            print(
                f"  {type(error).__name__}: {error}\n    headers {dict(request.headers)!r}\n    body {request.body!r}"
            )
        broken |= bool(bad)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
