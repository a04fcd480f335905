"""The engine, put together: one object for each thing it does, all on one context."""

from evpay.engine.context import Context
from evpay.engine.ending import Ender
from evpay.engine.evidence import Evidence
from evpay.engine.housekeeping import Housekeeper
from evpay.engine.inbox import Inbox
from evpay.engine.metering import Meterer
from evpay.engine.opening import Opener
from evpay.engine.outbox import Outbox
from evpay.engine.paying import Payer
from evpay.engine.recovery import Recoverer
from evpay.engine.refunding import Refunder
from evpay.engine.runner import Runner
from evpay.engine.saving import Keeper
from evpay.engine.tracking import Tracker

__all__ = ["Engine"]


class Engine:
    """Everything that sequences side effects. Nothing outside this package does."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.runner = Runner(context)
        self.tracker = Tracker(context)
        self.recoverer = Recoverer(context, self.runner)
        self.opener = Opener(context, self.runner, self.tracker, self.recoverer)
        self.meterer = Meterer(context, self.runner, self.tracker)
        self.ender = Ender(context, self.runner, self.tracker, self.recoverer)
        self.payer = Payer(context, self.runner, self.recoverer)
        self.evidence = Evidence(context, self.runner, self.recoverer, self.payer)
        self.inbox = Inbox(context, self.evidence)
        self.refunder = Refunder(context, self.payer)
        self.keeper = Keeper(context)
        self.outbox = Outbox(context, self.tracker)
        self.housekeeper = Housekeeper(
            context,
            runner=self.runner,
            tracker=self.tracker,
            recoverer=self.recoverer,
            evidence=self.evidence,
            meterer=self.meterer,
            ender=self.ender,
        )
