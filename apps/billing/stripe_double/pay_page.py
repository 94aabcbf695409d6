"""The page that stands in for Stripe Checkout: says so, shows the amount, and has one button."""

import html
from typing import Any

_STYLE = """
body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f6f8fb;color:#0f172a;
font:16px/1.5 Inter,system-ui,sans-serif}
main{background:#fff;border:1px solid #dde3ec;border-radius:12px;padding:32px;width:min(360px,calc(100vw - 64px))}
h1{font-size:28px;letter-spacing:-.02em;margin:0 0 4px}p{color:#475569;margin:0 0 20px}
button{font:inherit;font-weight:600;color:#fff;background:#1d4fd7;border:0;border-radius:8px;padding:12px;width:100%;
cursor:pointer}button.quiet{margin-top:8px;color:#1d4fd7;background:#eef2fb}a{display:block;text-align:center;margin-top:16px;color:#1d4fd7}
"""
_WITHOUT_DECIMALS = {"jpy", "krw", "vnd", "clp"}
_THREE_DECIMALS = {"kwd", "bhd", "jod", "omr", "tnd"}


def pay_page(session: dict[str, Any]) -> str:
    """The body for an open Checkout session."""
    back = html.escape(session["cancel_url"] or "/", quote=True)
    if session["mode"] == "setup":
        return (
            "<h1>Save a card</h1><p>This page stands in for Stripe Checkout on this machine; no card exists.</p>"
            '<form method="post"><button>Save a test card</button></form><form method="post">'
            '<input type="hidden" name="declines" value="yes"><button class="quiet">Save one that will be refused'
            f'</button></form><a href="{back}">Back without saving</a>'
        )
    return (
        f"<h1>{html.escape(_amount(session))}</h1><p>Test payment. This page stands in for Stripe Checkout on this"
        f' machine; no card is charged.</p><form method="post"><button>Pay</button></form>'
        f'<a href="{back}">Back without paying</a>'
    )


def portal_page(portal: dict[str, Any], methods: list[dict[str, Any]]) -> str:
    """The body that stands in for Stripe's customer portal: what is saved, and the way back."""
    back = html.escape(portal["return_url"] or "/", quote=True)
    saved = "".join(f"<p>Test card {html.escape(one['id'][-6:])}</p>" for one in methods) or "<p>No card is saved.</p>"
    return f'<h1>Your cards</h1>{saved}<a href="{back}">Back</a>'


def document(body: str) -> str:
    """A whole page around a body."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Test payment</title>'
    return f'<!doctype html><html lang="en">{head}<style>{_STYLE}</style><body><main>{body}</main></body></html>'


def _amount(session: dict[str, Any]) -> str:
    currency = session["currency"].lower()
    decimals = 0 if currency in _WITHOUT_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    return f"{session['amount_total'] / 10**decimals:,.{decimals}f} {currency.upper()}"
