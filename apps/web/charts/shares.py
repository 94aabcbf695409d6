"""Why an answer is what it is: bars around a middle line, and heat over an image."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.web.numbers import amount

_TINY = 64  # pixels: shown as squares, not as a blur
_STRONGEST = 0.75  # opacity of the cell that matters most: the image stays visible below


def share_bar(share: float, largest: float) -> SafeString:
    """From the middle to the right where a share raises the answer, to the left where it lowers it."""
    width = round(50 * min(1.0, abs(share) / largest), 2) if largest else 0
    return format_html(
        '<svg class="chart share-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" x="0" y="0" width="100" height="8" rx="1"/>'
        '<rect class="{}" x="{}" y="0" width="{}" height="8"/>'
        '<line class="axis" x1="50" x2="50" y1="0" y2="8"/></svg>',
        "fill-1" if share >= 0 else "fill-2",
        50 if share >= 0 else 50 - width,
        width,
    )


def heat_map(image: str, width: int, height: int, heat: Sequence[Sequence[float]], label: str) -> SafeString:
    """Cells over the image (a data address, or empty), the stronger the more hiding them changes the answer."""
    largest = max((abs(value) for row in heat for value in row), default=0.0)
    tall, wide = height / max(1, len(heat)), width / max(1, len(heat[0]) if heat else 1)
    cells = [
        (
            "heat-for" if value > 0 else "heat-against",
            round(column * wide, 2),
            round(row * tall, 2),
            round(wide, 2),
            round(tall, 2),
            round(_STRONGEST * abs(value) / largest, 3),
            f"{'−' if value > 0 else '+'}{amount(abs(value))} when hidden",
        )
        for row, values in enumerate(heat)
        for column, value in enumerate(values)
        if largest and abs(value) > 0.02 * largest
    ]
    drawn = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}" fill-opacity="{}"><title>{}</title></rect>',
        cells,
    )
    below = format_html('<image href="{}" width="{}" height="{}"/>', image, width, height) if image else ""
    return format_html(
        '<svg class="heat-map{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>',
        " tiny" if width <= _TINY else "",
        width,
        height,
        label,
        below,
        drawn,
    )
