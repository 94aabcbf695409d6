#!/usr/bin/env python3
"""Checks an invoice's usage file by itself: every record, every line, the totals and the signature.

    python verify_invoice.py usage.jsonl [--public-key BASE64]

Needs Python 3.11 and the package `cryptography`, nothing of Modelyard. The file is JSON lines in canonical form (sorted
names, no spaces): a header, one record per usage event, the totals. Each record carries the SHA-256 of the hash before
it and of itself, so a changed, missing or moved record shows as the first one that disagrees; the Ed25519 signature
covers the totals, which name the last hash. Give the public key that you were told to trust; without it the one in the
file is used, which shows that the file is intact, not who wrote it.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "modelyard-usage-1"
_LINE_NAMES = ("meter", "endpoint", "run", "price", "unit_price_micros")


class Disagreement(Exception):
    """The first thing in the file that does not follow from the rest."""


def canonical(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def chained(previous: str, document: dict[str, Any]) -> str:
    return hashlib.sha256(f"{previous}\n{canonical(document)}".encode()).hexdigest()


def verify(lines: Iterable[bytes], public_key: str = "") -> dict[str, Any]:
    """Return the signed totals. Raises Disagreement naming the first record that does not fit.

    1. every line is canonical JSON, 2. every record follows the one before, 3. its amount is units × price,
    4. the signature fits, 5. the records add up to the lines and the lines to the total.
    """
    try:
        return _verified(lines, public_key)
    except (KeyError, TypeError, AttributeError) as error:
        raise Disagreement(f"something that must be there is missing or of another kind: {error}") from error


def _verified(lines: Iterable[bytes], public_key: str) -> dict[str, Any]:
    rows = _documents(lines)
    header = next(rows, None)
    if header is None or header.get("format") != FORMAT:
        raise Disagreement(f"the first line is no {FORMAT} header")
    head = chained("", header)
    sums: dict[tuple[Any, ...], list[int]] = {}
    for number, row in enumerate(rows, start=1):
        if row.get("type") == "totals":
            if next(rows, None) is not None:
                raise Disagreement("there are lines after the totals")
            _check_signature(row, public_key)
            _check_totals(row, head, number - 1, sums)
            return row
        head = _check_record(row, head, number)
        units_and_amount = sums.setdefault(tuple(row[name] for name in _LINE_NAMES), [0, 0])
        units_and_amount[0] += row["units"]
        units_and_amount[1] += row["amount_micros"]
    raise Disagreement("the totals are missing: the file is cut off")


def _documents(lines: Iterable[bytes]) -> Iterator[Any]:
    for number, line in enumerate(lines, start=1):
        try:
            document = json.loads(line)
            is_canonical = isinstance(document, dict) and line == (canonical(document) + "\n").encode()
        except (ValueError, RecursionError):
            is_canonical = False
        if not is_canonical:
            raise Disagreement(f"record {number - 1} (line {number}) is damaged: it is not in canonical form")
        yield document


def _check_record(row: dict[str, Any], previous: str, number: int) -> str:
    name = f"record {number} ({row.get('id')})"
    body = {key: value for key, value in row.items() if key != "hash"}
    if row.get("type") != "usage" or row.get("hash") != chained(previous, body):
        raise Disagreement(f"{name} does not follow from the one before: it was changed, moved, or one is missing")
    try:
        expected = int(row["units"]) * int(row["unit_price_micros"])
    except (KeyError, TypeError, ValueError):
        raise Disagreement(f"{name} has no units or price") from None
    if row.get("amount_micros") != expected:
        raise Disagreement(f"{name} costs {row.get('amount_micros')} micros, but units × price are {expected}")
    return str(row["hash"])


def _check_totals(totals: dict[str, Any], head: str, count: int, sums: dict[tuple[Any, ...], list[int]]) -> None:
    if totals.get("events") != count or totals.get("head") != head:
        raise Disagreement(f"the totals speak of {totals.get('events')} other records than the {count} in the file")
    for position, line in enumerate(totals["lines"], start=1):
        found = sums.pop(tuple(line[name] for name in _LINE_NAMES), [0, 0])
        if found != [line["units"], line["amount_micros"]]:
            raise Disagreement(
                f"line {position} says {line['units']} units and {line['amount_micros']} micros, "
                f"its records are {found[0]} and {found[1]}"
            )
    if sums:
        raise Disagreement(f"usage without a line: {next(iter(sums))}")
    total = sum(line["amount_micros"] for line in totals["lines"])
    exact = totals["total_minor"] * totals["micros_per_minor"] + totals["remainder_micros"]
    if total != totals["total_micros"] or total + totals["carried_micros"] != exact:
        raise Disagreement(f"the lines are {total} micros, which is not the total")
    if abs(totals["remainder_micros"]) * 2 > totals["micros_per_minor"]:
        raise Disagreement("the total is rounded by more than half a minor unit")


def _check_signature(totals: dict[str, Any], public_key: str) -> None:
    if public_key and public_key != totals.get("public_key"):
        raise Disagreement("the file was signed with another key")
    body = {key: value for key, value in totals.items() if key != "signature"}
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(totals["public_key"]))
        key.verify(base64.b64decode(totals["signature"]), canonical(body).encode())
    except (InvalidSignature, KeyError, ValueError, TypeError):
        raise Disagreement("the signature does not fit the totals") from None


def main(arguments: list[str] | None = None) -> int:
    """Print the verdict; the exit status is 0 only for a file in which everything agrees."""
    parser = argparse.ArgumentParser(description="Checks the usage file of an invoice.")
    parser.add_argument("file")
    parser.add_argument("--public-key", default="", help="base64, as published by the sender")
    chosen = parser.parse_args(arguments)
    with open(chosen.file, "rb") as lines:
        try:
            totals = verify(lines, chosen.public_key)
        except Disagreement as error:
            sys.stdout.write(f"DISAGREES: {error}\n")
            return 1
    minor, micros = totals["total_minor"], totals["total_micros"]
    sys.stdout.write(f"agrees: {totals['events']} records, {micros} micros, {minor} minor units due\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
