"""Judges that nobody here wrote: `python tests/judges/run.py [--specs PATH] [--tools PATH] [NAME ...]`.

Each looks at what our adapters send, what our emulators answer, or what we make of answers that were really given.
A judge that lacks something is named as not run; in continuous integration (CI is set) that is a failure.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.judges.adyen_documents import judge_adyen_documents
from tests.judges.adyen_examples import judge_adyen_examples
from tests.judges.adyen_messages import judge_adyen_messages
from tests.judges.braintree_behaviour import judge_braintree_behaviour
from tests.judges.braintree_recorded import judge_braintree_recorded
from tests.judges.prism import judge_prism
from tests.judges.second_opinion import judge_localstripe
from tests.judges.stripe_documents import judge_stripe_documents
from tests.judges.stripe_mock import judge_stripe_mock
from tests.judges.stripe_recorded import judge_stripe_recorded
from tests.judges.verdict import Bench, Judge, NotRun, Verdict

JUDGES: Final[Mapping[str, Judge]] = {
    "stripe-mock": judge_stripe_mock,
    "localstripe": judge_localstripe,
    "stripe-recorded": judge_stripe_recorded,
    "stripe-documents": judge_stripe_documents,
    "adyen-documents": judge_adyen_documents,
    "adyen-examples": judge_adyen_examples,
    "adyen-messages": judge_adyen_messages,
    "prism": judge_prism,
    "braintree-recorded": judge_braintree_recorded,
    "braintree-behaviour": judge_braintree_behaviour,
}
_SHOWN: Final = 20


def sat(name: str, bench: Bench) -> Verdict | str:
    """Return a judge's verdict, or why it did not run."""
    try:
        return asyncio.run(JUDGES[name](bench))
    except NotRun as lack:
        return str(lack)
    except Exception as error:
        return Verdict(complaints=[f"{type(error).__name__}: {error}"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which judges: {', '.join(JUDGES)} (default: all)")
    parser.add_argument("--specs", type=Path, help="a folder with the gateways' documents and recorded exchanges")
    parser.add_argument("--tools", type=Path, help="where the judges' programs are kept")
    said = parser.parse_args()
    if unknown := set(said.names) - set(JUDGES):
        parser.error(f"there is no judge {min(unknown)!r}; there are {', '.join(JUDGES)}")
    tools = said.tools or Path(tempfile.gettempdir()) / "evpay-judges"
    bench = Bench(tools=tools.absolute(), specs=said.specs and said.specs.absolute())
    passed = failed = lacking = 0
    for name in said.names or JUDGES:
        began = time.perf_counter()
        found = sat(name, bench)
        took = f"{time.perf_counter() - began:.1f} s"
        if isinstance(found, str):
            lacking += 1
            print(f"{name:<20} not run: {found}")
            continue
        wrong = len(found.complaints)
        print(f"{name:<20} {found.looked_at:>5} looked at, {wrong} wrong, {took}", flush=True)
        for complaint in found.complaints[:_SHOWN]:
            print(f"    {complaint[:1_000]}")
        passed, failed = passed + (not wrong), failed + bool(wrong)
    in_ci = bool(os.environ.get("CI"))
    if lacking and in_ci:
        print("A judge that could not run is a failure here.")
    print(f"{passed} passed, {failed + lacking * in_ci} failed, {lacking * (not in_ci)} skipped")
    return int(bool(failed or (lacking and in_ci)))


if __name__ == "__main__":
    sys.exit(main())
