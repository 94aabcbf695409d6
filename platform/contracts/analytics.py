"""What a server counted of its endpoints, as it tells control: new sums, by deployment and minute."""

from dataclasses import dataclass, field

# Refusals that say nothing about a model: the server was starting, full, or could not write its journal.
NOT_THE_MODELS_FAULT = frozenset(
    {"ours:starting", "ours:overloaded", "ours:metering-unavailable", "ours:control-unavailable", "ours:switched-off"}
)

Counts = dict[str, int]  # bucket of contracts.histograms, as text because JSON keys are, to how many


@dataclass(frozen=True)
class DeploymentCounts:
    """One deployment in (a part of) one minute. `deployment` is empty for requests that reached none."""

    endpoint: str
    deployment: str
    minute: int  # minutes since the epoch, UTC
    statuses: Counts = field(default_factory=dict)  # "2", "4", "5": first digit of the status; "429" apart
    errors: Counts = field(default_factory=dict)  # by failure code
    latency_us: Counts = field(default_factory=dict)  # of good answers, arrival to answer
    queue_us: Counts = field(default_factory=dict)  # of good answers, arrival to the start of their run
    batch_rows: Counts = field(default_factory=dict)  # of runs
    units: int = 0  # rows answered
    shadow_compared: int = 0
    shadow_disagreed: int = 0
    shadow_failed: int = 0  # copies to which the shadow had no answer
    shadow_dropped: int = 0  # copies that were not run because the server had better things to do


@dataclass(frozen=True)
class AnalyticsPost:
    """Control adds each (node, boot, sequence) once, so a server repeats a message until it is acknowledged."""

    boot: str
    sequence: int  # 1, 2, … within a boot
    counts: list[DeploymentCounts] = field(default_factory=list)
