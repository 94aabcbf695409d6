"""How things are shown in templates: icons, states, failures, form fields."""

import re
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.web import numbers, states
from contracts.failures import FAILURES

register = template.Library()

register.filter("movement", states.movement_of)
register.filter("money", numbers.money)
register.filter("count", numbers.count)
register.filter("duration", numbers.duration)
register.filter("window", numbers.window)
register.filter("percent", numbers.percent)
register.filter("when", numbers.when)
register.filter("metric", numbers.metric)
register.filter("metric_name", numbers.metric_name)
register.filter("amount", numbers.amount)
register.filter("signed", numbers.signed)
register.filter("size", numbers.size)
register.filter("energy_source", numbers.energy_source)

_FAMILIES = {
    "mlp": "Neural network",
    "xgboost": "XGBoost",
    "boosting_small": "Gradient boosting, small trees",
    "pixels": "Pixels, linear",
    "transfer": "Transfer learning",
    "transfer_large": "Transfer learning, larger network",
    "cnn": "Convolutional network",
    "tfidf_words": "Words",
    "tfidf_characters": "Words and characters",
    "lsa": "Latent semantic analysis",
    "minilm": "MiniLM",
    "minilm_tuned": "MiniLM, fine-tuned",
}
_SHARE = re.compile(r"(\w+) (\d+\s?%)")
_LEVELS = {"success": "good", "error": "bad", "warning": "warn"}
_LEVEL_ICONS = {"success": "circle-check", "error": "circle-alert", "warning": "triangle-alert"}


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Draw an icon of the sprite; without a label it is decoration and hidden from screen readers."""
    spin = " spin" if name == "loader-circle" else ""
    address = f"{static('vendor/icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon{}" role="img" aria-label="{}"><use href="{}"></use></svg>', spin, label, address
        )
    return format_html('<svg class="icon{}" aria-hidden="true"><use href="{}"></use></svg>', spin, address)


@register.filter
def state_badge(state: str) -> SafeString:
    """A state as a coloured word; the dot moves while something is under way."""
    look = states.look_of(state)
    return format_html('<span class="badge {}"><span class="dot"></span>{}</span>', look.kind, look.label)


@register.filter
def level_class(level: str) -> str:
    return _LEVELS.get(level, "info")


@register.filter
def level_icon(level: str) -> str:
    return _LEVEL_ICONS.get(level, "info")


@register.filter
def failure_url(code: str) -> str:
    """Address of the page that explains a code; empty for something that is no code."""
    if code not in FAILURES:
        return ""
    whose, name = code.split(":")
    return reverse("failure", args=[whose, name])


@register.filter
def failure_title(code: str) -> str:
    return FAILURES[code].title if code in FAILURES else code


@register.filter
def failure_fix(code: str) -> str:
    return FAILURES[code].fix if code in FAILURES else ""


@register.filter
def family(name: str) -> str:
    """A model family as people call it."""
    return _FAMILIES.get(name) or words(name)


@register.filter
def shares(note: str) -> str:
    """`boosting_small 84%, extra_trees 16%` -> `Gradient boosting, small trees 84% · Extra trees 16%`."""
    parts = [_SHARE.fullmatch(part) for part in note.split(", ")]
    return " · ".join(f"{family(part[1])} {part[2]}" for part in parts if part) if all(parts) else note


@register.filter
def stage(text: str) -> str:
    """What a trainer is at: `fit mlp` -> `Fitting: neural network`."""
    verb, _, rest = str(text).partition(" ")
    return f"Fitting: {family(rest).lower()}" if verb == "fit" and rest else words(text)


@register.filter
def quantile(name: str) -> str:
    """`p05` -> `5 % are below`."""
    share = str(name).removeprefix("p").lstrip("0") or "0"
    return "half are below" if share == "50" else f"{share} % are below"


@register.filter
def words(name: str) -> str:
    """`tabular_classification` -> `Tabular classification`."""
    return str(name).replace("_", " ").replace("-", " ").capitalize()


@register.filter
def lookup(mapping: Any, key: Any) -> Any:
    return mapping.get(key, "") if isinstance(mapping, dict) else ""


@register.filter
def plain(value: Any) -> str:
    """A JSON value in words: lists joined, nothing as a dash."""
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    if value is None or value == "":
        return "–"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


@register.filter
def short_hash(text: str) -> str:
    return str(text)[:12]


@register.filter
def is_checkbox(field: BoundField) -> bool:
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def is_choice_list(field: BoundField) -> bool:
    return isinstance(field.field.widget, CheckboxSelectMultiple | RadioSelect)


@register.filter
def described(field: BoundField) -> SafeString:
    """The input with its help and errors tied to it for screen readers."""
    described_by = []
    if field.errors:
        described_by.append(f"{field.auto_id}_error")
    if field.help_text:
        described_by.append(f"{field.auto_id}_help")
    attributes: dict[str, str | bool] = {"aria-describedby": " ".join(described_by)} if described_by else {}
    if field.errors:
        attributes["aria-invalid"] = "true"
    return field.as_widget(attrs=attributes)
