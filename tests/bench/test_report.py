"""The report shows everything that was measured and judges it rightly."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from bench.report import chart, markdown
from bench.report.chart import PANELS
from bench.report.markdown import COLUMNS, by_hand_table
from bench.report.targets import TARGETS, judge, reached
from bench.results import Results
from bench.scenarios import SCENARIOS, by_hand
from bench.systems import SYSTEMS
from tests.bench.results import made_up

SVG = "{http://www.w3.org/2000/svg}"


def tables(text):
    """The Markdown tables of a text, each a list of lines."""
    table = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            table.append(line)
        elif table:
            yield table
            table = []


def test_every_column_panel_and_target_names_a_figure_that_exists():
    named = [(c[1], c[2]) for c in COLUMNS] + [(p[1], p[2]) for p in PANELS]
    named += [(target.scenario, target.metric) for target in TARGETS]
    for scenario, metric in named:
        assert metric in [m.key for m in SCENARIOS[scenario].metrics]
    for target in TARGETS:
        assert target.against is None or target.scenario in SYSTEMS[target.against].scenarios


def test_the_tables_are_well_formed_and_name_every_system():
    text = markdown(made_up())
    for table in tables(text):
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    for system in SYSTEMS.values():
        assert system.title in text


def test_a_figure_that_was_not_measured_is_said_to_be_missing():
    text = markdown(made_up(without=("nchan",)))
    assert text.count("not measured") == sum(target.against == "nchan" for target in TARGETS)


def test_the_loop_by_hand_has_a_row_for_each_way_and_number_of_readers():
    results = made_up()
    key = by_hand.key(by_hand.WAYS[1], 1000, by_hand.FIGURES[0])
    results.values["ours", "by-hand", key] = [77.0]
    _, _, *rows = by_hand_table(results).splitlines()
    assert [row.split(" | ")[:2] for row in rows] == [
        [f"| {way.title}", f"{readers:,}"] for readers in by_hand.READERS for way in by_hand.WAYS
    ]
    assert [" 77.00 " in row for row in rows] == [False, False, False, True]


def test_no_loop_by_hand_no_table_of_it():
    text = markdown(made_up(without=("ours",)))
    assert by_hand.WAYS[0].title not in text and "by hand" not in text


def test_a_failure_stands_in_the_report():
    results = made_up()
    results.add_error("stock", "echo", "no echo\ncame back")
    results.add_error("stock", "echo", "no echo\ncame back")
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
def test_a_limit_is_exact(figure, sense, limit, verdict):
    assert reached(figure, sense, limit) is verdict


def test_a_ratio_target_is_ours_divided_by_the_peer():
    results = made_up()
    target = next(target for target in TARGETS if target.against == "nchan")
    ours, theirs, figure, is_reached = judge(target, results)
    assert figure == ours.median / theirs.median
    assert is_reached is (figure <= target.limit)


def test_the_chart_is_well_formed_and_shows_each_system_in_each_of_its_panels():
    results = made_up()
    root = ElementTree.fromstring(chart(results))
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert root.tag == f"{SVG}svg"
    for name, system in SYSTEMS.items():
        shown = sum(results.summary(name, panel[1], panel[2]) is not None for panel in PANELS)
        assert words.count(system.label) == shown


def test_the_bars_of_the_chart_stay_on_the_page():
    root = ElementTree.fromstring(chart(made_up()))
    _, _, width, height = map(float, root.get("viewBox").split())
    for rect in root.iter(f"{SVG}rect"):
        x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
        assert x >= 0 and x + float(rect.get("width")) <= width
        assert y >= 0 and y + float(rect.get("height")) <= height


def test_a_chart_of_one_system_is_still_a_chart():
    others = [name for name in SYSTEMS if name != "nchan"]
    ElementTree.fromstring(chart(made_up(without=others)))


def test_results_survive_their_file():
    results = made_up()
    results.add_error("stock", "echo", "no echo came back")
    stored = json.loads(json.dumps(results.as_json()))
    assert Results.from_json(stored).as_json() == results.as_json()
