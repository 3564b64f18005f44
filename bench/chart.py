"""The run as one SVG picture: a panel a figure, a bar a system; legible in light and dark."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from bench.report import OURS
from bench.results import Results, Summary


class Panel(NamedTuple):
    """One figure of all systems."""

    heading: str
    scenario: str
    metric: str
    unit: str
    digits: int
    less_is_better: bool


class Bar(NamedTuple):
    """One system's figure."""

    name: str
    label: str
    summary: Summary
    remark: str


PANELS = (
    Panel("Server CPU per delivery", "broadcast", "server_cpu", "µs", 1, True),
    Panel("Server CPU per delivery, in a burst", "burst", "server_cpu", "µs", 1, True),
    Panel("The last reader has it after", "broadcast", "last_reader", "ms", 1, True),
    Panel("Handshakes", "handshake", "rate", "/s", 0, False),
    Panel("Memory per socket", "memory", "socket", "KiB", 1, True),
    Panel("Echo through a consumer", "echo", "rate", "/s", 0, False),
)
COLUMNS = 2
WIDTH, MARGIN, GUTTER = 960, 24, 32
HEAD, PANEL_HEAD, ROW, BAR, PANEL_FOOT = 72, 46, 24, 14, 22
LABEL, VALUE = 142, 74  # room for a system's name at the left, for its figure at the right
PANEL_WIDTH = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GUTTER) / COLUMNS
REMARK = 130  # what a remark takes
BAR_ROOM = PANEL_WIDTH - LABEL - VALUE

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif }
.page { fill: #ffffff } .card { fill: #f6f8fa } .track { fill: #e7ebf0 }
.strong { fill: #1f2328 } .soft { fill: #59636e } .spread { stroke: #1f2328 }
.ours { fill: #c2410c } .peer { fill: #8c9bb0 }
.h1 { font-size: 20px; font-weight: 650 } .h2 { font-size: 15px; font-weight: 600 }
.note { font-size: 12px } .inside { font-size: 11px; font-weight: 600; fill: #ffffff }
.bold { font-weight: 650 } .end { text-anchor: end }
.spread { stroke-width: 1.2; opacity: .55 }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } .card { fill: #161b22 } .track { fill: #242b35 }
.strong { fill: #f0f6fc } .soft { fill: #9198a1 } .spread { stroke: #f0f6fc }
.ours { fill: #fb8c4a } .peer { fill: #66758c }
}
"""


def chart(results: Results) -> str:
    """An SVG document (str) of the medians, with the spread as a thin line on each bar."""
    panels = [bars_of(panel, results) for panel in PANELS]
    panels = [(panel, bars) for panel, bars in zip(PANELS, panels, strict=True) if bars]
    parts, top = [], HEAD
    for start in range(0, len(panels), COLUMNS):
        line = panels[start : start + COLUMNS]
        height = PANEL_HEAD + ROW * max(len(bars) for _, bars in line) + PANEL_FOOT
        for column, (panel, bars) in enumerate(line):
            left = MARGIN + column * (PANEL_WIDTH + GUTTER)
            parts += draw_panel(panel, bars, left, top, height - PANEL_FOOT / 2)
        top += height
    plan, times = results.about["plan"], results.about["plan"]["repetitions"]
    note = (
        f"{plan['readers']:,} readers, {plan['payload_size']}-byte messages, "
        f"{results.about['cores']} cores; "
        + (f"median of {times}, line: lowest to highest" if times > 1 else "one repetition")
    )
    height = top + MARGIN / 2
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" role="img" aria-labelledby="title">',
        '<title id="title">Benchmark: this live blog beside its peers</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height:g}" rx="12"/>',
        text(MARGIN, 34, "This live blog beside its peers", "strong h1"),
        text(MARGIN, 54, note, "soft note"),
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


def bars_of(panel: Panel, results: Results) -> list[Bar]:
    """The systems of which the figure was measured."""
    bars: list[Bar] = []
    for name, about in results.systems.items():
        if summary := results.summary(name, panel.scenario, panel.metric):
            delivered = results.summary(name, panel.scenario, "delivered")
            lossy = delivered is not None and delivered.median < 100
            remark = f"only {delivered.median:.0f} % delivered" if lossy else ""
            bars.append(Bar(name, about["label"], summary, remark))
    return bars


def draw_panel(
    panel: Panel, bars: Sequence[Bar], left: float, top: float, height: float
) -> list[str]:
    """The SVG elements of one panel whose bars start at zero and share one scale."""
    hint = "less is better" if panel.less_is_better else "more is better"
    scale = BAR_ROOM / (max(bar.summary.high for bar in bars) or 1)
    parts = [
        f'<rect class="card" x="{left - 12:g}" y="{top:g}" width="{PANEL_WIDTH + 24:g}" '
        f'height="{height:g}" rx="8"/>',
        text(left, top + 24, panel.heading, "strong h2"),
        text(left + PANEL_WIDTH, top + 24, hint, "soft note end"),
    ]
    for row, (name, label, summary, remark) in enumerate(bars):
        y = top + PANEL_HEAD - 4 + row * ROW
        emphasis = "strong bold" if name == OURS else "soft"
        color = "ours" if name == OURS else "peer"
        figure = f"{summary.median:,.{panel.digits}f} {panel.unit}".replace(" /s", "/s")
        # 1.5: a bar that is too short to see would look like a missing one.
        width = max(1.5, summary.median * scale)
        parts += [
            text(left, y + BAR - 2, label, emphasis),
            rect("track", left + LABEL, y, BAR_ROOM),
            rect(color, left + LABEL, y, width),
            *spread(summary, left + LABEL, y + BAR / 2, scale),
            *remark_on(remark, left + LABEL, y + BAR - 3, width),
            text(left + PANEL_WIDTH, y + BAR - 2, figure, f"{emphasis} end"),
        ]
    return parts


def spread(summary: Summary, left: float, y: float, scale: float) -> list[str]:
    """A thin line from the lowest to the highest repetition; none where they agree."""
    low, high = left + summary.low * scale, left + summary.high * scale
    if high - low < 1:
        return []
    return [f'<path class="spread" d="M{low:.1f} {y:g}H{high:.1f}"/>']


def remark_on(remark: str, left: float, y: float, width: float) -> list[str]:
    """A remark inside its bar, or behind it where the bar is too short."""
    if not remark:
        return []
    fits = width > REMARK
    return [text(left + (6 if fits else width + 6), y, remark, "inside" if fits else "soft note")]


def rect(style: str, x: float, y: float, width: float) -> str:
    return f'<rect class="{style}" x="{x:g}" y="{y:g}" width="{width:.1f}" height="{BAR}" rx="3"/>'


def text(x: float, y: float, words: str, style: str) -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{escape(words)}</text>'
