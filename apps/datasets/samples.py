"""Data sets that come with the project, one for each task, for people who want to look before they bring their own."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings


@dataclass(frozen=True)
class Sample:
    slug: str
    name: str
    file: str  # below examples/
    task: str  # what the checks infer from it
    icon: str
    words: str
    is_made_up: bool = True  # by scripts/made_up

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
            "tabular_classification",
            "table-2",
            "A table: 275 birds, three species, told apart by their measures.",
            is_made_up=False,
        ),
        Sample(
            "flats",
            "Flats",
            "flats/flats.csv",
            "tabular_regression",
            "table-2",
            "A table: 900 flats and what they cost a month.",
        ),
        Sample(
            "digits",
            "Digits",
            "digits/train.zip",
            "image_classification",
            "image",
            "Images: 1,437 handwritten digits in ten class folders.",
            is_made_up=False,
        ),
        Sample(
            "tickets",
            "Tickets",
            "tickets/tickets.csv",
            "text_classification",
            "file-text",
            "Texts: 720 messages to a help desk and the team that answers them.",
        ),
        Sample(
            "questions",
            "Questions",
            "questions/questions.csv",
            "question_answering",
            "circle-help",
            "Texts: questions to a library and its 20 answers.",
        ),
        Sample(
            "purchases",
            "Purchases",
            "purchases/purchases.csv",
            "recommendation",
            "receipt-text",
            "A log: what 420 customers bought, to recommend what comes next.",
        ),
        Sample(
            "cafes",
            "Cafés",
            "cafes/cafes.csv",
            "forecasting",
            "chart-line",
            "Series: the daily cups of four cafés, to forecast the next weeks.",
        ),
    )
}
