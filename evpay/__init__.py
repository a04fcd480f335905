"""Take money for EV charging: hold, follow the meter, capture what was used, release the rest, refund.

The public names of evpay. Events are in `evpay.events`, errors in `evpay.errors`, the blocking face in `evpay.sync`,
the provider contract in `evpay.providers`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from evpay.client import EvPay, Start
from evpay.events import Problem
from evpay.ids import derive_id
from evpay.money import Money
from evpay.payments.account import Funding
from evpay.payments.debt import Debt
from evpay.payments.exposure import Decision, Exposure
from evpay.payments.facts import MoneyFacts
from evpay.payments.intent import Attempt, Operation, PaymentIntent
from evpay.payments.method import MethodKind, PaymentMethod, SavedMethod
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import (
    ActionRequired,
    ConfirmOnDevice,
    Declined,
    Failed,
    OpenLink,
    Outcome,
    Pending,
    RunClientSdk,
    Succeeded,
    Unknown,
)
from evpay.payments.policy import Policy
from evpay.payments.reasons import Advice, Reason
from evpay.receipts.model import Receipt, Seller
from evpay.sessions.model import Admission, Connector, Session, Site
from evpay.sessions.readings import ConnectorState, MeterReading
from evpay.tariffs.cost import Cost
from evpay.tariffs.lines import CostLine
from evpay.tariffs.model import Tariff
from evpay.tariffs.policy import PricingPolicy

if TYPE_CHECKING:
    from evpay.engine.housekeeping import Recovery
    from evpay.engine.inbox import WebhookReply
    from evpay.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "ActionRequired",
    "Admission",
    "Advice",
    "Attempt",
    "ConfirmOnDevice",
    "Connector",
    "ConnectorState",
    "Cost",
    "CostLine",
    "Debt",
    "Decision",
    "Declined",
    "EvPay",
    "Exposure",
    "Failed",
    "Funding",
    "MeterReading",
    "MethodKind",
    "Money",
    "MoneyFacts",
    "OpenLink",
    "Operation",
    "OperationKind",
    "Outcome",
    "PaymentIntent",
    "PaymentMethod",
    "Pending",
    "Policy",
    "PricingPolicy",
    "Problem",
    "Reason",
    "Receipt",
    "Recovery",
    "RunClientSdk",
    "SavedMethod",
    "Seller",
    "Session",
    "Settings",
    "Site",
    "Start",
    "Succeeded",
    "Tariff",
    "Unknown",
    "WebhookReply",
    "__version__",
    "derive_id",
]

_LATE = {
    "Recovery": "evpay.engine.housekeeping",
    "Settings": "evpay.settings",
    "WebhookReply": "evpay.engine.inbox",
}


def __getattr__(name: str) -> Any:
    """Import what brings the store or the settings library only when it is asked for."""
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(f"module 'evpay' has no attribute {name!r}")
