"""Draws an invoice or a credit note as PDF: who, to whom, every line, the total, and where to check it."""

import unicodedata
from typing import Any

from django.conf import settings
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from apps.billing.models import CreditNote, Invoice
from apps.billing.rules import amount_text, minor_text

_INK, _SOFT, _LINE = (15, 23, 42), (90, 102, 120), (221, 227, 236)
_WIDTHS = (92, 26, 32, 40)  # what, units, each, amount; in millimetres, the width of the text
_LIGATURES = str.maketrans({"\u2013": "-", "\u2014": "-", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2026": "..."})


class Paper(FPDF):
    """An A4 page with a footer that names the document and the page."""

    def __init__(self, name: str) -> None:
        super().__init__(format="A4")
        self.name = name
        self.set_margins(10, 14, 10)
        self.set_auto_page_break(auto=True, margin=20)
        self.alias_nb_pages()

    def footer(self) -> None:
        self.set_y(-14)
        self.write_text(f"{self.name}   page {self.page_no()} of {{nb}}", size=8, soft=True, align="R")

    def write_text(
        self, text: str, *, size: float = 9.5, bold: bool = False, soft: bool = False, align: str = "L", link: str = ""
    ) -> None:
        self.set_font("helvetica", "B" if bold else "", size)
        self.set_text_color(*(_SOFT if soft else _INK))
        self.multi_cell(0, size * 0.5, plain(text), align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT, link=link or None)


def invoice_pdf(invoice: Invoice, public_key: str, url: str) -> bytes:
    """`url` is the invoice's page; every line is on the paper, however many pages it takes."""
    paper = _begun(f"Invoice {invoice.number}", invoice.customer, invoice.organisation.name)
    paper.set_creation_date(invoice.closed_at)
    _facts(paper, _invoice_facts(invoice))
    _lines(paper, invoice)
    _totals(paper, invoice)
    paper.ln(5)
    paper.write_text("Check it yourself", bold=True)
    paper.write_text(
        f"Each line is the sum of records in the signed usage file at {url}. SHA-256 of the file: "
        f"{invoice.usage_sha256}. Public key: {public_key}.",
        size=8,
        soft=True,
        link=url,
    )
    return bytes(paper.output())


def credit_note_pdf(note: CreditNote, url: str) -> bytes:
    paper = _begun(f"Credit note {note.number}", note.invoice.customer, note.organisation.name)
    paper.set_creation_date(note.created_at)
    facts = [
        ("Corrects invoice", note.invoice.number),
        ("Date", f"{note.created_at:%d %B %Y}"),
        ("Reason", note.reason),
        ("Amount", amount_text(-note.amount_micros, note.currency)),
    ]
    if note.replaced_by is not None:
        facts.append(("Replaced by invoice", note.replaced_by.number))
    _facts(paper, facts)
    paper.write_text(url, size=8, soft=True, link=url)
    return bytes(paper.output())


def plain(text: str) -> str:
    """Return the text in the font's letters; what it lacks is written without its accent, or as a question mark."""
    folded = text.translate(_LIGATURES)
    return "".join(_letter(letter) for letter in folded)


def _letter(letter: str) -> str:
    try:
        letter.encode("latin-1")
    except UnicodeEncodeError:
        return unicodedata.normalize("NFKD", letter).encode("latin-1", "ignore").decode("latin-1") or "?"
    return letter


def _begun(title: str, customer: dict[str, Any], organisation: str) -> Paper:
    paper = Paper(title)
    paper.set_title(title)
    paper.set_author(plain(settings.SELLER_NAME))
    paper.add_page()
    paper.write_text(settings.SELLER_NAME, size=10, bold=True)
    if settings.SELLER_DETAILS:
        paper.write_text(settings.SELLER_DETAILS, size=8, soft=True)
    paper.ln(8)
    paper.write_text(title, size=19, bold=True)
    paper.ln(4)
    place = " ".join(part for part in (customer.get("postal_code"), customer.get("city")) if part)
    address = [customer.get("line1"), customer.get("line2"), place, customer.get("country")]
    tax = f"{customer.get('tax_id_type', '').replace('_', ' ').upper()} {customer.get('tax_id', '')}".strip()
    paper.write_text(customer.get("legal_name") or customer.get("name") or organisation, bold=True)
    for line in filter(None, [*address, tax if customer.get("tax_id") else ""]):
        paper.write_text(line)
    paper.ln(4)
    return paper


def _invoice_facts(invoice: Invoice) -> list[tuple[str, str]]:
    facts = [
        ("Period (UTC)", f"{invoice.period_start:%d %B %Y} up to {invoice.period_end:%d %B %Y}, exclusive"),
        ("Date", f"{invoice.closed_at:%d %B %Y}"),
    ]
    if invoice.edition > 1:
        facts.append(("Edition", f"{invoice.edition}, replaces the one before"))
    if invoice.customer.get("purchase_order"):
        facts.append(("Your order", invoice.customer["purchase_order"]))
    return facts


def _facts(paper: Paper, facts: list[tuple[str, str]]) -> None:
    for name, value in facts:
        paper.set_font("helvetica", "", 9.5)
        paper.set_text_color(*_SOFT)
        paper.cell(42, 5.5, plain(name))
        paper.set_text_color(*_INK)
        paper.multi_cell(0, 5.5, plain(value), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.ln(5)


def _lines(paper: Paper, invoice: Invoice) -> None:
    paper.set_draw_color(*_LINE)
    paper.set_font("helvetica", "", 8.5)
    paper.set_text_color(*_INK)
    with paper.table(
        col_widths=_WIDTHS,
        text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT"),
        borders_layout="HORIZONTAL_LINES",
        line_height=5,
    ) as table:
        table.row(["What", "Units", "Each", "Amount"])
        for line in invoice.lines.order_by("position"):
            each, amount = (amount_text(x, invoice.currency) for x in (line.unit_price_micros, line.amount_micros))
            table.row([plain(line.description), f"{line.units:,}", each, amount])


def _totals(paper: Paper, invoice: Invoice) -> None:
    paper.ln(3)
    rows = [("Sum of the lines", amount_text(invoice.total_micros, invoice.currency))]
    if invoice.carried_micros:
        rows.append(("Carried over from rounding before", amount_text(invoice.carried_micros, invoice.currency)))
    rows.append(("Tax", "not part of these prices; see the terms"))
    for name, value in rows:
        _total_row(paper, name, value, bold=False)
    _total_row(paper, "Total", minor_text(invoice.total_minor, invoice.currency), bold=True)
    _total_row(paper, "Paid from credit", minor_text(-invoice.total_minor, invoice.currency), bold=False)
    if invoice.remainder_micros:
        _total_row(paper, "Carried on", amount_text(invoice.remainder_micros, invoice.currency), bold=False)


def _total_row(paper: Paper, name: str, value: str, *, bold: bool) -> None:
    paper.set_font("helvetica", "B" if bold else "", 11 if bold else 9)
    paper.set_text_color(*_INK)
    paper.cell(118, 6, plain(name), align="R")
    paper.cell(72, 6, plain(value), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
