"""What every step of a run has at hand: the job, its budget, the checkpoint, and the line to the supervisor."""

from dataclasses import dataclass

from contracts.jobs import TrainJob
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
