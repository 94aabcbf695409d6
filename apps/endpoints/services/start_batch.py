"""Queue an offline prediction job: keep its input, hold its price, wake a worker."""

import hashlib
import uuid
from pathlib import PurePath
from typing import IO

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.datasets.models import DatasetVersion
from apps.endpoints.batch_input import count_rows_at_most, input_format
from apps.endpoints.models import Batch, Endpoint
from apps.ledger.queries import price_at
from apps.ledger.services.open_hold import open_hold
from apps.outbox.services.send import send
from apps.registry.models import ModelVersion
from contracts.problems import Problem
from contracts.usage import METER_BATCH_ROWS


def start_batch(
    organisation: Organisation,
    *,
    model_version: ModelVersion,
    endpoint: Endpoint | None = None,
    file: IO[bytes] | None = None,
    file_name: str = "",
    dataset_version: DatasetVersion | None = None,
    started_by: User | ApiKey | None = None,
) -> Batch:
    """Return the queued batch. The hold covers every row; only answered rows are charged.

    Raises yours:invalid (no input, both inputs), yours:file-format, yours:dataset-not-ready, yours:no-credit.
    """
    if (file is None) == (dataset_version is None):
        error = {"location": "file", "message": "send a file or a dataset version", "fix": "send exactly one of them"}
        raise Problem("yours:invalid", errors=[error])
    if dataset_version is not None and dataset_version.state != "ready":
        raise Problem("yours:dataset-not-ready")
    price = price_at(METER_BATCH_ROWS, dimension="", currency=organisation.currency)
    batch = Batch(
        organisation=organisation,
        endpoint=endpoint,
        model_version=model_version,
        dataset_version=dataset_version,
        price=price.id,
        unit_price_micros=price.unit_price_micros,
        not_before=timezone.now(),
        created_by=started_by if isinstance(started_by, User) else None,
    )
    if file is not None:
        _keep_input(batch, file, file_name)
    elif dataset_version is not None:
        batch.input_key = dataset_version.canonical_key
        batch.input_sha256 = dataset_version.canonical_sha256
        batch.input_bytes = dataset_version.canonical_bytes
        batch.input_format = dataset_version.format
        batch.input_name = dataset_version.file_name
        batch.rows = dataset_version.rows
    if batch.rows < 1:
        raise Problem("yours:file-empty", "There are no rows to predict.")
    with transaction.atomic():
        batch.save()
        open_hold(organisation, subject=batch.id, amount_micros=batch.rows * price.unit_price_micros)
        send("wake-batch", {"batch": batch.id}, dedupe_key=f"wake-batch:{batch.id}")
        record_audit(
            organisation,
            actor=started_by or "system",
            action="batch.start",
            subject=batch.id,
            details={"model_version": model_version.id, "rows": batch.rows},
        )
    return batch


def _keep_input(batch: Batch, file: IO[bytes], file_name: str) -> None:
    batch.input_name = PurePath(file_name.replace("\\", "/")).name[:255]
    batch.input_format = input_format(batch.input_name)
    batch.rows = count_rows_at_most(file, batch.input_format)
    file.seek(0)
    batch.input_sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    batch.input_bytes = file.tell()
    file.seek(0)
    batch.input_key = default_storage.save(f"batches/{batch.id}/input-{uuid.uuid4().hex}", File(file))
