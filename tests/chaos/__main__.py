"""The fault matrix, or a long run of faults in random order, on a separate product.

python -m tests.chaos --matrix                      # every cell, for 1 s, 10 s and 60 s
python -m tests.chaos --matrix --only redis */frozen/60
python -m tests.chaos --matrix --budget 1200 --seed 7
python -m tests.chaos --seconds 600 --seed 7        # random order, often two at once
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.chaos.cells import DURATIONS, NIGHTLY, Cell, diagonal, draw, matrix
from tests.chaos.network.machines import enter
from tests.chaos.report import Report
from tests.chaos.sequence import Plan, endless, run_all, serve


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--matrix", action="store_true", help="run every cell once")
    kinds.add_argument("--diagonal", action="store_true", help="the short run of `make test`")
    kinds.add_argument(
        "--seconds", type=float, default=600, help="run faults in random order (600)"
    )
    kinds.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true", help="print the cells and exit")
    parser.add_argument("--only", nargs="+", default=[], metavar="CELL", help="redis, */full/10 …")
    parser.add_argument("--durations", help="seconds, comma-separated (1,10,60)")
    parser.add_argument("--nightly", action="store_true", help="also with a duration of 150 s")
    parser.add_argument("--budget", type=float, help="seconds; cells are drawn from the seed")
    parser.add_argument("--seed", type=int, default=1, help="seed of all random choices (1)")
    parser.add_argument("--readers", type=int, default=40, help="reader pages in Node (40)")
    parser.add_argument("--patience", type=float, default=0, help="minimum seconds to recover")
    parser.add_argument("--output", type=Path, default=Path("var/chaos"), help="folder (var/chaos)")
    parser.add_argument("--resume", action="store_true", help="skip the cells in the output folder")
    return parser.parse_args()


def selection(options: argparse.Namespace) -> list[tuple[Cell, ...]]:
    """The cells of a matrix."""
    if options.diagonal:
        return [
            cells
            for cells in diagonal()
            if not options.only or any(cell.matches(p) for cell in cells for p in options.only)
        ]
    durations = NIGHTLY if options.nightly else DURATIONS
    if options.durations:
        durations = tuple(float(word) for word in options.durations.split(","))
    cells = matrix(durations, options.only)
    if options.budget:
        cells = draw(options.seed, options.budget, cells)
    return [(cell,) for cell in cells]


def main() -> int:
    options = arguments()
    if options.list:
        for cells in selection(options):
            print(" + ".join(map(str, cells)))
        return 0
    enter()
    options.output.mkdir(parents=True, exist_ok=True)
    plan = Plan(options.seed, options.readers, options.patience, options.output)
    if options.serve:
        return serve(plan)
    chosen = selection(options)
    if not chosen:
        sys.exit(f"--only {' '.join(options.only)}: no cell matches; see --list")
    report = Report(options.output, options.seed, options.resume)
    try:
        if options.matrix or options.diagonal:
            run_all(chosen, report, plan)
        else:
            endless(options.seconds, report, plan)
    finally:
        report.write()
        print(report.summary())
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
