"""Charts as template tags."""

from django import template

from apps.web.charts import bars, forecast, lines, pareto, points, shares, square, times

register = template.Library()
register.simple_tag(bars.sparkline, name="sparkline")
register.simple_tag(bars.histogram, name="histogram")
register.simple_tag(bars.day_bars, name="day_bars")
register.simple_tag(lines.line_chart, name="line_chart")
register.simple_tag(times.stacked_bars, name="stacked_bars")
register.simple_tag(times.time_lines, name="time_lines")
register.simple_tag(forecast.forecast_chart, name="forecast_chart")
register.simple_tag(points.calibration, name="calibration")
register.simple_tag(pareto.trade, name="trade")
register.simple_tag(square.rate_curves, name="rate_curves")
register.simple_tag(square.answer_against_truth, name="answer_against_truth")
register.simple_tag(shares.share_bar, name="share_bar")
register.simple_tag(shares.heat_map, name="heat_map")
