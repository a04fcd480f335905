"""What receipts look like."""

import json
import re
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from evpay.errors import InvalidInput
from evpay.money import Money
from evpay.payments.facts import MoneyFacts
from evpay.payments.method import PaymentMethod
from evpay.receipts.model import Receipt, SettlementState
from evpay.receipts.numbering import receipt_hash
from evpay.receipts.render import FORMATS, render
from evpay.receipts.render.clean import clean, width_of, wrap
from evpay.receipts.render.words import WORDS
from evpay.sessions.model import Site
from evpay.sessions.readings import MeterReading
from evpay.tariffs.model import ComponentKind, Element, PriceComponent, Tariff, TaxIncluded, TaxRate
from tests.unit.receipts.documents import SELLER, SITE, START, cost, credit_note, receipt, sealed, session

GOLDEN = """\
************************************************************************
* TEST – no real money was moved                                       *
************************************************************************

Acme Laden GmbH
Hafenstr. 1, 20457 Hamburg
VAT ID DE123456789
+49 40 1234-0, help@acme.example

RECEIPT R-2026-000042
  Issued                   1 Jul 2026, 14:48:10 (UTC+2)

CHARGING SESSION
  Site                     Hafencity P1
  Address                  Am Kai 3, 20457 Hamburg
  Connector                DE*ACM*E0001*1
  Maximum power            150 kW DC
  Session                  S-1
  Start                    1 Jul 2026, 14:02:10 (UTC+2)
  Charging ended           1 Jul 2026, 14:42:10 (UTC+2)
  End                      1 Jul 2026, 14:47:10 (UTC+2)
  Duration                 45 min
  Meter at start           1,000.0 kWh
  Meter at end             1,021.3 kWh
  Energy                   21.3 kWh

PRICE
  Charging of an electric vehicle
  Session fee                                                      €1.00
    1 × €1.00
  Energy                                                          €10.44
    21.3 kWh × €0.49/kWh
  Parking time                                                     €0.50
    5 min × €6.00/h
  ----------------------------------------------------------------------
  Total                                                           €11.94

TAX INCLUDED
                                     Net             Tax           Gross
  VAT 19%                         €10.03           €1.91          €11.94
  Total                           €10.03           €1.91          €11.94

PAYMENT
  Paid with Visa ···· 4242

  Reserved                                                        €50.00
  Charged                                                         €11.94
  Released                                                        €38.06

  €50.00 was reserved for this session. You pay only what you used:
  €11.94.
  €38.06 of the reservation has been released; your bank may need a few
  days to show it.

ABOUT THIS DOCUMENT
  Payment reference        stripe pi_3Qx
  Tariff                   DAY
  Signed meter data sets   2
  Local time of            Europe/Berlin
  Fingerprint              {fingerprint}
"""

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "ansi": "\x1b[31mred\x1b[0m\x9b2J",
    "lines": "a\r\nTotal 0.00\x85b\u2028c",
    "right_to_left": "abc\u202e\u2066txt.exe\u2069",
    "template": "{{ 7919 * 7907 }}{% raw %}",
    "formula": "=HYPERLINK(1)",
    "style": "</style><style>*{display:none}",
}


def text(document: Receipt, locale: str = "en-GB") -> str:
    return render(document, "text", locale=locale).decode()


def html(document: Receipt, locale: str = "en-GB") -> str:
    return render(document, "html", locale=locale).decode()


class Page(HTMLParser):
    """Elements, attributes and text of a page; fails on tags that do not match."""

    VOID = frozenset({"meta", "rect"})

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"style", "title"} and data.strip():
            self.words.append(" ".join(data.split()))


def test_text_of_a_receipt():
    """The whole receipt, as a driver reads it."""
    document = receipt(test=True)
    fingerprint = " ".join(re.findall("....", document.hash[:16]))

    assert text(document) == GOLDEN.format(fingerprint=fingerprint)


def test_html_says_everything_the_text_says():
    """Both readable formats show every label and value."""
    document = receipt(test=True)
    words = " ".join(Page(html(document)).words)

    for line in text(document).splitlines():
        for part in re.split(r"\s{2,}", line.strip("* ")):
            if part.strip("-"):
                assert part.lower() in words.lower()


@pytest.mark.parametrize("locale", ["en", "de-AT", "nb", "no", "fr", "ar", "zh_Hant"])
@pytest.mark.parametrize("make", [receipt, lambda: credit_note(receipt())])
def test_text_fits_80_columns(locale, make):
    """No line is wider than a terminal or a printed page, whatever the language."""
    long = receipt(seller=SELLER.model_copy(update={"name": "漢字" * 100, "address": "x" * 400}))

    for document in (make(), long, credit_note(receipt(), reason="why " * 100)):
        assert max(map(width_of, text(document, locale).splitlines())) <= 80


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("locale", ["en", "de", "nb"])
def test_rendering_again_gives_the_same_bytes(form, locale, monkeypatch):
    """Nothing but the receipt and the locale decides: no clock and no environment."""
    document = receipt()
    before = render(document, form, locale=locale)
    monkeypatch.setenv("LANG", "ar_EG.UTF-8")
    monkeypatch.setenv("TZ", "Asia/Tokyo")

    again = render(Receipt.model_validate_json(document.model_dump_json()), form, locale=locale)

    assert again == before


def test_json_is_the_stored_document():
    """A program reads what was stored, and can check its hash."""
    document = receipt()

    body = json.loads(render(document, "json"))

    assert body.pop("schema") == "evpay.receipt/1"
    assert Receipt.model_validate(body) == document
    assert receipt_hash({"schema": "evpay.receipt/1", **body}) == document.hash


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("locale", ["xx", "", "../de", "de\x00", "x" * 300, "tlh"])
def test_unknown_locale_is_refused(form, locale):
    """A locale that nobody writes is a mistake of the caller, in every format."""
    with pytest.raises(InvalidInput) as caught:
        render(receipt(), form, locale=locale)

    assert caught.value.code == "unknown_locale"


def test_unknown_format_is_refused():
    """The message names the formats there are."""
    with pytest.raises(InvalidInput, match="text, html, json"):
        render(receipt(), "docx")


@pytest.mark.parametrize("language", WORDS)
def test_every_language_has_every_word(language):
    """No translation lacks a word, or asks for another value."""

    def shape(words):
        return {name: sorted(re.findall(r"{\w+}", word)) for name, word in words.items()}

    assert shape(WORDS[language]) == shape(WORDS["en"])


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("de", ["Beleg", "11,94\xa0€", "21,3 kWh × 0,49\xa0€/kWh", "1.021,3 kWh", "01.07.2026, 14:48:10 (UTC+2)"]),
        ("nb-NO", ["KVITTERING", "11,94\xa0€", "1. juli 2026, 14:48:10 (UTC+2)", "MVA 19\xa0%"]),
        ("fr", ["RECEIPT", "11,94\xa0€", "1 juil. 2026, 14:48:10 (UTC+2)"]),
    ],
)
def test_figures_are_written_as_the_reader_expects(locale, expected):
    """Words come in the languages there are, figures in every locale."""
    shown = text(receipt(), locale)

    assert [piece for piece in expected if piece.lower() not in shown.lower()] == []


def _minor_figures(shown: str, block: str) -> list[list[int]]:
    lines = shown.split(f"{block}\n")[1].split("\n\n", maxsplit=1)[0].splitlines()
    found = [re.findall(r"(-?)€(\d+)\.(\d\d)(?![\d/])", line) for line in lines if "×" not in line]
    return [[int(f"{sign}{whole}{rest}") for sign, whole, rest in figures] for figures in found if figures]


@pytest.mark.parametrize("energy_wh", [1, 999, 21_337, 60_001])
@pytest.mark.parametrize(
    "tariff",
    [
        Tariff.per_kwh("0.4937", currency="EUR", vat="19", prices="net", per_hour="1.01", per_session="0.355"),
        Tariff.per_kwh("0.49", currency="EUR", vat="19", prices="gross", min_price="5", max_price="20"),
        Tariff.per_kwh("0.49", currency="EUR", vat="19", prices="net", max_price="9.00", per_hour="2.00"),
    ],
)
def test_sums_on_the_page_add_up(tariff, energy_wh):
    """Lines add up to the total, rows of the tax table to its last row, net and tax to gross."""
    shown = text(receipt(of=cost(tariff, energy_wh=energy_wh)))

    *lines, total = _minor_figures(shown, "PRICE")
    *rates, tax_total = _minor_figures(shown, "TAX INCLUDED")

    assert sum(line[0] for line in lines) == total[0]
    assert [sum(column) for column in zip(*rates, strict=True)] == tax_total
    assert all(net + tax == gross for net, tax, gross in [*rates, tax_total])
    assert tax_total[2] == total[0]


def test_reserved_is_charged_and_released():
    """What happened to the hold is on the page, as figures that add up."""
    shown = text(receipt())

    (reserved,), (charged,), (released,) = _minor_figures(shown.replace("4242\n\n", "4242\n"), "PAYMENT")

    assert reserved == charged + released == 5000


def _tariff(component: PriceComponent, *, included: TaxIncluded = TaxIncluded.YES) -> Tariff:
    return Tariff(id="T", currency="EUR", elements=(Element(components=(component,)),), tax_included=included)


def test_whole_steps_are_explained():
    """A driver who is billed more than was used is told so, in plain words."""
    component = PriceComponent(kind=ComponentKind.TIME, price=Decimal(6), taxes=(), step_size=900)

    shown = text(receipt(of=cost(_tariff(component), minutes=40)))

    assert "45 min × €6.00/h" in shown
    assert "40 min used. This tariff bills in whole steps, which adds 5 min." in " ".join(shown.split())


@pytest.mark.parametrize(
    ("limits", "label", "note"),
    [
        ({"min_price": "20"}, "Minimum price", "Raises the price to the least a session costs under this tariff."),
        ({"max_price": "5"}, "Maximum price", "Lowers the price to the most a session costs under this tariff."),
    ],
)
def test_price_limits_are_explained(limits, label, note):
    """A line for the limit carries the difference and says what it does."""
    shown = text(receipt(of=cost(Tariff.per_kwh("0.49", currency="EUR", **limits))))

    assert label in shown
    assert note in shown


def test_net_prices_say_that_tax_comes_on_top():
    """Quantity times price gives the amount only with the tax, so the line names it."""
    net = Tariff.per_kwh("0.49", currency="EUR", vat="19", prices="net")

    assert "21.3 kWh × €0.49/kWh plus 19% tax" in text(receipt(of=cost(net)))
    assert "plus" not in text(receipt())


def test_taxes_on_one_amount_are_explained():
    """Where rows cannot add up because they share a net amount, the page says so."""
    rates = (TaxRate(name="state", percent=Decimal("6.25")), TaxRate(name="city", percent=Decimal(2)))
    component = PriceComponent(kind=ComponentKind.ENERGY, price=Decimal("0.49"), taxes=rates)

    shown = text(receipt(of=cost(_tariff(component, included=TaxIncluded.NO))))

    assert "state 6.25%" in shown
    assert "Several taxes apply to one amount" in shown


def test_what_bears_no_tax_has_a_row():
    """The tax table adds up to the total also where a part of it is not taxed."""
    components = (
        PriceComponent(kind=ComponentKind.ENERGY, price=Decimal("0.49"), taxes=(TaxRate(percent=Decimal(19)),)),
        PriceComponent(kind=ComponentKind.FLAT, price=Decimal(1), taxes=()),
    )
    mixed = Tariff(id="T", currency="EUR", elements=(Element(components=components),), tax_included=TaxIncluded.YES)

    assert re.search(r"Without tax\s+€1\.00\s+€0\.00\s+€1\.00", text(receipt(of=cost(mixed))))


def test_receipt_of_nothing():
    """Nothing used is still a receipt: nothing charged, the hold released, no tax table."""
    shown = text(receipt(of=cost(Tariff.per_kwh("0.49", currency="EUR"), energy_wh=0)))

    assert "Nothing was charged" in shown
    assert "€50.00 of the reservation has been released" in shown
    assert "TAX" not in shown


def test_due_receipt():
    """What could not be captured is said in the headline, the table and a sentence."""
    shown = text(receipt(facts=MoneyFacts(currency="EUR", authorized=500, captured=500)))

    assert "€6.94 of this is still due" in shown
    assert re.search(r"Still due\s+€6\.94", shown)
    assert "€6.94 could not be collected yet and is still due." in shown
    assert "Paid with" not in shown


def test_confirming_receipt():
    """A capture without an answer is being confirmed, and the rest is being released: neither is claimed as done."""
    shown = text(receipt(facts=MoneyFacts(currency="EUR", authorized=5000), confirming=1194))

    assert "Payment with Visa ···· 4242 is being confirmed" in shown
    assert re.search(r"Being confirmed\s+€11\.94", shown)
    assert re.search(r"Being released\s+€38\.06", shown)
    assert "has been released" not in shown


def test_receipt_with_unknown_method_and_no_hold():
    """Nothing is made up where nothing is known."""
    document = receipt(method=PaymentMethod("t"), facts=MoneyFacts(currency="EUR", captured=1194))

    shown = text(document)

    assert "PAYMENT\n  Paid\n" in shown
    assert "Reserved" not in shown


@pytest.mark.parametrize(
    ("state", "due", "expected"),
    [
        (SettlementState.SETTLED, "0", "Given back to Visa ···· 4242"),
        (SettlementState.CONFIRMING, "0", "On its way back to you"),
        (SettlementState.DUE, "2", "€2.00 could not be sent back yet and is still owed to you."),
    ],
)
def test_credit_note_says_what_is_given_back(state, due, expected):
    """A credit note names its receipt, the reason, the amount with its tax, and how the money stands."""
    shown = text(credit_note(receipt(), settlement=state, due=Money(due, "EUR")))

    assert re.search(r"CREDIT NOTE R-2026-000043\n  Issued .*\n  For receipt +R-2026-000042\n  Reason +cable", shown)
    assert re.search(r"Given back\s+€2\.00", shown)
    assert re.search(r"VAT 19%\s+€1\.68\s+€0\.32\s+€2\.00", shown)
    assert expected in shown


def test_meter_that_does_not_explain_the_energy_is_pointed_out():
    """Readings and billed energy may differ, but not silently."""
    last = MeterReading(at=START, register_wh=Decimal(1_500_000))

    assert "The meter readings differ from the billed energy" in text(receipt(session=session(last_reading=last)))
    assert "The meter readings differ" not in text(receipt())


def test_winter_and_summer_have_their_own_offset():
    """Local time comes from the site, with the offset of that instant."""
    berlin = receipt(issued_at=START + timedelta(days=180))
    india = receipt(session=session(site=Site(id="x", time_zone="Asia/Kolkata")))

    assert "(UTC+1)" in text(berlin)
    assert "14:02:10 (UTC+2)" in text(berlin)
    assert "17:32:10 (UTC+5:30)" in text(india)


def test_currency_keeps_all_its_decimals():
    """ISO 4217 decides on decimals, also where a locale usually leaves them out."""
    dinar = Tariff.per_kwh("0.1255", currency="KWD")
    facts = MoneyFacts(currency="KWD", authorized=5000, captured=2673, released=2327)

    document = receipt(of=cost(dinar), facts=facts, due=Money(0, "KWD"))

    assert "21.3 kWh × KWD\xa00.1255/kWh" in text(document)
    assert re.search(r"Total\s+KWD\xa02\.673", text(document))


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_stays_harmless(hostile):
    """Text of others cannot run, load, hide, forge a line or become a formula, wherever it stands."""
    seller = SELLER.model_copy(update={"name": hostile, "address": hostile, "vat_id": hostile, "contact": hostile})
    document = receipt(
        seller=seller,
        session=session(site=SITE.model_copy(update={"name": hostile, "address": hostile})),
        slip={"brand": hostile, "last4": "4242"},
        processor=hostile,
        processor_reference=hostile,
    )
    clean_tags = {tag for tag, _ in Page(html(receipt())).tags}
    for one in (document, credit_note(document, reason=hostile)):
        page = Page(html(one))
        plain = text(one)
        letters = {*plain, *html(one), *render(one, "json").decode()} - {"\n"}

        assert {tag for tag, _ in page.tags} <= clean_tags
        assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
        assert not letters & set("\r\x1b\x85\x9b\u2028\u202e\u2066\u2069\x00")
        assert not re.search(r"^\s*(=|Total 0\.00)", plain, re.MULTILINE)
        assert "62615533" not in html(one)


def test_html_loads_and_runs_nothing():
    """One file: no scripts, no links, no inline styles, a policy that forbids the rest, and table headers."""
    document = html(receipt())
    page = Page(document)
    names = {tag for tag, _ in page.tags}
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")

    assert document.startswith("<!DOCTYPE html>")
    assert names.isdisjoint({"script", "link", "img", "iframe", "a", "form", "object"})
    assert not any({"style", "src", "href"} & attributes.keys() for _, attributes in page.tags)
    assert "url(" not in document
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert [a["lang"] for t, a in page.tags if t == "html"] == ["en"]


def test_policy_lets_the_own_style_sheet_apply():
    """The hash in the policy is that of the style sheet in the file."""
    import base64
    import hashlib

    document = html(receipt())
    style = re.search(r"<style>(.*?)</style>", document, re.DOTALL)[1]
    expected = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{expected}'" in document


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("ground", ["paper", "shade"])
@pytest.mark.parametrize("ink", ["ink", "soft", "good", "wait", "owed"])
def test_contrast_is_enough_to_read(ink, ground):
    """At least 4.5 to 1 (WCAG 2.1, success criterion 1.4.3)."""
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", html(receipt())))

    light, dark = _luminance(colours[ground]), _luminance(colours[ink])

    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("plain", "plain"),
        ("a\r\n b", "a, b"),
        ("a\tb", "a b"),
        ("\x1b[1m", "\N{REPLACEMENT CHARACTER}[1m"),
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+49 40 1234-0", "+49 40 1234-0"),
        ("+1|cmd", "'+1|cmd"),
        ("-5 %", "-5 %"),
        ("Zoë 👩\u200d🚀", "Zoë 👩\u200d🚀"),
    ],
)
def test_clean(given, expected):
    """Only what does harm is replaced."""
    assert clean(given) == expected


def test_wrap_breaks_long_words_and_counts_wide_letters():
    """Lines are never wider than asked, and nothing is lost."""
    lines = wrap("a 漢字漢字漢字 bcdefghijk", 5)

    assert max(map(width_of, lines)) <= 5
    assert "".join(lines).replace(" ", "") == "a漢字漢字漢字bcdefghijk"


def test_document_without_session_renders():
    """A receipt of the payment level has no site, no times and no meter."""
    fields = ("site", "connector", "session_id", "started_at", "charging_ended_at", "ended_at", "energy_wh", "cost")
    bare = sealed(receipt().model_copy(update=dict.fromkeys(fields)))

    assert "Total" in text(bare)
    assert Page(html(bare)).tags
