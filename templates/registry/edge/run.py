"""Checks this bundle offline: the model must answer its test vectors as it did when it was exported.

Needs `pip install onnxruntime`. `python run.py` prints PASS or FAIL and ends with 0 or 1; `--json` prints one object.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent
DTYPES = {"FP32": "<f4", "FP64": "<f8", "INT64": "<i8", "INT32": "<i4", "UINT8": "u1", "BOOL": "?"}


def tensor(spec: dict) -> np.ndarray:
    """The values of one tensor of vectors.json."""
    if spec["datatype"] == "BYTES":
        return np.array(spec["data"], dtype=object).reshape(spec["shape"])
    return np.frombuffer(base64.b64decode(spec["data"]), DTYPES[spec["datatype"]]).reshape(spec["shape"])


def is_draw(row: int, name: str, answer: np.ndarray, expected: dict, meaning: dict, limit: float) -> bool:
    """Two words closer than the tolerance allows are a draw: the last bit of a sum decides which one comes first."""
    if name == meaning.get("items_tensor"):
        scores = expected[meaning["scores_tensor"]][row]
        known = dict(zip(expected[name][row].tolist(), scores.tolist(), strict=True))
        differs = [place for place, word in enumerate(answer[row]) if word != expected[name][row][place]]
        return all(
            abs(known.get(answer[row][place], scores[-1]) - scores[place]) <= 2 * limit
            and (answer[row][place] == "") == (expected[name][row][place] == "")
            for place in differs
        )
    if name == meaning.get("label_tensor") and meaning.get("probabilities_tensor") in expected:
        shares = expected[meaning["probabilities_tensor"]][row]
        if len(shares) == 2:
            return abs(shares[1] - meaning.get("threshold", 0.5)) <= limit
        top = np.sort(shares)[-2:]
        return top[1] - top[0] <= 2 * limit
    return False


def compare(session: onnxruntime.InferenceSession, vectors: dict, meaning: dict) -> dict:
    """Largest difference of the numbers, rows whose words differ (and it is no draw), rows equal to the last bit."""
    limit, worst, flips, draws, equal, rows = vectors["tolerance"], 0.0, 0, 0, 0, 0
    for group in vectors["groups"]:
        expected = {spec["name"]: tensor(spec) for spec in group["outputs"]}
        names = list(expected)
        answers = session.run(names, {spec["name"]: tensor(spec) for spec in group["inputs"]})
        count = group["inputs"][0]["shape"][0]
        same, flipped, drawn = np.ones(count, bool), np.zeros(count, bool), np.zeros(count, bool)
        for name, answer in zip(names, answers, strict=True):
            if answer.shape != expected[name].shape:
                return {"max_abs_difference": None, "label_flips": rows + count, "passed": False}
            by_row = (answer != expected[name]).reshape(count, -1).any(axis=1)
            same &= ~by_row
            if answer.dtype == object:
                for row in np.flatnonzero(by_row):
                    draw = is_draw(int(row), name, answer, expected, meaning, limit)
                    (drawn if draw else flipped)[row] = True
            elif answer.size:
                gap = np.abs(answer.astype(np.float64) - expected[name]).max()
                worst = max(worst, float(gap) if np.isfinite(gap) else 1e30)
        rows, equal = rows + count, equal + int(same.sum())
        flips, draws = flips + int(flipped.sum()), draws + int(drawn.sum())
    passed = rows > 0 and flips == 0 and worst <= limit
    counts = {"rows": rows, "label_flips": flips, "draws": draws, "bit_equal_rows": equal}
    return {**counts, "max_abs_difference": worst, "tolerance": limit, "passed": passed}


def check(folder: Path) -> dict:
    """Read the bundle in the folder and compare; a model that is another file fails before it runs."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    vectors = json.loads((folder / "vectors.json").read_text(encoding="utf-8"))
    raw = (folder / "model.onnx").read_bytes()
    result = {"runtime": f"onnxruntime {onnxruntime.__version__} (Python)"}
    if hashlib.sha256(raw).hexdigest() != vectors["model_sha256"]:
        return {**result, "passed": False, "reason": "model.onnx is not the file that the vectors were made with"}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    return {**result, **compare(session, vectors, manifest["meaning"])}


def main() -> int:
    """Check and say so."""
    result = check(HERE)
    if "--json" in sys.argv:
        print(json.dumps(result))
    else:
        print("PASS" if result["passed"] else "FAIL", "-", result.get("reason") or json.dumps(result))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
