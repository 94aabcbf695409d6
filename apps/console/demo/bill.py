"""The end of the demo: predictions beside the truth, what they cost, and what the invoice will say."""

from collections import Counter
from typing import Any

from apps.console.demo.client import Client, wait_for
from apps.console.demo.money import money
from apps.console.demo.story import ENDPOINT, Say, labelled_rows

_SHOWN_PER_CLASS = 3
_ASKED_ROWS = 20


def predict(client: Client, say: Say) -> dict[str, Any]:
    """Ask the data plane about held-out rows and print the answers beside the true labels."""
    rows, truth = labelled_rows()
    rows, truth = rows[:_ASKED_ROWS], truth[:_ASKED_ROWS]
    answer: dict[str, Any] = client.predict_patiently(ENDPOINT, rows)
    predicted = [prediction["label"] for prediction in answer["predictions"]]
    say(f"predict: {len(rows)} held-out rows in {answer['latency_ms']:.1f} ms")
    print(f"\n    {'true':<12} {'predicted':<12} probability")
    shown: Counter[str] = Counter()
    for prediction, label in zip(answer["predictions"], truth, strict=True):
        is_right = prediction["label"] == label
        shown[label] += 1
        if shown[label] <= _SHOWN_PER_CLASS or not is_right:
            probability = max(prediction["probabilities"].values())
            print(f"    {label:<12} {prediction['label']:<12} {probability:.3f}{'' if is_right else '   <- wrong'}")
    right = sum(one == other for one, other in zip(predicted, truth, strict=True))
    print(f"    … {right} of {len(truth)} right\n")
    usage = answer["usage"]
    say(f"charged: {usage['units']} predictions, {money(usage['amount_micros'])}")
    return usage


def show_bill(client: Client, usage: dict[str, Any], say: Say) -> None:
    """Wait until the usage is in the ledger, then print usage and the invoice preview."""
    path = f"/usage/{usage['id']}"
    wait_for(lambda: client.has(path), bool, within_s=40, what="the usage in the ledger")
    month = client.get("/usage", group_by="endpoint")
    for row in month["data"]:
        say(f"usage this month: {row['meter']:<26} {row['units']:>6} units  {money(row['amount_micros'])}")
    draft = client.get("/invoices/draft")
    say(f"invoice preview, {draft['period_start']} to {draft['period_end']}: {money(draft['total_micros'])}")
    for line in draft["lines"]:
        say(f"  {line['description']:<44} {line['units']:>6} × {line['unit_price_micros']} micros")
