"""The double's invoices (draft, open, paid) with their lines, and credit notes over what is left of them."""

import re
import time
from collections.abc import Callable
from typing import Any

from stripe.params import (
    CreditNoteCreateParams,
    CreditNoteListParams,
    InvoiceCreateParams,
    InvoiceFinalizeInvoiceParams,
    InvoiceItemCreateParams,
    InvoiceListParams,
    InvoicePayParams,
)

from apps.billing.stripe_double.parameters import WrongParameter, checked
from apps.billing.stripe_double.store import Store, listed, new_stripe_id, shaped

Answer = dict[str, Any]


def create_invoice(store: Store, given: Answer, base: str) -> Answer:
    values = checked(InvoiceCreateParams, given)
    customer = store.found("customer", values.get("customer", ""))
    number = values.get("number")
    if number and any(one["number"] == number for one in store.objects["invoice"].values()):
        raise WrongParameter("The invoice number is taken.", "number", "invoice_number_taken")
    method = values.get("collection_method", "charge_automatically")
    if method == "send_invoice" and not values.keys() & {"days_until_due", "due_date"}:
        raise WrongParameter("send_invoice needs days_until_due.", "days_until_due", "parameter_missing")
    name, now = new_stripe_id("in"), int(time.time())
    made = shaped(
        "invoice",
        id=name,
        auto_advance=values.get("auto_advance", False),
        collection_method=method,
        created=now,
        currency=values.get("currency", "usd"),
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_tax_exempt=customer["tax_exempt"],
        customer_tax_ids=[
            {"type": one["type"], "value": one["value"]}
            for one in store.objects["tax_id"].values()
            if one["customer"] == customer["id"]
        ],
        description=values.get("description"),
        due_date=now + 86_400 * values["days_until_due"] if "days_until_due" in values else values.get("due_date"),
        from_invoice=None,
        last_finalization_error=None,
        lines=listed(f"/v1/invoices/{name}/lines", []),
        metadata=values.get("metadata") or {},
        next_payment_attempt=None,
        number=number,
        parent=None,
        status="draft",
    )
    _add_up(store, made)
    return store.keep("invoice", made)


def _add_up(store: Store, invoice: Answer) -> None:
    """Totals from the lines and from the credit notes over it."""
    total = sum(one["amount"] for one in invoice["lines"]["data"])
    invoice.update(subtotal=total, subtotal_excluding_tax=total, total=total, total_excluding_tax=total)
    notes = [one for one in store.objects["credit_note"].values() if one["invoice"] == invoice["id"]]
    invoice["pre_payment_credit_notes_amount"] = sum(one["pre_payment_amount"] for one in notes)
    invoice["post_payment_credit_notes_amount"] = sum(one["post_payment_amount"] for one in notes)
    due = max(0, total - invoice["pre_payment_credit_notes_amount"])
    paid = due if invoice["status"] == "paid" else 0
    invoice.update(amount_due=due, amount_paid=paid, amount_remaining=due - paid, amount_overpaid=0)


def create_item(store: Store, given: Answer, base: str) -> Answer:
    values = checked(InvoiceItemCreateParams, given)
    invoice = store.found("invoice", values.get("invoice", ""))
    if values.get("customer") != invoice["customer"]:
        raise WrongParameter("The invoice is another customer's.", "customer", "resource_missing")
    if invoice["status"] != "draft":
        raise WrongParameter("Only drafts can be changed.", "invoice", "invoice_not_editable")
    if values.get("currency") != invoice["currency"] or "amount" not in values:
        raise WrongParameter("Say the amount, in the invoice's currency.", "amount", "parameter_invalid")
    item = shaped(
        "invoiceitem",
        id=new_stripe_id("ii"),
        amount=values["amount"],
        currency=values["currency"],
        customer=values["customer"],
        date=int(time.time()),
        description=values.get("description"),
        invoice=invoice["id"],
        metadata=values.get("metadata") or {},
        parent=None,
        quantity=1,
    )
    line = shaped(
        "line_item",
        id=new_stripe_id("il"),
        amount=item["amount"],
        currency=item["currency"],
        description=item["description"],
        invoice=invoice["id"],
        metadata=item["metadata"],
        parent=None,
        subtotal=item["amount"],
    )
    invoice["lines"]["data"].append(line)
    _add_up(store, invoice)
    return store.keep("invoice_item", item)


def get_invoice(store: Store, given: Answer, base: str, name: str) -> Answer:
    return store.found("invoice", name)


def list_invoices(store: Store, given: Answer, base: str) -> Answer:
    values = checked(InvoiceListParams, given)
    rows = [
        one
        for one in store.objects["invoice"].values()
        if values.get("customer") in (None, one["customer"]) and values.get("status") in (None, one["status"])
    ]
    return listed("/v1/invoices", rows)


def finalize_invoice(store: Store, given: Answer, base: str, name: str) -> Answer:
    values = checked(InvoiceFinalizeInvoiceParams, given)
    invoice = store.found("invoice", name)
    if invoice["status"] != "draft":
        raise WrongParameter("This invoice is already finalized.", "id", "invoice_not_editable")
    taken = sum(1 for one in store.objects["invoice"].values() if one["number"])
    invoice.update(
        auto_advance=values.get("auto_advance", invoice["auto_advance"]),
        number=invoice["number"] or f"DOUBLE-{taken + 1:04d}",
        status="open" if invoice["total"] > 0 else "paid",
    )
    _add_up(store, invoice)
    return invoice


def pay_invoice(store: Store, given: Answer, base: str, name: str) -> Answer:
    values = checked(InvoicePayParams, given)
    invoice = store.found("invoice", name)
    if invoice["status"] == "paid":
        raise WrongParameter("Invoice is already paid", "id", "invoice_already_paid")
    if invoice["status"] != "open":
        raise WrongParameter("Only open invoices can be paid.", "id", "invoice_not_open")
    if not values.get("paid_out_of_band"):
        message = "The double knows invoices that are paid elsewhere only."
        raise WrongParameter(message, "paid_out_of_band", "parameter_invalid")
    invoice["status"] = "paid"
    _add_up(store, invoice)
    return invoice


def create_credit_note(store: Store, given: Answer, base: str) -> Answer:
    values = checked(CreditNoteCreateParams, given)
    invoice = store.found("invoice", values["invoice"])
    if invoice["status"] not in ("open", "paid"):
        raise WrongParameter("The invoice is not finalized.", "invoice", "invoice_not_finalized")
    amount = values.get("amount", 0)
    noted = invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"]
    if not 0 < amount <= invoice["total"] - noted:
        message = f"The amount must be 1 to {invoice['total'] - noted}, what is left of the invoice."
        raise WrongParameter(message, "amount", "amount_too_large")
    given_back = sum(values.get(name, 0) for name in ("refund_amount", "credit_amount", "out_of_band_amount"))
    is_paid = invoice["status"] == "paid"
    if given_back != (amount if is_paid else 0):
        message = "The sum of refund_amount, credit_amount and out_of_band_amount must equal the amount after payment."
        raise WrongParameter(message, "out_of_band_amount", "parameter_invalid")
    name = new_stripe_id("cn")
    made = shaped(
        "credit_note",
        id=name,
        amount=amount,
        created=int(time.time()),
        currency=invoice["currency"],
        customer=invoice["customer"],
        invoice=invoice["id"],
        lines=listed(f"/v1/credit_notes/{name}/lines", []),
        memo=values.get("memo"),
        metadata=values.get("metadata") or {},
        number=f"{invoice['number']}-CN-{len(_notes_of(store, invoice['id'])) + 1:02d}",
        out_of_band_amount=values.get("out_of_band_amount"),
        pdf=f"{base}/credit_notes/{name}",
        post_payment_amount=amount if is_paid else 0,
        pre_payment_amount=0 if is_paid else amount,
        pretax_credit_amounts=[],
        reason=values.get("reason"),
        refunds=[],
        shipping_cost=None,
        subtotal=amount,
        subtotal_excluding_tax=amount,
        total=amount,
        type="post_payment" if is_paid else "pre_payment",
        voided_at=None,
    )
    store.keep("credit_note", made)
    _add_up(store, invoice)
    return made


def list_credit_notes(store: Store, given: Answer, base: str) -> Answer:
    values = checked(CreditNoteListParams, given)
    rows = [
        one
        for one in store.objects["credit_note"].values()
        if values.get("invoice") in (None, one["invoice"]) and values.get("customer") in (None, one["customer"])
    ]
    return listed("/v1/credit_notes", rows)


def _notes_of(store: Store, invoice: str) -> list[Answer]:
    return [one for one in store.objects["credit_note"].values() if one["invoice"] == invoice]


ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
    ("POST", re.compile(r"/v1/invoices"), create_invoice),
    ("GET", re.compile(r"/v1/invoices"), list_invoices),
    ("GET", re.compile(r"/v1/invoices/(\w+)"), get_invoice),
    ("POST", re.compile(r"/v1/invoices/(\w+)/finalize"), finalize_invoice),
    ("POST", re.compile(r"/v1/invoices/(\w+)/pay"), pay_invoice),
    ("POST", re.compile(r"/v1/invoiceitems"), create_item),
    ("POST", re.compile(r"/v1/credit_notes"), create_credit_note),
    ("GET", re.compile(r"/v1/credit_notes"), list_credit_notes),
]
