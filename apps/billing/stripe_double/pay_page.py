"""The page that stands in for Stripe Checkout: says so, shows the amount, and has one button."""

import html
from typing import Any

_STYLE = """
body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f6f8fb;color:#0f172a;
font:16px/1.5 Inter,system-ui,sans-serif}
main{background:#fff;border:1px solid #dde3ec;border-radius:12px;padding:32px;width:min(360px,calc(100vw - 64px))}
h1{font-size:28px;letter-spacing:-.02em;margin:0 0 4px}p{color:#475569;margin:0 0 20px}
button{font:inherit;font-weight:600;color:#fff;background:#1d4fd7;border:0;border-radius:8px;padding:12px;width:100%;
cursor:pointer}a{display:block;text-align:center;margin-top:16px;color:#1d4fd7}
"""
_WITHOUT_DECIMALS = {"jpy", "krw", "vnd", "clp"}
_THREE_DECIMALS = {"kwd", "bhd", "jod", "omr", "tnd"}


def pay_page(session: dict[str, Any]) -> str:
    """The body for an open Checkout session."""
    back = html.escape(session["cancel_url"] or "/", quote=True)
    return (
        f"<h1>{html.escape(_amount(session))}</h1><p>Test payment. This page stands in for Stripe Checkout on this"
        f' machine; no card is charged.</p><form method="post"><button>Pay</button></form>'
        f'<a href="{back}">Back without paying</a>'
    )


def document(body: str) -> str:
    """A whole page around a body."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Test payment</title>'
    return f'<!doctype html><html lang="en">{head}<style>{_STYLE}</style><body><main>{body}</main></body></html>'


def _amount(session: dict[str, Any]) -> str:
    currency = session["currency"].lower()
    decimals = 0 if currency in _WITHOUT_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    return f"{session['amount_total'] / 10**decimals:,.{decimals}f} {currency.upper()}"
