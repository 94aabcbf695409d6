"""Data sets that come with the project, for people who want to look before they bring their own."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings


@dataclass(frozen=True)
class Sample:
    slug: str
    name: str
    file: str  # below examples/
    words: str

    @property
    def path(self) -> Path:
        return Path(settings.ROOT) / "examples" / self.file


SAMPLES = {
    sample.slug: sample
    for sample in (
        Sample(
            "penguins",
            "Penguins",
            "penguins/train.csv",
            "A table: 275 birds, three species, told apart by their measures.",
        ),
        Sample("digits", "Digits", "digits/train.zip", "Images: handwritten digits in ten class folders."),
    )
}
