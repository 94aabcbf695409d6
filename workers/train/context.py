"""What every step of a run has at hand: the job, its budget, the checkpoint, and the line to the supervisor."""

from dataclasses import dataclass

from contracts.jobs import FAMILIES, TrainJob
from workers.train.budget import Budget
from workers.train.checkpoint import Checkpoints
from workers.train.progress import Progress


@dataclass(frozen=True)
class RunContext:
    job: TrainJob
    budget: Budget
    progress: Progress
    checkpoints: Checkpoints
    threads: int
    device: str  # "cpu" | "cuda"

    def wants(self, family: str) -> bool:
        return not self.job.families or family in self.job.families

    def place_of(self, family: str) -> int:
        """Where the charts of a run have this family."""
        families = list(self.job.families) or list(FAMILIES[self.job.task])
        return families.index(family) if family in families else 0
