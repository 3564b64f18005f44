"""python -m tests.chaos --seconds 600 --seed 7: a long run, with a line a fault and a report."""

import argparse
import sys
import time
from pathlib import Path

from tests.chaos.scenarios import SCENARIOS
from tests.chaos.sequence import endless
from tests.chaos.world import World


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long (default: 600)")
    parser.add_argument("--seed", type=int, default=1, help="what happens when (default: 1)")
    parser.add_argument("--readers", type=int, default=200, help="WebSocket clients (default: 200)")
    parser.add_argument("--patience", type=float, default=30, help="s until a reader is lost (30)")
    parser.add_argument("--only", choices=sorted(SCENARIOS), nargs="*", help="these faults, again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here as well")
    options = parser.parse_args()
    with World(options.seed, options.readers, options.patience) as world:
        failures = run(world, options)
        report = world.finish()
        report.failures = failures
        if options.json:
            options.json.write_text(report.json() + "\n")
        print(report.text())
    return 1 if failures else 0


def run(world, options):
    """Fault after fault until the time is over. Returns the sentences of what broke."""
    failures = []
    started = time.monotonic()
    for names in endless(options.seed):
        if options.only and not set(names) <= set(options.only):
            continue
        passed = time.monotonic() - started
        if passed > options.seconds:
            break
        try:
            outcome = f"whole after {world.run(*names):.2f} s"
        except AssertionError as error:
            outcome = f"BROKEN: {error}"
            failures.append(f"{' + '.join(names)}: {error}")
        print(f"{passed:6.0f} s  {' + '.join(names):40} {outcome}", flush=True)
        if len(failures) > 5:
            break
    try:
        world.check_counts()
    except AssertionError as error:
        failures.append(f"the number of readers: {error}")
    return failures


if __name__ == "__main__":
    sys.exit(main())
