"""What a person reads of a run: a Markdown table and an SVG chart."""

from bench.report.chart import chart
from bench.report.markdown import markdown

__all__ = ["chart", "markdown"]
