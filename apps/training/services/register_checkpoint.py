"""Name a stored file as the checkpoint from which the run resumes after a loss."""

from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction

from apps.training.models import Attempt, Run, RunFile
from apps.training.services.hold_fence import hold_fence
from contracts.problems import Problem


@transaction.atomic
def register_checkpoint(attempt: Attempt, *, fence: int, step: int, name: str, sha256: str) -> None:
    """Register it if it is newer than the one there is, which is then deleted; an older step changes nothing."""
    run = hold_fence(attempt, fence)
    file = RunFile.objects.filter(run=run, fence=fence, name=name, sha256=sha256).first()
    if file is None:
        raise Problem("yours:not-found", f"No file {name!r} with this hash was put under fence {fence}.")
    if step <= run.checkpoint_step:
        return
    previous = run.checkpoint_key
    Run.objects.filter(id=run.id).update(
        checkpoint_step=step, checkpoint_key=file.storage_key, checkpoint_sha256=sha256
    )
    if previous and previous != file.storage_key:
        RunFile.objects.filter(run=run, storage_key=previous).delete()
        transaction.on_commit(partial(default_storage.delete, previous), robust=True)
