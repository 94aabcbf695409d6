"""Is it good? The evaluation in words, against the baseline that anybody could have without learning."""

from dataclasses import dataclass

from contracts.manifests import EvaluationReport

_FEW_ROWS = 50


@dataclass(frozen=True)
class Verdict:
    kind: str  # good | warn | bad
    headline: str
    sentence: str
    caution: str = ""


def verdict_of(report: EvaluationReport) -> Verdict:
    """Judge by the share of the baseline's error that the model removed."""
    caution = ""
    if report.rows < _FEW_ROWS:
        caution = f"Only {report.rows} rows were held out, so the true value may differ by several per cent."
    never = [str(row["label"]) for row in report.per_class if row.get("support") and not row.get("recall")]
    if never:
        caution = f"It never recognises {', '.join(never[:5])}. {caution}".strip()
    if "ndcg@10" in report.metrics:
        return _of_recommender(report, caution)
    if "mase" in report.metrics:
        return _of_forecast(report, caution)
    if "accuracy" in report.metrics:
        return _of_classifier(report, caution)
    return _of_regressor(report, caution)


def _of_classifier(report: EvaluationReport, caution: str) -> Verdict:
    right, floor = report.metrics["accuracy"], report.baseline.get("accuracy", 0.0)
    sentence = (
        f"{_share(right)} of {report.rows:,} held-out rows are answered right. "
        f"Always answering the most frequent class would be right for {_share(floor)}."
    )
    removed = (right - floor) / (1 - floor) if floor < 1 else 0.0
    return _graded(removed, sentence, caution)


def _of_regressor(report: EvaluationReport, caution: str) -> Verdict:
    off, floor = report.metrics.get("mae", 0.0), report.baseline.get("mae", 0.0)
    removed = 1 - off / floor if floor else 0.0
    sentence = (
        f"On {report.rows:,} held-out rows the answer is off by {off:,.4g} on average. "
        f"Always answering the mean would be off by {floor:,.4g}."
    )
    return _graded(removed, sentence, caution)


def _of_forecast(report: EvaluationReport, caution: str) -> Verdict:
    off, floor = report.metrics["mase"], report.baseline.get("mase", 0.0)
    season = int(report.forecast.get("baseline_season", 1))
    naive = f"Repeating the last {season} values" if season > 1 else "Repeating the last value"
    inside = report.metrics.get("interval_coverage", 0.0)
    sentence = (
        f"On {report.rows:,} held-out values the forecast is off by {report.metrics.get('mae', 0.0):,.4g} on average. "
        f"{naive} would be off by {report.baseline.get('mae', 0.0):,.4g}. {_share(inside)} of the truth lies inside "
        f"the {_share(report.forecast.get('interval', 0.8))} interval."
    )
    removed = 1 - off / floor if floor else 0.0
    if removed < 0.005:
        return Verdict("warn", "Repeating the past is as good", sentence, caution)
    kind = "good" if removed >= 0.05 else "warn"
    headline = "It sees what comes better than repeating the past" if kind == "good" else "It is a little better"
    return Verdict(kind, headline, f"{sentence} That removes {_share(removed)} of the error.", caution)


def _of_recommender(report: EvaluationReport, caution: str) -> Verdict:
    found, floor = report.metrics.get("hr@10", 0.0), report.baseline.get("hr@10", 0.0)
    sentence = (
        f"For {_share(found)} of {report.rows:,} users the held-out item is among the first 10 recommended. "
        f"Recommending what is popular would find it for {_share(floor)}."
    )
    quality, plain = report.metrics["ndcg@10"], report.baseline.get("ndcg@10", 0.0)
    if quality <= plain * 1.02:
        return Verdict("bad", "It is no better than popularity", sentence, caution)
    times = (
        f"{sentence} Counting the place in the list it is {quality / plain:.1f} times as good." if plain else sentence
    )
    if quality < plain * 1.3:
        return Verdict("warn", "It learned a little", times, caution)
    return Verdict("good", "It knows what users come back for", times, caution)


def _graded(removed: float, sentence: str, caution: str) -> Verdict:
    if removed <= 0.02:
        return Verdict("bad", "It learned nothing useful", f"{sentence} Look for better columns or more rows.", caution)
    gone = f"{sentence} That removes {_share(removed)} of the baseline's error."
    if removed < 0.3:
        return Verdict("warn", "It learned a little", gone, caution)
    if removed < 0.7:
        return Verdict("good", "It learned well", gone, caution)
    return Verdict("good", "It learned very well", gone, caution)


def _share(value: float) -> str:
    return f"{value * 100:.1f} %".replace(".0 %", " %")
