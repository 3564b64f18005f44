"""The known failures in docs/reliability.md are compared with the tests."""

import re

from tests.test_docs import ROOT, section

STOCK_ROWS = 29  # of the stock stack; those after it were found in this product
TRANSPORT = ROOT / "packages" / "channels-realtime" / "tests"
TABLE = section("docs/reliability.md", "Known failures")
NUMBERED = dict(re.findall(r"^\| (\d+) \|(.*)$", TABLE, re.M))


def functions_named(pattern):
    sources = [path.read_text() for path in TRANSPORT.glob("known_failures/test_*.py")]
    return set(re.findall(rf"^def ({pattern})\(", "\n".join(sources), re.M))


def test_the_rows_are_numbered_without_gaps():
    assert list(NUMBERED) == [str(number) for number in range(1, len(NUMBERED) + 1)]
    assert len(NUMBERED) > STOCK_ROWS


def test_every_numbered_test_has_its_row():
    sources = [*ROOT.glob("tests/**/test_*.py"), *TRANSPORT.glob("**/test_*.py")]
    pattern = re.compile(r"^\s*def test_row_(\d+)_", re.M)
    numbers = {int(number) for path in sources for number in pattern.findall(path.read_text())}
    assert {str(number) for number in numbers} <= set(NUMBERED)


def test_every_test_stands_in_its_row_and_no_other():
    for number, row in list(NUMBERED.items())[:STOCK_ROWS]:
        named = set(re.findall(r"`(test_row_\w+)`", row))
        ours = functions_named(rf"test_row_{int(number):02}_(?!on_the_stock)\w+")
        assert named == ours, f"row {number}"
        stock = functions_named(rf"test_row_{int(number):02}_on_the_stock_stack_fails")
        assert row.endswith("| test |") == bool(stock), f"row {number}"


def files_with(number):
    """The test files that hold a test of the row."""
    named = [
        *((path, rf"^\s*def test_row_{number}_") for path in ROOT.glob("tests/**/test_*.py")),
        *((path, rf"^\s*def test_row_{number}_") for path in TRANSPORT.glob("**/test_*.py")),
        *((path, rf'^describe\("row {number}: ') for path in ROOT.glob("tests/js/*.mjs")),
    ]
    return {
        str(path.relative_to(ROOT))
        for path, pattern in named
        if re.search(pattern, path.read_text(), re.M)
    }


def test_every_row_found_here_names_the_files_that_hold_its_tests():
    for number, row in list(NUMBERED.items())[STOCK_ROWS:]:
        named = set(re.findall(r"`((?:packages/channels-realtime/)?tests/[\w/.]+)`", row))
        assert named and named == files_with(number), f"row {number}"


def test_what_is_shown_elsewhere_exists():
    places = re.findall(r"`((?:packages/channels-realtime/)?tests/[\w/.]+)`(?:, “(.+?)”)?", TABLE)
    assert places
    for path, title in places:
        assert (ROOT / path).exists(), path
        assert not title or title in (ROOT / path).read_text(), title
