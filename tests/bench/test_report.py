"""The report shows everything that was measured and judges it rightly."""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.chart import PANELS, chart
from bench.crowds import idle, large
from bench.report import COLUMNS, TARGETS, judge, markdown, reached
from bench.results import Key, Results
from bench.scenarios import SCENARIOS, WAYS
from bench.systems import REPOSITORY, SYSTEMS
from tests.bench.results import made_up

SVG = "{http://www.w3.org/2000/svg}"


def tables(text: str) -> Iterator[list[str]]:
    """The Markdown tables of a text, each a list of lines."""
    table: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            table.append(line)
        elif table:
            yield table
            table = []


def test_every_column_panel_and_target_names_a_figure_that_exists() -> None:
    named = [(each.scenario, each.metric) for each in (*COLUMNS, *PANELS)]
    named += [(target.scenario, target.metric) for target in TARGETS]
    for scenario, metric in named:
        assert metric in [m.key for m in SCENARIOS[scenario].metrics]
    for target in TARGETS:
        assert target.against is None or target.scenario in SYSTEMS[target.against].scenarios


def test_the_tables_are_well_formed_and_name_every_system() -> None:
    text = markdown(made_up())
    for table in tables(text):
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    for system in SYSTEMS.values():
        assert system.title in text


def test_a_figure_that_was_not_measured_is_said_to_be_missing() -> None:
    text = markdown(made_up(without=("nchan",)))
    assert text.count("not measured") == sum(target.against == "nchan" for target in TARGETS)


def test_the_loop_by_hand_has_a_row_beside_that_of_the_group() -> None:
    results = made_up()
    results.values[Key("ours", "by-hand", "loop_delivered")] = [77.0]
    lines = markdown(results).splitlines()
    for key, shown in (("group", "10.50"), ("loop", "77.00")):
        [row] = [line for line in lines if line.startswith(f"| {WAYS[key].title} |")]
        assert f"| {shown}" in row


def test_no_loop_by_hand_no_table_of_it() -> None:
    text = markdown(made_up(without=("ours",)))
    assert WAYS["group"].title not in text and "by hand" not in text


def test_a_crowd_has_a_row_for_each_of_its_sizes() -> None:
    lines = markdown(made_up()).splitlines()
    for title in (*large.STEPS, *(f"{size} crowd" for size in idle.SIZES)):
        assert len([line for line in lines if line.startswith(f"| {title} |")]) == 1


def test_a_later_run_of_one_scenario_replaces_its_figures_and_keeps_all_others() -> None:
    older, later = made_up(without=("socket-io",)), made_up(without=("stock",))
    older.add_error("ours", "herd", ValueError("nobody came back"))
    older.add_error("ours", "echo", ValueError("no echo came back"))
    jitter = {key: [99.0] for key in later.values if key.scenario == "jitter"}
    later.values = {**jitter, Key("ours", "herd", "last_back"): [1.5]}
    older.update(later, list(SYSTEMS))
    assert list(older.systems) == list(SYSTEMS)
    assert older.summary("socket-io", "jitter", "received") == (99, 99, 99)
    assert older.summary("ours", "herd", "last_back") == (1.5, 1.5, 1.5)
    assert older.summary("ours", "herd", "queue") is None
    assert older.summary("stock", "echo", "rate") is not None
    assert [error["scenario"] for error in older.errors] == ["echo"]
    assert "socket-io: jitter" in markdown(older)
    again = made_up()
    again.values = {Key("ours", "herd", "last_back"): [1.4]}
    older.update(again, list(SYSTEMS))
    assert markdown(older).count("ours: herd") == 1


def test_what_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    written = made_up()
    path = tmp_path / "results.json"
    path.write_text(written.as_json())
    read = Results.load(path)
    assert read.as_json() == written.as_json()
    assert markdown(read) == markdown(written)


def test_a_failure_stands_in_the_report() -> None:
    results = made_up()
    results.add_error("stock", "echo", ValueError("no echo\ncame back"))
    results.add_error("stock", "echo", ValueError("no echo\ncame back"))
    assert markdown(results).count("- stock, echo: no echo came back") == 1


@pytest.mark.parametrize(
    ("figure", "sense", "limit", "verdict"),
    [
        (1.0, "<=", 1.0, True),
        (1.01, "<=", 1.0, False),
        (1.0, "<", 1.0, False),
        (0.99, "<", 1.0, True),
        (99.99, ">=", 100, False),
        (100.0, ">=", 100, True),
    ],
)
def test_a_limit_is_exact(figure: float, sense: str, limit: float, verdict: bool) -> None:
    assert reached(figure, sense, limit) is verdict


def test_a_ratio_target_is_ours_divided_by_the_peer() -> None:
    results = made_up()
    target = next(target for target in TARGETS if target.against == "nchan")
    ours, theirs, figure, is_reached = judge(target, results)
    assert ours and theirs and figure == ours.median / theirs.median
    assert is_reached is (figure <= target.limit)


def test_the_chart_is_well_formed_and_shows_each_system_in_each_of_its_panels() -> None:
    results = made_up()
    root = ElementTree.fromstring(chart(results))
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert root.tag == f"{SVG}svg"
    for name, system in SYSTEMS.items():
        shown = sum(
            results.summary(name, panel.scenario, panel.metric) is not None for panel in PANELS
        )
        assert words.count(system.label) == shown


def test_the_bars_of_the_chart_stay_on_the_page() -> None:
    root = ElementTree.fromstring(chart(made_up()))
    _, _, width, height = map(float, root.get("viewBox").split())
    for rect in root.iter(f"{SVG}rect"):
        x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
        assert x >= 0 and x + float(rect.get("width")) <= width
        assert y >= 0 and y + float(rect.get("height")) <= height


def test_a_chart_of_one_system_is_still_a_chart() -> None:
    others = [name for name in SYSTEMS if name != "nchan"]
    ElementTree.fromstring(chart(made_up(without=others)))


def test_the_file_of_a_run_has_the_median_and_the_spread_of_each_figure() -> None:
    results = made_up()
    results.add_error("stock", "echo", ValueError("no echo came back"))
    stored = json.loads(results.as_json())
    assert stored["measured"]["ours"]["memory"] == {"socket": [10.5, 10.0, 11.0]}
    assert stored["errors"][0]["error"] == "no echo came back"
    assert set(stored["measured"]) == set(SYSTEMS)


def test_the_results_in_the_repository_are_a_summary() -> None:
    text = (REPOSITORY / "bench" / "results" / "results.json").read_text()
    assert len(text.splitlines()) <= 300
    assert set(json.loads(text)["measured"]) == set(SYSTEMS)
