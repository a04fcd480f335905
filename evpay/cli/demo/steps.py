"""The steps of a demo: each knows its name, its JSON, and what a person sees of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from evpay.cli.demo import views
from evpay.cli.demo.audit import Audit
from evpay.cli.demo.place import Place
from evpay.cli.recording import Recording
from evpay.cli.wording import shown
from evpay.payments.exposure import Exposure
from evpay.payments.intent import Operation, PaymentIntent
from evpay.payments.operation import OperationKind
from evpay.receipts.model import Receipt
from evpay.sessions.model import Session
from evpay.tariffs.model import Tariff

__all__ = ["Step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `live` ones replace each other on a terminal; `line` stands for them elsewhere, if it is worth one.

    `ok=False` ends the demo with status 1.
    """

    name: str
    document: Mapping[str, Any] = field(default_factory=dict)
    view: RenderableType | None = None
    live: bool = False
    line: str | None = None
    pause_s: float = 1.0
    ok: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return one JSON object; `step` is its stable name."""
        return {"step": self.name, **self.document}

    @classmethod
    def opened(cls, place: Place, *, title: str, accounts: list[str]) -> "Step":
        """The files are made."""
        said = Text.assemble(
            (title, "bold"), "\n", (f"Everything below is read back from {place.store}", "dim"), no_wrap=False
        )
        return cls(
            name="opened",
            document={"store": place.store, "folder": str(place.folder), "accounts": accounts},
            view=Group(said, Text()),
        )

    @classmethod
    def tariff(cls, tariff: Tariff) -> "Step":
        """The tariff, as it is frozen in the store."""
        return cls(
            name="tariff",
            document={"tariff": tariff.model_dump(mode="json", exclude_none=True), "hash": tariff.hash},
            view=Group(views.tariff_table(tariff), Text()),
            pause_s=1.2,
        )

    @classmethod
    def recording(cls, file: str, recording: Recording) -> "Step":
        """Which session of a file is run."""
        count, energy_wh = len(recording.readings), f"{recording.energy_wh.normalize():f}"
        return cls(
            name="recording",
            document={"file": file, "chosen": recording.chosen, "readings": count, "energy_wh": energy_wh},
            view=views.said(
                "Recording", f"{shown(file)}:", f"{shown(recording.chosen)}.", f"{count} readings, {energy_wh} Wh."
            ),
        )

    @classmethod
    def started(cls, session: Session, intent: PaymentIntent) -> "Step":
        """Somebody wants to charge, and money is held."""
        return cls(
            name="started",
            document={"session": session.model_dump(mode="json"), "intent": intent.model_dump(mode="json")},
            view=views.started(session, intent),
            pause_s=1.2,
        )

    @classmethod
    def reading(cls, exposure: Exposure, session: Session, *, worth_a_line: bool, pause_s: float) -> "Step":
        """What the meter said, priced and weighed."""
        return cls(
            name="reading",
            document={"session": session.id, "exposure": exposure.model_dump(mode="json")},
            view=views.live_panel(exposure, session),
            live=True,
            line=views.reading_line(exposure, session) if worth_a_line else None,
            pause_s=pause_s,
        )

    @classmethod
    def increment(cls, exposure: Exposure, operation: Operation) -> "Step":
        """The hold was to be raised, and what came of it."""
        return cls(
            name="increment",
            document={
                "increment": exposure.increment,
                "hold": views.money_json(exposure.hold),
                "operation": operation.model_dump(mode="json"),
            },
            view=views.incremented(exposure, operation),
            pause_s=0.5,
        )

    @classmethod
    def finished(cls, session: Session, receipt: Receipt, intent: PaymentIntent) -> "Step":
        """The cable is out: priced, captured, the rest released."""
        captures = [found for found in intent.operations if found.kind is OperationKind.CAPTURE]
        return cls(
            name="captured",
            document={
                "session": session.model_dump(mode="json"),
                "facts": intent.model_dump(mode="json")["facts"],
                "captures": [found.model_dump(mode="json") for found in captures],
                "settlement": receipt.settlement,
                "total": views.money_json(receipt.total),
                "released": views.money_json(receipt.released),
                "due": views.money_json(receipt.due),
            },
            view=views.finished(session, receipt, intent),
            pause_s=1.2,
        )

    @classmethod
    def receipt(cls, receipt: Receipt, text: str) -> "Step":
        """The document for the driver."""
        paper = Panel(Text(text.strip("\n")), title=f"receipt {receipt.number}", expand=False, border_style="dim")
        return cls(
            name="receipt",
            document={"number": receipt.number, "receipt": receipt.model_dump(mode="json")},
            view=Group(paper, Text()),
            pause_s=2.0,
        )

    @classmethod
    def refunded(cls, note: Receipt, intent: PaymentIntent) -> "Step":
        """Money went back, and a credit note stands beside the receipt."""
        return cls(
            name="refund",
            document={
                "number": note.number,
                "corrects": note.corrects,
                "receipt": note.model_dump(mode="json"),
                "facts": intent.model_dump(mode="json")["facts"],
            },
            view=views.refunded(note, intent),
            pause_s=1.2,
        )

    @classmethod
    def failed_over(cls, session: Session, intent: PaymentIntent) -> "Step":
        """One processor failed and the next took over."""
        return cls(
            name="failover",
            document={"session": session.model_dump(mode="json"), "intent": intent.model_dump(mode="json")},
            view=views.failed_over(session, intent),
            pause_s=1.2,
        )

    @classmethod
    def switched(cls, first: str, *, running: list[str]) -> "Step":
        """Another gateway is the first in the set-up; what runs goes on where it is."""
        return cls(name="switched", document={"first": first, "running": running}, view=views.switched(first, running))

    @classmethod
    def held(cls, session: Session, intent: PaymentIntent) -> "Step":
        """A hold over HTTP, in one line."""
        return cls(
            name="held",
            document={"session": session.model_dump(mode="json"), "intent": intent.model_dump(mode="json")},
            view=views.held(session, intent),
            pause_s=0.6,
        )

    @classmethod
    def paid(cls, receipt: Receipt, intent: PaymentIntent) -> "Step":
        """A later session, in one line."""
        return cls(
            name="paid",
            document={
                "number": receipt.number,
                "receipt": receipt.model_dump(mode="json"),
                "facts": intent.model_dump(mode="json")["facts"],
            },
            view=views.paid(receipt, intent),
        )

    @classmethod
    def offline(cls, *, installed: bool) -> "Step":
        """No gateways over HTTP: the emulators are not here, or nobody wants to wait for them."""
        return cls(name="offline", document={"emulators_installed": installed}, view=views.offline(installed=installed))

    @classmethod
    def late(cls, session: Session, *, count: int, problems: list[str]) -> "Step":
        """Readings that came after the end: kept, and never a silent second capture."""
        return cls(
            name="late_readings",
            document={"session": session.id, "count": count, "problems": problems},
            view=views.late(count, problems),
        )

    @classmethod
    def denied(cls, session: Session, intent: PaymentIntent) -> "Step":
        """The hold was refused: nobody charges."""
        return cls(
            name="denied",
            document={"session": session.model_dump(mode="json"), "intent": intent.model_dump(mode="json")},
            view=views.denied(session, intent),
            ok=False,
        )

    @classmethod
    def ledger(cls, audit: Audit) -> "Step":
        """The whole ledger, which sums to zero."""
        balances = [
            {"account": name, "currency": code, "balance_minor": minor}
            for (code, name), minor in audit.balances.items()
        ]
        return cls(
            name="ledger",
            document={"postings": audit.postings, "balances": balances, "sums": dict(audit.sums)},
            view=views.ledger_table(audit),
            pause_s=1.2,
            ok=not any(audit.sums.values()),
        )

    @classmethod
    def check(cls, audit: Audit) -> "Step":
        """Facts, ledger and the processors' own books, side by side."""
        return cls(
            name="check",
            document={"lines": [line.to_json() for line in audit.lines], "differences": list(audit.differences)},
            view=views.audit_table(audit),
            ok=audit.agrees,
            pause_s=0.5,
        )

    @classmethod
    def done(cls, place: Place, *, ok: bool, number: str | None) -> "Step":
        """The end: whether all agreed, and what to type next."""
        return cls(
            name="done",
            document={"ok": ok, "store": place.store, "folder": str(place.folder)},
            view=views.next_commands(
                place.store, str(place.folder) if place.settings.is_file() else None, number=number, ok=ok
            ),
            ok=ok,
            pause_s=0,
        )
