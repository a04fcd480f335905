"""What a person sees of each step. Every number comes out of what was read from the store."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from evpay.cli.demo.audit import TOTALS, Audit, Line, Told
from evpay.cli.wording import minor_text, shown
from evpay.ledger import ACCOUNTS
from evpay.money import Money, to_minor
from evpay.payments.exposure import Decision, Exposure, Increment
from evpay.payments.intent import Operation, PaymentIntent
from evpay.payments.outcome import Declined, Failed, Succeeded
from evpay.receipts.model import Receipt, SettlementState
from evpay.sessions.model import Session
from evpay.tariffs.model import ComponentKind, Tariff, TaxIncluded

__all__ = [
    "audit_table",
    "denied",
    "failed_over",
    "finished",
    "held",
    "incremented",
    "late",
    "ledger_table",
    "live_panel",
    "money_json",
    "next_commands",
    "offline",
    "paid",
    "reading_line",
    "refunded",
    "said",
    "started",
    "switched",
    "tariff_table",
]

_HEADING: Final = 10
_BAR: Final = 44
_MEANS: Final[Mapping[str, str]] = {
    "hold": "reserved for us and still open",
    "rail": "what issuers promised",
    "hold_used": "holds that became captures",
    "clearing": "what the processors owe the operator",
    "revenue": "what drivers paid for charging",
    "receivable": "what balances and invoices owe the operator",
    "deposits": "drivers' money in our hands",
    "disputes": "charged back",
    "reversals": "taken back later by the processor",
}
_PER: Final[Mapping[ComponentKind, tuple[str, str]]] = {
    ComponentKind.ENERGY: ("energy", "kWh"),
    ComponentKind.TIME: ("time", "hour"),
    ComponentKind.PARKING: ("standing there, not charging", "hour"),
    ComponentKind.FLAT: ("each session", "session"),
}
_TAXED: Final[Mapping[TaxIncluded, str]] = {
    TaxIncluded.YES: "Prices include tax.",
    TaxIncluded.NO: "Tax comes on top.",
    TaxIncluded.NOT_APPLICABLE: "No tax applies.",
    TaxIncluded.UNSTATED: "Whether tax is included is not stated.",
}


def money_json(money: Money) -> dict[str, str]:
    """Return money as evpay writes it in JSON."""
    return {"amount": f"{money.amount:f}", "currency": money.currency.code}


def said(heading: str, *sentences: str | Text) -> RenderableType:
    """Return sentences beside their heading."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=_HEADING, style="bold cyan")
    grid.add_column(overflow="fold")
    for index, sentence in enumerate(sentences):
        grid.add_row("" if index else heading, sentence)
    return Group(grid, Text())


def _plain_table(title: str, columns: Iterable[tuple[str, bool]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold cyan", box=None, header_style="dim")
    for name, is_number in columns:
        table.add_column(name, justify="right" if is_number else "left")
    return table


def _kwh(energy_wh: Decimal) -> str:
    return f"{energy_wh / 1000:.2f} kWh"


def _minutes(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d} h" if hours else f"{rest // 60} min"


def _clock(exposure: Exposure, session: Session) -> str:
    return f"{exposure.at.astimezone(ZoneInfo(session.site.time_zone)):%H:%M}"


def tariff_table(tariff: Tariff) -> RenderableType:
    """The prices of a tariff."""
    table = _plain_table("Tariff", (("", False), ("price", True), ("per", False), ("tax", True)))
    for component in (found for element in tariff.elements for found in element.components):
        words, unit = _PER[component.kind]
        taxes = " + ".join(f"{rate.name} {rate.percent.normalize():f} %" for rate in component.taxes or ())
        table.add_row(words, f"{component.price:f} {tariff.currency}", unit, shown(taxes) or "-")
    return Group(
        table, Text(f" {_TAXED[tariff.tax_included]} Frozen for this session: {tariff.hash[:12]}", style="dim")
    )


def started(session: Session, intent: PaymentIntent) -> RenderableType:
    """The hold, before any energy flows."""
    facts = intent.facts
    where = ", ".join(filter(None, (session.site.name or session.site.id, _point(session))))
    return said(
        "Plug in",
        f"{shown(where)}: session {shown(session.id)}. The station is told: {session.admission}.",
        Text.assemble(
            "Held before a single kWh flows: ",
            (f"{minor_text(facts.authorized, facts.currency)} {facts.currency}", "bold"),
            f" at {intent.attempts[-1].account.name}.",
        ),
    )


def _point(session: Session) -> str | None:
    return f"connector {session.connector.id}" if session.connector else None


def _scale(hold: int) -> int:
    """Return a round amount above the hold, so that the bar has room for the hold to grow."""
    scale = 100
    while scale <= hold:
        scale = scale * 5 // 2 if str(scale)[0] in "14" else scale * 2
    return scale


def _bar(exposure: Exposure) -> Text:
    """Cost within the hold, on a scale that leaves room for the hold to grow."""
    cost, hold = to_minor(exposure.cost.total), to_minor(exposure.hold)
    scale = _scale(max(hold, cost))
    used, held = cost * _BAR // scale, hold * _BAR // scale
    near = cost * 100 >= hold * 80
    bar = Text("█" * used, style="red" if cost > hold else "yellow" if near else "green")
    bar.append("░" * max(held - used, 0), style="cyan")
    return bar.append("·" * (_BAR - max(used, held)), style="dim")


def live_panel(exposure: Exposure, session: Session) -> RenderableType:
    """A running session: energy, cost, hold, and what the station is told."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", width=8)
    grid.add_column()
    power = "" if exposure.power_w is None else f" at {exposure.power_w / 1000:.1f} kW"
    grid.add_row("session", f"{_clock(exposure, session)}, {session.status}{power} for {_minutes(exposure.duration_s)}")
    grid.add_row("energy", Text(_kwh(exposure.energy_wh), style="bold"))
    grid.add_row("cost", Text(str(exposure.cost.total), style="bold"))
    grid.add_row("hold", Text.assemble((str(exposure.hold), "bold"), f", {exposure.remaining} left"))
    grid.add_row("", _bar(exposure))
    go_on = exposure.decision is Decision.CONTINUE
    verdict = Text.assemble((exposure.decision, "bold green" if go_on else "bold red"), f" ({_plain(exposure.reason)})")
    grid.add_row("station", verdict)
    return Panel(grid, title=f"{shown(session.id)} at {shown(session.site.name or session.site.id)}", width=64)


def _plain(code: str) -> str:
    return code.replace("_", " ")


def reading_line(exposure: Exposure, session: Session) -> str:
    """The same in one line, where nothing moves."""
    power = "" if exposure.power_w is None else f"{exposure.power_w / 1000:.1f} kW"
    cost, hold = f"{exposure.cost.total.amount:f}", f"{exposure.hold.amount:f}"
    return (
        f"  {_clock(exposure, session)}  {session.status:<9}{power:>8}  {_kwh(exposure.energy_wh):>10}  "
        f"cost {cost:>6} of {hold:>6} {exposure.cost.currency} held  {exposure.decision}"
    )


def incremented(exposure: Exposure, operation: Operation) -> RenderableType:
    """More was asked for while charging went on."""
    if exposure.increment is Increment.GRANTED:
        said_by = f"{operation.account} says yes: {exposure.hold} are held now."
    else:
        said_by = f"{operation.account}: {exposure.increment}. The hold stays {exposure.hold}."
    return said("Raise", f"The hold would not last, so {operation.amount} were asked for while charging. {said_by}")


def finished(session: Session, receipt: Receipt, intent: PaymentIntent) -> RenderableType:
    """Price, capture, release."""
    facts = intent.facts
    captured, released = (minor_text(minor, facts.currency) for minor in (facts.captured, facts.released))
    rows: list[str | Text] = [
        f"{_kwh(session.energy_wh)} in the car. The price is {receipt.total}, rounded once.",
        Text.assemble(
            "Captured ", (f"{captured} {facts.currency}", "bold green"), f", released {released} of the hold."
        ),
    ]
    if receipt.settlement is SettlementState.CONFIRMING:
        rows.append(f"{intent.attempts[-1].account.name} accepted it first, and confirmed it afterwards.")
    elif receipt.settlement is not SettlementState.SETTLED:
        rows.append(f"Settlement: {receipt.settlement}, due {receipt.due}.")
    if session.flags:
        rows.append(f"A person may want to look: {', '.join(_plain(flag) for flag in sorted(session.flags))}.")
    return said("Unplug", *rows)


def refunded(note: Receipt, intent: PaymentIntent) -> RenderableType:
    """What goes back, and the paper for it."""
    facts = intent.facts
    kept = minor_text(facts.refundable, facts.currency)
    return said(
        "Refund",
        f"{note.total} go back ({shown(note.reason or '')}): credit note {note.number} beside {note.corrects}.",
        f"The operator keeps {kept} {facts.currency}. The receipt never changes.",
    )


def failed_over(session: Session, intent: PaymentIntent) -> RenderableType:
    """Each attempt with its answer."""
    rows: list[str | Text] = [f"Session {shown(session.id)}, another driver."]
    for operation in intent.operations:
        match operation.outcome:
            case Succeeded():
                rows.append(Text.assemble(f"{operation.account}: ", (f"holds {operation.amount}", "green"), "."))
            case Declined(reason=reason) | Failed(reason=reason):
                rows.append(
                    Text.assemble(
                        f"{operation.account}: ", (f"fails ({_plain(reason)})", "red"), ", nothing happened there."
                    )
                )
            case other:
                rows.append(f"{operation.account}: {_plain(other.type)}.")
    rows.append(f"The driver noticed nothing. The station is told: {session.admission}.")
    return said("Fail over", *rows)


def paid(receipt: Receipt, intent: PaymentIntent) -> RenderableType:
    """A session in a line."""
    account, facts = intent.attempts[-1].account.name, intent.facts
    captured, released = (minor_text(minor, facts.currency) for minor in (facts.captured, facts.released))
    rows = [f"{captured} {facts.currency} captured at {account}, {released} released, receipt {receipt.number}."]
    if receipt.settlement is SettlementState.CONFIRMING:
        rows.append(f"{account} accepted it first, and confirmed it afterwards by a signed webhook.")
    return said("Paid", *rows)


def switched(first: str, running: list[str]) -> RenderableType:
    """What an operator changed."""
    return said(
        "Switch",
        Text.assemble("One line of the set-up changes: ", (first, "bold"), " comes first now."),
        f"{', '.join(running)} {'goes' if len(running) == 1 else 'go'} on charging, each at its own gateway.",
    )


def held(session: Session, intent: PaymentIntent) -> RenderableType:
    """A hold in a line."""
    facts, account = intent.facts, intent.attempts[-1].account.name
    return said(
        "Over HTTP",
        f"Session {shown(session.id)}: {minor_text(facts.authorized, facts.currency)} {facts.currency} held at "
        f"{account}, through its own SDK. The station is told: {session.admission}.",
    )


def offline(*, installed: bool) -> RenderableType:
    """Why there are no gateways over HTTP."""
    if installed:
        return said(
            "Gateways", "Without --fast, sessions are now switched from Stripe to Adyen to Braintree, over HTTP."
        )
    return said(
        "Gateways",
        "The emulators of Stripe, Adyen and Braintree are not installed, so all of this was the sandbox.",
        "With them, running sessions are switched from one gateway to the next:",
        "pip install evpay-contrib-emulators",
    )


def late(count: int, problems: list[str]) -> RenderableType:
    """Readings after the end."""
    what = "They change nothing." if not problems else "A person is told:"
    return said(
        "Late",
        f"{count} readings came after the end: kept, and nothing is captured again. {what}",
        *map(shown, problems),
    )


def denied(session: Session, intent: PaymentIntent) -> RenderableType:
    """Why nobody charges."""
    outcome = intent.outcome
    why = _plain(str(getattr(outcome, "reason", None) or getattr(outcome, "detail", outcome.type)))
    return said("Denied", f"The station answers {session.admission} to session {shown(session.id)}: {shown(why)}.")


def ledger_table(audit: Audit) -> RenderableType:
    """The balance of each account, and their sum."""
    table = _plain_table("Ledger", (("account", False), ("balance", True), ("", False), ("", False)))
    for code, total in audit.sums.items():
        for name in ACCOUNTS:
            if (code, name) in audit.balances:
                balance = minor_text(audit.balances[code, name], code)
                table.add_row(name.replace("_", " "), balance, code, Text(_MEANS[name], style="dim"))
        table.add_row("sum", Text(minor_text(total, code), style="red" if total else "bold green"), code)
    return Group(table, Text(f" {audit.postings} postings, one debit and one credit each.", style="dim"), Text())


def audit_table(audit: Audit) -> RenderableType:
    """Three witnesses, payment by payment."""
    names = (("held", True), ("captured", True), ("released", True), ("refunded", True), ("", False))
    table = _plain_table("Do they agree?", (("", False), *names))
    for line in audit.lines:
        table.add_row(Text(f"{shown(line.session)} at {line.account}", style="bold"))
        table.add_row("  facts", *_amounts(line.facts, line))
        table.add_row("  ledger", *_amounts(line.ledger, line))
        mark = Text("differs", style="bold red") if line.differences else Text("agrees", style="green")
        table.add_row("  the processor", *_amounts(line.processor, line), mark)
    if audit.agrees:
        verdict = Text(f" {_agreement(audit)}", style="bold green")
        return Group(table, verdict, Text())
    faults = (Text(f" {shown(text)}", style="red") for text in audit.differences)
    return Group(table, Text(" They do not agree:", style="bold red"), *faults, Text())


def _agreement(audit: Audit) -> str:
    told = [line.processor for line in audit.lines if line.processor is not None]
    if all(len(found) == len(TOTALS) for found in told):
        return "Ledger, facts and the processors' own books agree to the cent."
    return "Ledger and facts agree to the cent, and with everything that the processor tells."


def _amounts(told: Told | None, line: Line) -> list[str]:
    if told is None:
        return ["none"] + [""] * (len(TOTALS) - 2)
    return [minor_text(told[name], line.currency) if name in told else "not told" for name in TOTALS[:-1]]


def next_commands(store: str, folder: str | None, *, number: str | None, ok: bool) -> RenderableType:
    """What to type next."""
    rows = [f"export EVPAY_STORE={store}", "evpay intents", "evpay intents S-1"]
    rows += [f"evpay receipt {number}"] if number else []
    rows += [f"evpay demo --check {folder}"] if folder else []
    heading = Text("Look around:" if ok else "Something is wrong. Look around:", style="bold" if ok else "bold red")
    return Group(heading, *(Text(f"  {row}", no_wrap=True, overflow="ignore") for row in rows))
