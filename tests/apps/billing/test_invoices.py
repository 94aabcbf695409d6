"""Months close exactly once, late usage is billed in the next one, and a changed file is found out."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.db.models import Sum

from apps.billing.models import Invoice, InvoiceLine
from apps.billing.services.close_period import close_due_periods, close_period
from apps.billing.services.draft_invoice import draft_invoice
from apps.billing.services.verify_invoice import verify_invoice
from apps.billing.services.write_usage_file import public_key
from apps.billing.verifier import Disagreement, verify
from apps.metering.models import UsageEvent
from contracts.problems import Problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("storage")]
JANUARY, FEBRUARY, MARCH = date(2028, 1, 1), date(2028, 2, 1), date(2028, 3, 1)
ROOT = Path(__file__).resolve().parents[3]


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_the_last_microsecond_of_a_leap_february_is_february(people, meter, books_are_right):
    meter.use(utc(2028, 2, 29, 23, 59, 59, 999_999), 3)
    meter.use(utc(2028, 3, 1), 5)
    february = close_period(people.organisation, FEBRUARY, now=utc(2028, 3, 1, 1))
    assert (february.total_micros, february.usage_events, february.number) == (300, 1, "MY-2028-02-000001")
    assert draft_invoice(people.organisation, MARCH).total_micros == 500
    assert books_are_right()


def test_a_month_cannot_be_closed_before_its_hour_of_grace(people, meter):
    meter.use(utc(2028, 1, 31, 23))
    with pytest.raises(Problem, match="can be closed from"):
        close_period(people.organisation, JANUARY, now=utc(2028, 2, 1, 0, 59, 59))
    assert close_period(people.organisation, JANUARY, now=utc(2028, 2, 1, 1))


def test_closing_again_changes_nothing(people, meter):
    meter.use(utc(2028, 1, 5))
    first = close_period(people.organisation, JANUARY, now=utc(2028, 2, 2))
    again = close_period(people.organisation, JANUARY, now=utc(2028, 2, 2))
    assert close_due_periods(now=utc(2028, 2, 2)) == 0
    assert (first.pk, first.usage_sha256) == (again.pk, again.usage_sha256)
    assert Invoice.objects.count() == 1


def test_late_usage_is_billed_once_in_the_next_month(people, meter, books_are_right):
    meter.use(utc(2028, 1, 5), 10)
    close_period(people.organisation, JANUARY, now=utc(2028, 2, 2))
    late = meter.use(utc(2028, 1, 31, 23, 59), 7)
    meter.use(utc(2028, 2, 10), 1)
    event = UsageEvent.objects.get(pk=late)
    assert (event.period, event.late) == (FEBRUARY, True)
    february = close_period(people.organisation, FEBRUARY, now=utc(2028, 3, 2))
    assert february.total_micros == 800
    assert Invoice.objects.aggregate(total=Sum("total_micros"))["total"] == 1_800
    assert verify_invoice(february) == []
    assert books_are_right()


def test_the_remainder_is_carried_from_invoice_to_invoice(people, meter, books_are_right):
    for month in range(1, 7):
        meter.use(utc(2028, month, 3), 33)  # 3,300 micros: a third of a cent
    assert close_due_periods(now=utc(2028, 7, 2)) == 6
    invoices = list(Invoice.objects.order_by("period_start"))
    assert sum(one.total_minor for one in invoices) * 10_000 + invoices[-1].remainder_micros == 6 * 3_300
    assert [one.carried_micros for one in invoices] == [0, *[one.remainder_micros for one in invoices[:-1]]]
    assert books_are_right()


def test_the_draft_and_the_closed_invoice_are_the_same_fold(people, meter):
    for day, endpoint in ((3, "ep_1"), (4, "ep_2"), (5, "ep_1")):
        meter.use(utc(2028, 1, day), day, endpoint=endpoint)
    draft = draft_invoice(people.organisation, JANUARY)
    closed = close_period(people.organisation, JANUARY, now=utc(2028, 2, 2))
    lines = [(line.endpoint, line.units, line.amount_micros) for line in draft.lines]
    assert lines == [("ep_1", 8, 800), ("ep_2", 4, 400)]
    assert list(closed.lines.order_by("position").values_list("endpoint", "units", "amount_micros")) == lines
    assert draft.total_micros == closed.total_micros == 1_200


def test_a_stored_invoice_cannot_be_changed(people, meter):
    meter.use(utc(2028, 1, 5))
    close_period(people.organisation, JANUARY, now=utc(2028, 2, 2))
    for model in (Invoice, InvoiceLine):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            model.objects.update(**{"total_micros" if model is Invoice else "amount_micros": 1})


def test_usage_beyond_the_credit_stands_on_the_invoice_and_is_taken_off(people, meter, books_are_right):
    meter.use(utc(2028, 1, 5), 60_000)  # 6,000,000 micros; the credit is 5,000,000
    invoice = close_period(people.organisation, JANUARY, now=utc(2028, 2, 2))
    assert list(invoice.lines.order_by("position").values_list("amount_micros", flat=True)) == [6_000_000, -1_000_000]
    assert invoice.total_micros == 5_000_000
    assert verify_invoice(invoice) == []
    assert books_are_right()


def test_every_changed_byte_of_the_usage_file_is_found(people, meter, tmp_path):
    for day in range(1, 6):
        meter.use(utc(2028, 1, day), day)
    invoice = close_period(people.organisation, JANUARY, now=utc(2028, 2, 2))
    content = default_storage.open(invoice.usage_key).read()
    assert verify(content.splitlines(keepends=True), public_key())["total_micros"] == 1_500
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        with pytest.raises(Disagreement):
            verify(bytes(changed).splitlines(keepends=True), public_key())


def test_the_first_record_that_disagrees_is_named(people, meter):
    ids = [meter.use(utc(2028, 1, day), day) for day in range(1, 6)]
    invoice = close_period(people.organisation, JANUARY, now=utc(2028, 2, 2))
    lines = default_storage.open(invoice.usage_key).read().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"units":3', b'"units":2')
    with pytest.raises(Disagreement, match=f"record 3 \\({ids[2]}\\)"):
        verify(lines)
    with pytest.raises(Disagreement, match=f"record 2 \\({ids[2]}\\)"):
        verify(lines[:2] + lines[3:])
    with pytest.raises(Disagreement, match="cut off"):
        verify(lines[:3])


def test_the_script_checks_a_file_without_modelyard(people, meter, tmp_path):
    meter.use(utc(2028, 1, 5), 7)
    invoice = close_period(people.organisation, JANUARY, now=utc(2028, 2, 2))
    path = tmp_path / "usage.jsonl"
    path.write_bytes(default_storage.open(invoice.usage_key).read())
    command = [sys.executable, "-I", str(ROOT / "scripts" / "verify_invoice.py"), str(path), "--public-key"]
    good = subprocess.run([*command, public_key()], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout) == (0, "agrees: 1 records, 700 micros, 0 minor units due\n")
    other = subprocess.run([*command, "AAAA"], capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert "another key" in other.stdout


def test_a_file_that_is_replaced_is_found_by_the_operator(people, meter, capsys):
    meter.use(utc(2028, 1, 5), 7)
    invoice = close_period(people.organisation, JANUARY, now=utc(2028, 2, 2))
    call_command("verify_invoice")
    assert "0 of 1 disagree" in capsys.readouterr().out
    default_storage.delete(invoice.usage_key)
    assert verify_invoice(invoice) == ["the usage file is missing"]


def test_the_operators_command_closes_and_reconciles(people, meter, capsys):
    meter.use(utc(2024, 2, 29, 12), 7)
    call_command("close_period", period="2024-02")
    call_command("reconcile")
    out = capsys.readouterr().out
    assert "MY-2024-02-000001 acme 700 USD" in out
    assert out.endswith("0 differences\n")


def test_reconcile_names_what_differs(people, meter, books_are_right):
    meter.use(utc(2028, 1, 5), 7)
    from apps.ledger.models import Wallet

    Wallet.objects.filter(organisation=people.organisation).update(available_micros=1)
    with pytest.raises(AssertionError, match="1 found, 4999300 expected"):
        books_are_right()


def test_event_times_up_to_the_close_decide_not_arrival(people, meter):
    start = utc(2028, 1, 31, 23, 59, 59, 999_000)
    for step in range(2_000):
        if step % 400 == 0:
            meter.use(start + timedelta(microseconds=step))
    assert UsageEvent.objects.filter(period=JANUARY).count() == 3
    assert UsageEvent.objects.filter(period=FEBRUARY).count() == 2
