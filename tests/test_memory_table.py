"""docs/configuration.md shows the parts of the memory budget."""

import re

from channels_realtime.interface.http.bodies import LARGE
from channels_realtime.memory_budget import CONNECTION, DEFAULT, Budget

from tests.test_docs import section

MIB = 1 << 20
PROGRAM = 96  # MiB; 90 of the product, as its operators start it
# The rows of the table in their order.
ROWS = {
    "connections": Budget.of(DEFAULT).connections * CONNECTION,
    **{
        name: getattr(Budget.of(DEFAULT), name)
        for name in (
            "requests",
            "large_bodies",
            "writes",
            "messages",
            "headers",
            "handshakes",
            "disconnects",
            "outbox",
            "links",
            "working",
        )
    },
}


def mebibytes(cell):
    return int(re.search(r"([\d,]+) MiB", cell)[1].replace(",", ""))


def test_the_table_shows_the_parts_and_their_sum():
    lines = section("docs/configuration.md", "Memory").splitlines()
    table = [line.split("|") for line in lines if line.startswith("|") and "MiB" in line]
    *parts, program, total = [mebibytes(row[2]) for row in table]
    assert parts == [size // MIB for size in ROWS.values()]
    assert program == PROGRAM
    assert total == PROGRAM + DEFAULT // MIB
    assert f"{Budget.of(DEFAULT).connections:,}" in table[0][1]
    [large] = [row[1] for row in table if "of these" in row[1]]
    assert f"{LARGE >> 10} KiB" in large
