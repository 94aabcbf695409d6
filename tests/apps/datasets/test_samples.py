"""The shipped samples: one for each task, small, and those that are made up come out of their script again."""

import pytest
from django.core.files import File

from apps.datasets.samples import SAMPLES, Sample
from apps.datasets.services.check_version import check_version
from apps.datasets.services.create_dataset import create_dataset
from apps.datasets.services.receive_upload import receive_upload
from contracts.jobs import TASKS_TRAINABLE
from scripts.made_up.__main__ import SETS, content

MOST_BYTES = 300_000
MADE_UP = [sample for sample in SAMPLES.values() if sample.is_made_up]


def test_there_is_a_sample_for_every_task_but_vectors_which_learn_from_any_texts():
    assert {sample.task for sample in SAMPLES.values()} == set(TASKS_TRAINABLE) - {"text_embedding"}


@pytest.mark.parametrize("name", SETS)
def test_a_made_up_file_is_what_its_script_writes(name: str):
    sample = SAMPLES[name]
    assert sample.path.read_bytes() == content(name)
    assert sample.path.stat().st_size < MOST_BYTES
    assert "Made up" in (sample.path.parent / "README.md").read_text()


@pytest.mark.django_db
@pytest.mark.parametrize("sample", MADE_UP, ids=lambda sample: sample.slug)
def test_the_checks_see_what_a_made_up_sample_is_for(sample: Sample, people, storage):
    dataset = create_dataset(people.organisation, name=sample.name, created_by=people.alice)
    with sample.path.open("rb") as file:
        version = receive_upload(dataset, file=File(file), file_name=sample.path.name, uploaded_by=people.alice)
    assert check_version(version.pk) == "ready"
    version.refresh_from_db()
    assert version.inferred_task == sample.task
