"""The finished page: bytes, standards, places, text layer, code, and hostile input shown as it is."""

from __future__ import annotations

import base64
import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pypdf
import pypdfium2
import pytest
import zxingcpp
from tests.letters import samples

from mahnwerk.frames import Role
from mahnwerk.letters.check import refusals
from mahnwerk.letters.formatting import clean
from mahnwerk.letters.glyphs import undrawable
from mahnwerk.letters.model import DEMANDING, InterestRow, Letter, LetterError, Line, Party
from mahnwerk.letters.render import PDF_STANDARDS, render

MM = 72 / 25.4
HOSTILE = '#eval("1") *b* _k_ @ref $x$ \\ <b>&amp; {amount} `r` [x] // /* "; ~ ${7*7} %s \u202edlog'


def squeezed(text: str) -> str:
    return "".join(text.split())


def pdf_text(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def places(pdf: bytes, wanted: str) -> tuple[float, float]:
    """Left edge and top of the first place a text stands, in millimetres from the top left corner."""
    page = pypdfium2.PdfDocument(pdf)[0]
    found = page.get_textpage()
    searcher = found.search(wanted)
    hit = searcher.get_next()
    assert hit is not None, wanted
    left, _, _, top = found.get_charbox(hit[0], loose=True)
    return left / MM, (page.get_height() - top) / MM


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize(
    "make", [samples.letter, samples.second_notice, samples.agency_letter, samples.final_notice, samples.paid]
)
def test_same_letter_same_bytes_and_its_words_in_all_three(make: Any, language: str) -> None:
    letter = make(language=language)
    rendered = render(letter)
    assert render(letter) == rendered
    assert rendered.unprintable == ()
    layer = squeezed(pdf_text(rendered.pdf))
    for part in (letter.sender.name, letter.case_reference, letter.items[0].invoice_number, rendered.subject):
        assert squeezed(part) in layer
        assert squeezed(part) in squeezed(rendered.text)
        assert squeezed(part) in squeezed(rendered.html)
    assert "page von" not in rendered.text


def test_standards_are_declared_and_the_document_is_tagged() -> None:
    assert PDF_STANDARDS == ("ua-1", "a-3a")
    reader = pypdf.PdfReader(io.BytesIO(render(samples.second_notice()).pdf))
    catalog: Any = reader.trailer["/Root"]
    assert catalog["/Lang"] == "de"
    assert catalog["/MarkInfo"]["/Marked"] == True  # noqa: E712  a PDF boolean
    meta = catalog["/Metadata"].get_object().get_data().decode()
    assert re.search(r"pdfuaid:part[>=\"]+1", meta)
    assert re.search(r"pdfaid:part[>=\"]+3", meta)
    assert re.search(r"pdfaid:conformance[>=\"]+A", meta)
    assert reader.metadata is not None
    assert reader.metadata.title == "Zweite Mahnung zu Rechnung 2026-0877, mit Übersicht"
    assert str(catalog["/ViewerPreferences"]["/DisplayDocTitle"]) == "True"


def test_only_the_shipped_font_and_all_of_it_embedded() -> None:
    reader = pypdf.PdfReader(io.BytesIO(render(samples.second_notice()).pdf))
    fonts = {name for page in reader.pages for name in page["/Resources"]["/Font"].values()}  # type: ignore[index]
    names = {str(font.get_object()["/BaseFont"]) for font in fonts}
    assert names
    assert all("SourceSans3" in name for name in names)


def test_address_stands_in_the_window_of_form_b() -> None:
    pdf = render(samples.letter()).pdf
    x, y = places(pdf, "Frau Dr. Anna-Lena")
    assert 24.5 <= x <= 26
    assert 45 + 16.5 <= y <= 45 + 20
    x, y = places(pdf, "Zahlungserinnerung")
    assert 97 <= y <= 103
    x, y = places(pdf, "Datum")
    assert 124.5 <= x <= 126
    assert 49 <= y <= 51


def test_long_addresses_stay_in_the_window() -> None:
    long = replace(
        samples.ANNA,
        company="Vereinigte Süddeutsche Holz- und Möbelwerkstätten Verwaltungsgesellschaft mbH & Co. KG",
        address_extra="Abteilung Rechnungswesen, drittes Obergeschoss, Hinterhaus",
        street="Straße der Deutsch-Französischen Freundschaft 123b",
        country="FR",
    )
    _, y = places(render(samples.letter(recipient=long)).pdf, "FRANKREICH")
    assert y + 3 <= 90


@pytest.mark.parametrize("make", [samples.letter, samples.final_notice, samples.paid])
def test_plain_letters_take_one_page(make: Any) -> None:
    assert len(pypdfium2.PdfDocument(render(make()).pdf)) == 1


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("template", DEMANDING)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_signature_stays_on_the_first_page(count: int, template: str, language: str) -> None:
    if template == "plan_reminder":
        rate = samples.plan_reminder().plan
        assert rate is not None
        missed = tuple(replace(rate.missed[0], number=number) for number in range(1, count + 1))
        late = samples.plan_reminder(language=language, plan=replace(rate, missed=missed))
        page = pypdfium2.PdfDocument(render(late).pdf)[0].get_textpage().get_text_range()
        assert page.count(f"{late.sender.contact_person}, {late.sender.name}") == 1
        return
    base = samples.second_notice(template=template, language=language)
    more = tuple(samples.item(f"2026-2{number}") for number in range(count - 1))
    base = replace(base, items=(replace(base.items[0], triggers_default=True), *more))
    base = replace(base, triggers_default=template == "dunning_notice", offer=None)
    page = pypdfium2.PdfDocument(render(base).pdf)[0].get_textpage().get_text_range()
    assert page.count(f"{base.sender.contact_person}, {base.sender.name}") == 1


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("count", [1, 2, 3, 6])
@pytest.mark.parametrize("triggers", [False, True])
def test_an_offer_leaves_room_for_whom_to_ask(triggers: bool, count: int, language: str) -> None:
    items = tuple(
        samples.item(f"2026-2{number}", step="final_notice", interest_open_cents=5, costs_open_cents=250)
        for number in range(count)
    )
    link = "https://pay.example.org/pay/1-AAAAAAAAAAAAAAAA"
    made = samples.final_notice(items=items, language=language, portal_url=link)
    made = replace(made, demand_cents=sum(item.open_cents for item in items), triggers_default=triggers)
    parties = {"sender": samples.AGENCY, "creditor": Party(samples.SHOP.name, samples.SHOP.address_lines)}
    if count < 6:
        made = replace(made, role=Role.AGENCY, registration=samples.REGISTRATION, **parties)
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(render(made).pdf)]
    assert f"{made.sender.contact_person}, {made.sender.name}" in pages[0]
    assert made.sender.phone in pages[0] and link in pages[0]


def test_the_closing_letter_of_an_agency_takes_one_page() -> None:
    parties = {"sender": samples.AGENCY, "creditor": Party(samples.SHOP.name, samples.SHOP.address_lines)}
    made = samples.paid(role=Role.AGENCY, registration=samples.REGISTRATION, **parties)
    (page,) = pypdfium2.PdfDocument(render(made).pdf)
    assert "§ 13a" in page.get_textpage().get_text_range()


def test_derivation_is_on_page_two_and_only_two() -> None:
    document = pypdfium2.PdfDocument(render(samples.agency_letter()).pdf)
    assert len(document) == 2
    second = document[1].get_textpage().get_text_range()
    assert "§ 13a" in second
    assert "§ 288 Abs. 1 BGB" in second
    assert "Seite 2 von 2" in second


def test_every_line_of_the_derivation_shows_its_ground() -> None:
    lines = render(samples.second_notice()).text.split("So setzt sich", 1)[1].split("Zinsen im Einzelnen")[0]
    text = " ".join(lines.split())
    assert "* Rechnung 2026-0877, fällig am 23.06.2026, § 433 Abs. 2 BGB: 1.249,00 €" in text
    bare = samples.second_notice()
    bare = replace(bare, lines=(replace(bare.lines[0], source=""), *bare.lines[1:]))
    assert "fällig am 23.06.2026, Rechnung vom 09.06.2026" in " ".join(render(bare).text.split())


def test_many_invoices_run_over_pages_with_their_head_repeated() -> None:
    items = tuple(samples.item(f"2026-{number:04}", 1_000 + number) for number in range(80))
    rendered = render(samples.letter(items=items))
    document = pypdfium2.PdfDocument(rendered.pdf)
    pages = [page.get_textpage().get_text_range() for page in document]
    assert len(pages) == 3
    assert all("fällig am" in page for page in pages[1:])
    assert all(item.invoice_number in "".join(pages) for item in items)


def decoded(pdf: bytes) -> str:
    bitmap = pypdfium2.PdfDocument(pdf)[0].render(scale=2.5, grayscale=True)
    found = zxingcpp.read_barcodes(np.ascontiguousarray(bitmap.to_numpy().squeeze()), formats=zxingcpp.QRCode)
    assert len(found) == 1
    assert found[0].ec_level == "M"
    return found[0].bytes.decode()


@pytest.mark.parametrize("make", [samples.letter, samples.second_notice, samples.agency_letter])
def test_the_code_on_the_page_pays_what_the_page_says(make: Any) -> None:
    letter = make()
    lines = decoded(render(letter).pdf).split("\n")
    assert lines[:4] == ["BCD", "002", "1", "SCT"]
    assert lines[5] == letter.sender.name
    assert lines[6] == letter.sender.iban
    assert lines[7] == f"EUR{letter.demand_cents // 100}.{letter.demand_cents % 100:02d}"
    assert lines[9] == letter.rf_reference


def test_no_code_without_euro_or_debt() -> None:
    for letter in (samples.letter(currency="CHF"), samples.paid()):
        bitmap = pypdfium2.PdfDocument(render(letter).pdf)[0].render(scale=2.5, grayscale=True)
        assert not zxingcpp.read_barcodes(np.ascontiguousarray(bitmap.to_numpy().squeeze()))


def strings_replaced(value: Any, keep: frozenset[str]) -> Any:
    """The same value with every free string field holding hostile text: found by reflection, not by list."""
    changes = {}
    for field in fields(value):
        old = getattr(value, field.name)
        if field.name in keep or old is None:
            continue
        if is_dataclass(old):
            changes[field.name] = strings_replaced(old, keep)
        elif isinstance(old, str) and old:
            changes[field.name] = HOSTILE
        elif isinstance(old, tuple) and old:
            changes[field.name] = tuple(
                strings_replaced(each, keep) if is_dataclass(each) else HOSTILE for each in old
            )
    return replace(value, **changes)


CLOSED_FIELDS = "template language currency iban rf_reference component rule_id country bic step role clauses"
CLOSED = frozenset(CLOSED_FIELDS.split())


def hostile_plan() -> Letter:
    agency = samples.agency_letter()
    collected = {"mandate": "M-1", "creditor_identifier": "DE98", "account_end": "2051"}
    return samples.plan_document(
        terms={**collected, "clauses": ("direct_debit", "no_acknowledgement")},
        sender=agency.sender,
        role=agency.role,
        creditor=agency.creditor,
        registration=agency.registration,
    )


@pytest.mark.parametrize(
    "letter",
    [
        samples.agency_letter(portal_url="https://a.example", offer=samples.final_notice().offer),
        hostile_plan(),
    ],
    ids=["demand", "plan"],
)
def test_hostile_text_in_every_field_is_shown_as_it_is(letter: Letter) -> None:
    letter = strings_replaced(letter, CLOSED)
    rendered = render(letter)
    shown = clean(HOSTILE)
    assert "[U+202E]" in shown
    assert squeezed(pdf_text(rendered.pdf)).count(squeezed(shown)) >= 15
    assert squeezed(shown) in squeezed(rendered.text)
    assert "<b>" not in rendered.html
    assert "\u202e" not in rendered.text + rendered.html + pdf_text(rendered.pdf)


def test_characters_without_a_glyph_are_named_not_lost() -> None:
    rendered = render(samples.letter(recipient=replace(samples.ANNA, last_name="王 Жуков Ελένη")))
    assert rendered.unprintable == ("王",)
    layer = pdf_text(rendered.pdf)
    assert "[U+738B]" in layer
    assert "Жуков Ελένη" in layer
    assert "王" in rendered.text
    assert undrawable("Zürich Łódź Αθήνα Київ 1.234,56 €−–·…") == ()


def test_marketplace_and_assignee_say_who_they_are() -> None:
    operator = Party("Marktplatz AG", ("Domplatz 1", "20095 Hamburg"))
    text = render(samples.letter(role=Role.MARKETPLACE, creditor=operator)).text
    assert "Marktplatz AG versendet dieses Schreiben im Namen von Möbelhaus Grünwald GmbH." in " ".join(
        text.split()
    )
    assigned = render(samples.agency_letter(role=Role.ASSIGNEE)).text
    assert "hat uns die Forderung abgetreten" in " ".join(assigned.split())
    assert "Ursprünglicher Gläubiger: Möbelhaus Grünwald GmbH" in assigned


def test_default_is_told_plainly_and_only_where_it_begins() -> None:
    text = " ".join(render(samples.letter("dunning_notice", triggers_default=True)).text.split())
    assert "Wenn Sie bis zum 5. Dezember 2026 nicht zahlen, sind Sie danach mit" in text
    assert "mit dem offenen Betrag im Verzug." in text
    first, second = samples.item("A-1", triggers_default=True), samples.item("A-2")
    some = render(samples.letter("dunning_notice", items=(first, second), triggers_default=True)).text
    assert "sind Sie danach mit Rechnung A-1 im Verzug" in " ".join(some.split())
    assert "auch mit" not in some  # A-2 is not in default, so nothing is added to anything
    assert "§ 286" not in render(samples.letter("dunning_notice")).text


def test_items_of_another_step_are_not_called_by_this_one() -> None:
    first, second = samples.item("A-1", step="final_notice"), samples.item("A-2", step="dunning_notice")
    rendered = render(samples.letter("final_notice", items=(first, second)))
    text = " ".join(rendered.text.split())
    assert rendered.subject == "Abschließende Mahnung zu Rechnung A-1, mit Übersicht"
    assert "entscheiden wir bei Rechnung A-1, ob wir die Forderung abgeben" in text
    assert "nach mehreren Schreiben" not in text
    friendly = samples.letter(items=(samples.item("A-3"), second))
    assert render(friendly).subject == "Zahlungserinnerung zu Rechnung A-3, mit Übersicht"
    assert "zu Rechnung A-3 eine Mahnung" in " ".join(render(friendly).text.split())
    many = tuple(samples.item(f"A-{number}", step="final_notice") for number in range(4))
    assert "zu vier Rechnungen, mit" in render(samples.letter("final_notice", items=(*many, second))).subject


def test_page_two_says_since_when_and_why_a_claim_is_in_default() -> None:
    began, why = date(2026, 11, 4), "§ 286 Abs. 2 Nr. 1 BGB"
    item = samples.item("A-1", interest_open_cents=10, default_since=began, default_source=why)
    rate = "§ 288 Abs. 1 Satz 2 BGB, § 247 BGB"
    lines = (
        Line("principal", 8_490, invoice_number="A-1"),
        Line("interest", 10, "interest.default", "Zinsen", "A-1", source=rate),
    )
    rows = (InterestRow("A-1", date(2026, 11, 4), date(2026, 11, 10), 7, 8_490, 65_200, 10),)
    letter = samples.letter("second_notice", items=(item,), lines=lines, interest_rows=rows)
    text = " ".join(render(letter).text.split())
    assert "fällig am 03.11.2026, im Verzug seit 04.11.2026 (§ 286 Abs. 2 Nr. 1 BGB)" in text
    assert "Basiszinssatz (§ 247 BGB) plus 5 Prozentpunkte (§ 288 Abs. 1 BGB)" in text
    assert "Kommt der Betrag bis zum 5. Dezember 2026 an, verlangen wir" in text
    assert "act/act" not in text
    english = " ".join(render(replace(letter, language="en")).text.split())
    assert "in default since 4 Nov 2026 (§ 286 (2) no. 1 BGB)" in english
    assert "§ 288 (1) sentence 2 BGB" in english
    assert "Abs." not in english
    loan = replace(lines[1], source="§ 497 Abs. 4 Satz 1 BGB, § 247 BGB")
    assert "5 Prozentpunkte" not in render(replace(letter, lines=(lines[0], loan))).text


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"due_on": date(2026, 11, 19)}, "fällig"),
        ({"due_on": date(2026, 12, 1)}, "noch nicht fällig"),
        ({"principal_open_cents": 0}, "bezahlt"),
    ],
)
def test_a_statement_says_how_each_claim_stands(changes: dict[str, Any], status: str) -> None:
    items = (samples.item("A-1", step="", **changes), samples.item("A-2", step=""))
    text = " ".join(render(samples.letter("statement_of_account", items=items)).text.split())
    assert f"Stand {status}, Betrag" in text.split("A-2")[0]


def test_what_is_disputed_stands_apart_and_not_in_the_code() -> None:
    letter = samples.disputed_statement()
    rendered = render(letter)
    text = " ".join(rendered.text.split())
    assert refusals(letter, rendered, by_post=True) == []
    assert "Noch offen, ohne den strittigen Betrag: 849,00 €" in text
    assert "Strittig, zurzeit nicht gefordert: 584,90 €" in text
    assert "Strittig sind 584,90 €." in text
    first, second, third = [" ".join(row.split()) for row in rendered.text.split("* ")[1:4]]
    assert "Stand teils strittig" in first and "offen 749,00 €" in first
    assert "Stand strittig" in second and "Stand fällig" in third
    assert decoded(rendered.pdf).split("\n")[7] == "EUR849.00"
    assert "€584.90 are disputed." in " ".join(render(replace(letter, language="en")).text.split())


def test_a_wholly_disputed_account_asks_for_nothing_and_is_not_called_paid() -> None:
    whole = samples.item("A-1", principal_open_cents=0, disputed_cents=8_490, step="")
    rendered = render(samples.letter("statement_of_account", items=(whole,), demand_cents=0))
    text = " ".join(rendered.text.split())
    assert "Strittig, zurzeit nicht gefordert: 84,90 € Stand 20. November 2026" in text
    assert "Alles bezahlt" not in text and "IBAN:" not in text and "nicht zahlen können" not in text
    bitmap = pypdfium2.PdfDocument(rendered.pdf)[0].render(scale=2.5, grayscale=True)
    assert not zxingcpp.read_barcodes(np.ascontiguousarray(bitmap.to_numpy().squeeze()))


def test_paid_letters_never_say_nought_is_open() -> None:
    text = render(samples.paid()).text
    assert "Alles bezahlt" in text
    assert "Noch offen" not in text


def test_html_is_quiet_about_colours_and_loads_nothing() -> None:
    html = render(samples.second_notice()).html
    assert '<html lang="de">' in html
    assert 'scope="col"' in html
    for word in ("<script", "<img", "http:", "https:", "style=", "background", "url("):
        assert word not in html


def test_no_line_of_the_text_is_longer_than_a_mail_program_shows() -> None:
    long = replace(
        samples.SHOP, register="Amtsgericht Berlin-Charlottenburg, HRA 54321", hours="Mo–Sa 8–20 Uhr"
    )
    for made in (samples.letter(sender=long), samples.agency_letter(), samples.final_notice()):
        assert max(map(len, render(made).text.splitlines())) <= 76


def test_html_has_one_heading_of_its_own_and_cells_that_say_what_they_are() -> None:
    html = render(samples.second_notice()).html
    assert html.count("<h1>") == html.count("<main>") == html.count("</main>") == 1
    assert '<th data-of="Rechnung" scope="row">2026-0877</th><td data-of="vom">09.06.2026</td>' in html
    assert '<td class="r" data-of="offen">' in html
    assert html.count('<tr class="sum">') == html.count("<tfoot>") == 3  # only totals are bold


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"template": "threat"}, "template"),
        ({"language": "fr"}, "language"),
        ({"items": ()}, "lists no claim"),
        ({"pay_by": None}, "pay_by"),
        ({"currency": "USD"}, "USD"),
        ({"recipient": replace(samples.ANNA, last_name="", first_name="")}, "recipient"),
        ({"sender": replace(samples.SHOP, logo=b"<svg/>")}, "PNG or JPEG"),
        ({"sender": replace(samples.SHOP, logo=b"\x89PNG\r\n\x1a\n" + bytes(20))}, "pixels"),
    ],
)
def test_says_what_is_missing(changes: dict[str, Any], complaint: str) -> None:
    letter: Letter = replace(samples.letter(), **changes)
    with pytest.raises(LetterError, match=complaint):
        render(letter)


def test_the_day_of_the_letter_is_in_the_file() -> None:
    letter = samples.letter()
    later = replace(letter, dated_on=date(2026, 11, 22))
    assert render(letter).sha256 != render(later).sha256
    assert b"20261122" in render(later).pdf


def test_threads_may_render_at_once() -> None:
    letters = [samples.letter(case_reference=f"MW-{number}") for number in range(8)]
    alone = [render(letter).sha256 for letter in letters]
    with ThreadPoolExecutor(4) as pool:
        assert [rendered.sha256 for rendered in pool.map(render, letters)] == alone


def test_before_due_names_the_due_date_where_no_other_day_is_set() -> None:
    letter = samples.letter("notice_before_due", pay_by=None, items=(samples.item(due_on=date(2026, 12, 1)),))
    rendered = render(letter)
    assert rendered.subject == "Bald fällig: 84,90 € bis 01.12.2026".replace(" €", "\u00a0€")
    assert "bis 1. Dezember 2026" in rendered.text
    assert refusals(letter, rendered, by_post=True) == []


PNG = "iVBORw0KGgoAAAANSUhEUgAAABgAAAAICAAAAADGymC/AAAAEklEQVR4nGOMYsAOmHCID1IJAEz+AGpoQSmMAAAAAElFTkSuQmCC"
JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWG"
    "kJ6jq62rZ4C8ybqmx5moq6T/wAALCAAIABgBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgED"
    "AwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RF"
    "RkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJ"
    "ytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/AKlFFf/Z"
)


@pytest.mark.parametrize("logo", [PNG, JPEG])
def test_a_logo_takes_the_place_of_the_name(logo: str) -> None:
    sender = replace(samples.SHOP, logo=base64.b64decode(logo))
    plain, drawn = (render(samples.letter(sender=each)).pdf for each in (samples.SHOP, sender))
    assert drawn.count(b"/Subtype/Image") == plain.count(b"/Subtype/Image") + 1
    assert pdf_text(plain).count(sender.name) == pdf_text(drawn).count(sender.name) + 1


@pytest.mark.parametrize("make", [samples.letter, samples.second_notice, samples.agency_letter])
def test_the_pay_link_can_be_followed_read_and_heard_beside_the_code(make: Any) -> None:
    url = "https://pay.example.org/pay/1-k7m2x9qa4hc8tw3p"
    letter = make(pay_url=url)
    rendered = render(letter)
    annotation: Any = pypdf.PdfReader(io.BytesIO(rendered.pdf)).pages[0]["/Annots"][0].get_object()  # type: ignore[index]
    assert annotation["/A"]["/URI"] == annotation["/Contents"] == url
    assert squeezed(url) in squeezed(pdf_text(rendered.pdf))
    assert places(rendered.pdf, "Oder online zahlen")[1] > places(rendered.pdf, "IBAN")[1]
    assert decoded(rendered.pdf).startswith("BCD")
    assert f"\nOder online zahlen:\n{url}\n" in rendered.text
    assert rendered.html.count(f'<a href="{url}" style=') == 1
    without = render(make())
    assert len(pypdfium2.PdfDocument(rendered.pdf)) == len(pypdfium2.PdfDocument(without.pdf))
    assert "/Annots" not in pypdf.PdfReader(io.BytesIO(without.pdf)).pages[0]


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize(
    ("why", "said", "asked"),
    [
        ("not_paid", ("vielleicht ist es nur", "slipped your mind"), ("fällig", "is due on")),
        ("returned", ("kam von Ihrer Bank zurück", "came back from your bank"), ("ziehen wir", "we collect")),
        ("no_mandate", ("kein gültiges SEPA-Mandat", "no valid SEPA mandate"), ("fällig", "is due on")),
    ],
)
def test_a_plans_reminder_says_why_the_instalment_is_missing(
    language: str, why: str, said: tuple[str, str], asked: tuple[str, str]
) -> None:
    letter = samples.plan_reminder(language=language)
    assert letter.plan is not None
    letter = replace(letter, plan=replace(letter.plan, why=why))
    rendered = render(letter)
    assert refusals(letter, rendered, by_post=True) == []
    text = " ".join(pdf_text(rendered.pdf).split())
    place = ("de", "en").index(language)
    assert said[place] in text
    assert asked[place] in text
    told = ("Ohne neue Ankündigung buchen wir sie nicht noch einmal ab", "without a new announcement")[place]
    assert (told in text) == (why == "returned")
    assert ("Erst wenn später zwei volle Raten fehlen", "Only if two full instalments")[place] in text
    assert ("vielleicht ist es nur" in text or "slipped your mind" in text) == (why == "not_paid")
