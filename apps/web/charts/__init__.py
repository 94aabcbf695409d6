"""Charts drawn on the server as SVG: no script, no style attribute, the same look everywhere (static/css/data.css)."""
