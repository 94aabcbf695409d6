"""axe-core's verdict on an open page, in words that say what to mend."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
COUNTED = ("moderate", "serious", "critical")
# What another colour scheme or width can change; labels, roles and headings stay what they were.
_BY_LOOK = [
    "color-contrast",
    "link-in-text-block",
    "scrollable-region-focusable",
    "target-size",
    "button-name",
    "link-name",
]
_RUN = """async (rules) => {
  const answer = await axe.run(document, {
    resultTypes: ["violations"],
    runOnly: rules || ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  });
  return answer.violations.map(({id, impact, help, nodes}) => ({
    id, impact, help, nodes: nodes.map(({target, any, all, none}) =>
      target.join(" ") + " — " + [...any, ...all, ...none].map((check) => check.message).join("; ")),
  }));
}"""


@cache
def _axe() -> str:
    return AXE.read_text()


def findings(page: Page, *, only_by_look: bool = False) -> list[str]:
    """What axe finds on the page as it stands, one line a rule and place; minor notes are left out."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(_axe())
    found: list[dict[str, Any]] = page.evaluate(_RUN, _BY_LOOK if only_by_look else None)
    return [
        f"{rule['impact']} {rule['id']} ({rule['help']}): {node[:300]}"
        for rule in found
        if rule["impact"] in COUNTED
        for node in rule["nodes"]
    ]


def overflow(page: Page) -> list[str]:
    """A page that scrolls sideways, and the first things that stick out."""
    wide: list[str] = page.evaluate(
        """() => {
          const edge = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= edge) return [];
          const hides = (one) => /(auto|scroll|hidden)/.test(getComputedStyle(one).overflowX);
          const scrolls = (one) => Boolean(one) && (hides(one) || scrolls(one.parentElement));
          return [...document.body.querySelectorAll("*")]
            .filter((one) => one.getBoundingClientRect().right > edge + 1 && !scrolls(one.parentElement))
            .slice(0, 3).map((one) => one.outerHTML.slice(0, 200));
        }"""
    )
    return [f"sticks out of the screen: {one}" for one in wide]
