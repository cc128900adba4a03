"""The same words as plain text and as HTML, in the reading order of the page."""

from __future__ import annotations

import textwrap
from html import escape
from typing import Final

from mahnwerk.letters.document import Document, Table

WIDTH: Final = 76
_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font-family:system-ui,sans-serif;line-height:1.5;margin:0 auto;padding:1rem;max-width:42rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .5rem;vertical-align:top;"
    "border-bottom:1px solid #8886}.r{text-align:right;font-variant-numeric:tabular-nums}"
    ".amount{font-size:1.8rem;font-weight:600}.box{border:1px solid #8888;border-radius:.5rem;padding:1rem}"
    "tbody th{font-weight:400}.wide{overflow-x:auto}"
    "h1{font-size:1.3rem}h2{font-size:1.05rem;margin-bottom:.2rem}"
    "dt{font-weight:600}dd{margin:0 0 .4rem}.url{overflow-wrap:anywhere}"
)
_LAYOUT: Final = (
    "body{overflow-wrap:break-word}.box>:first-child{margin-top:0}.box>:last-child{margin-bottom:0}"
    ".box strong{display:inline-block}td.r{white-space:nowrap}thead th{font-weight:600}"
    "tfoot th{font-weight:400}tfoot .sum>*{font-weight:600}"
    "@media(max-width:40rem){.wide{overflow:visible}thead{display:none}"
    "table,tbody,tfoot,tbody tr{display:block}tbody tr{padding:.4rem 0;border-bottom:1px solid #8886}"
    "tbody th,tbody td,tfoot tr{display:flex;justify-content:space-between;gap:1.5rem;text-align:right}"
    "tbody th,tbody td{padding:.1rem 0;border:0;overflow-wrap:anywhere}"
    "tbody th{font-weight:600}tbody td:empty{display:none}"
    "tbody [data-of]::before{content:attr(data-of);font-weight:400;opacity:.8;text-align:left}"
    "tfoot th,tfoot td{padding:.2rem 0;border:0}tfoot th{text-align:left}}"
)
"""On a narrow screen each row becomes a small list, its columns' names beside the values: nothing scrolls."""
_BUTTON: Final = (
    "display:inline-block;padding:.7rem 1.3rem;border-radius:.4rem;background:#0b5563;color:#fff;"
    "font-weight:600;text-decoration:none"
)
"""On the link itself: mail programs that drop a page's style keep this. White on teal is 8.4 : 1."""


def text_twin(document: Document) -> str:
    """The letter as plain text, lines of at most 76 characters where words allow."""
    box = document.box
    out: list[str] = [document.subject, "=" * min(len(document.subject), WIDTH), "", document.greeting, ""]
    for paragraph in document.opening:
        out += [_wrapped(paragraph), ""]
    out += [f"{box.label}: {box.amount} {box.until}".rstrip()]
    out += [f"{label}: {value}" for label, value in box.rows]
    out += [""]
    for table in document.front:
        out += [*_table_lines(table), ""]
    if document.items_note_plain:
        out += [_wrapped(document.items_note_plain), ""]
    for section in document.sections:
        paragraphs = document.pay_plain if section.kind == "pay" else section.paragraphs
        out += [section.title, "-" * len(section.title), *map(_wrapped, paragraphs), ""]
        if section.kind == "pay" and document.pay_url:
            # On a line of its own, so that no mail program cuts it or takes a full stop along.
            out += [*filter(None, [document.pay_label]), document.pay_url, ""]
    out += [*document.closing, ""]
    if document.attached:
        out += [_wrapped(document.attached), ""]
    if document.marketplace:
        out += [_wrapped(document.marketplace), ""]
    for table in document.annex:
        out += [*_table_lines(table), ""]
    if document.terms:
        out += [document.terms_title, "-" * len(document.terms_title)]
        out += [_wrapped(f"{label}: {value}") for label, value in document.terms]
        out += [""]
    if document.signing:
        signing = document.signing
        out += [signing.title, "-" * len(signing.title), _wrapped(signing.intro), ""]
        out += [line for name in signing.names for line in (f"{signing.place}: {'_' * 30}", name, "")]
    if document.legal:
        out += [document.legal_title, "-" * len(document.legal_title)]
        out += [_wrapped(f"{label}: {value}") for label, value in document.legal]
        out += [_wrapped(document.legal_note), ""]
    out += [f"{label}: {value}" for label, value in document.info]
    out += ["", "-- ", *(_wrapped(" · ".join(column)) for column in document.footer)]
    return "\n".join(out).replace("\u00a0", " ").rstrip() + "\n"


def _wrapped(paragraph: str) -> str:
    return textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)


def _table_lines(table: Table) -> list[str]:
    """One entry per row, each value with its column's name: readable in any font and aloud."""
    lines = [table.title, "-" * len(table.title)]
    if table.intro:
        lines.append(_wrapped(table.intro))
    for row in table.rows:
        if table.kind == "lines":  # each value says itself what it is
            entry = f"{', '.join(part for part in row[:-1] if part)}: {row[-1]}"
            lines.append(_entry(entry))
            continue
        first, *others = row
        named = [f"{name} {value}" for name, value in zip(table.head[1:], others, strict=True) if value]
        start = f"{table.head[0]} {first}" if first else ""
        entry = ", ".join(part for part in (start, *named) if part)
        lines.append(_entry(entry))
    lines += [f"{label}: {amount}" for label, amount, _ in table.sums]
    return lines


def _entry(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="* ", subsequent_indent="  ", break_long_words=False)


def html_twin(document: Document) -> str:
    """The letter as one HTML page: no image, script or fixed colour but the button's, so dark mode works."""
    box = document.box
    body = [f"<h1>{escape(document.subject)}</h1>", f"<p>{escape(document.greeting)}</p>"]
    body += [f"<p>{escape(paragraph)}</p>" for paragraph in document.opening]
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in box.rows)
    body.append(
        f'<div class="box"><p>{escape(box.label)}<br><span class="amount">{escape(box.amount)}</span> '
        f"<strong>{escape(box.until)}</strong></p>{_button(document)}"
        f"{f'<dl>{rows}</dl>' if rows else ''}</div>"
    )
    body += [_table_html(table) for table in document.front]
    if document.items_note_plain:
        body.append(f"<p>{escape(document.items_note_plain)}</p>")
    for section in document.sections:
        body.append(f"<h2>{escape(section.title)}</h2>")
        paragraphs = document.pay_plain if section.kind == "pay" else section.paragraphs
        body += [f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs]
        if section.kind == "pay" and document.pay_url:
            url = escape(document.pay_url)
            body.append(f'<p>{escape(document.pay_label)} <a class="url" href="{url}">{url}</a></p>')
    body.append(f"<p>{'<br>'.join(map(escape, document.closing))}</p>")
    if document.attached:
        body.append(f"<p>{escape(document.attached)}</p>")
    if document.marketplace:
        body.append(f"<p>{escape(document.marketplace)}</p>")
    body += [_table_html(table) for table in document.annex]
    if document.terms:
        terms = "".join(
            f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in document.terms
        )
        body.append(f'<h2>{escape(document.terms_title)}</h2><dl class="url">{terms}</dl>')
    if document.signing:
        signing, place = document.signing, escape(document.signing.place)
        body.append(f"<h2>{escape(signing.title)}</h2><p>{escape(signing.intro)}</p>")
        body += [f"<p>{place}: {'_' * 30}<br>{escape(name)}</p>" for name in signing.names]
    if document.legal:
        legal = "".join(
            f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in document.legal
        )
        body.append(
            f"<h2>{escape(document.legal_title)}</h2><dl>{legal}</dl><p>{escape(document.legal_note)}</p>"
        )
    info = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in document.info)
    footer = "<br>".join(escape(" · ".join(column)) for column in document.footer)
    body.append(f"<hr><dl>{info}</dl><p><small>{footer}</small></p>")
    return (
        f'<!doctype html>\n<html lang="{document.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(document.subject)}</title><style>{_STYLE}{_LAYOUT}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _button(document: Document) -> str:
    """The way to the pay page, beside the amount."""
    if not document.pay_url:
        return ""
    words = escape(document.pay_button or document.pay_url)
    return f'<p><a href="{escape(document.pay_url)}" style="{_BUTTON}">{words}</a></p>'


def _table_html(table: Table) -> str:
    def cell(tag: str, value: str, side: str, extra: str = "") -> str:
        name = ' class="r"' if side == "r" else ""
        return f"<{tag}{name}{extra}>{escape(value)}</{tag}>"

    def row_html(row: tuple[str, ...]) -> str:
        named = [f' data-of="{escape(name)}"' for name in table.head]
        named[0] += ' scope="row"'
        tags = ("th", *("td" for _ in row[1:]))
        return "".join(map(cell, tags, row, table.align, named))

    head = "".join(
        cell("th", value, side, ' scope="col"') for value, side in zip(table.head, table.align, strict=True)
    )
    rows = "".join(f"<tr>{row_html(row)}</tr>" for row in table.rows)
    span = f' colspan="{len(table.head) - 1}" scope="row"'
    mark = ' class="sum"'
    sums = "".join(
        f"<tr{mark if strong else ''}>{cell('th', label, 'r', span)}{cell('td', amount, 'r')}</tr>"
        for label, amount, strong in table.sums
    )
    intro = f"<p>{escape(table.intro)}</p>" if table.intro else ""
    return (
        f"<h2>{escape(table.title)}</h2>{intro}"
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(table.title)}">'
        f"<table><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody>{f'<tfoot>{sums}</tfoot>' if sums else ''}</table></div>"
    )
