"""`python -m bench`: measures, writes results.json, results.md and chart.svg."""

import argparse
import dataclasses
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from bench import processes, scenarios, systems
from bench.chart import chart
from bench.errors import BenchError
from bench.plan import FULL, QUICK
from bench.progress import Progress
from bench.report import markdown
from bench.results import FOLDER, RESULTS, Results, describe_machine
from bench.session import run, wanted

# Open files per process besides its sockets: libraries, logs, pipes, Redis.
FILES_BESIDE_SOCKETS = 500


def raise_file_limit(wanted: int) -> None:
    """Let this process and its children open `wanted` files each. Raises BenchError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchError(
            f"The largest crowd needs {wanted} open files per process, but the limit is {hard}; "
            f"raise it (ulimit -Hn {wanted}) or leave the largest crowds out with --scenarios."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(systems.SYSTEMS)
    parser.add_argument("--only", default="", help=f"systems, comma-separated: {names}")
    names = ", ".join(scenarios.SCENARIOS)
    parser.add_argument("--scenarios", default="", help=f"comma-separated: {names}")
    parser.add_argument(
        "--quick",
        action="store_true",
        default=os.environ.get("QUICK", "") not in ("", "0"),
        help="one short repetition, for a look (also: QUICK=1 in the environment)",
    )
    parser.add_argument("--repetitions", type=int, help="instead of the plan's")
    parser.add_argument(
        "--update",
        action="store_true",
        help="keep what the folder's results.json has of other systems and scenarios",
    )
    parser.add_argument(
        "--output", type=Path, default=FOLDER, help="folder of the three result files"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run; return the exit status: 0, or 1 when something failed or is missing."""
    options = parse(arguments)
    plan = QUICK if options.quick else FULL
    if options.repetitions:
        plan = dataclasses.replace(plan, repetitions=options.repetitions)
    chosen_systems = systems.choose([name for name in options.only.split(",") if name])
    chosen = scenarios.choose([name for name in options.scenarios.split(",") if name])
    sockets = {
        "crowd": plan.crowd_readers,
        "herd": plan.herd_readers,
        "idle-crowd": max(plan.idle_crowds),
        "jitter": plan.jitter_clients,
        "large-crowd": -(-max(plan.large_crowds) // systems.Ours.interfaces),
    }
    if most := max((sockets.get(scenario.name, 0) for scenario in chosen), default=0):
        raise_file_limit(most + FILES_BESIDE_SOCKETS)
    progress = Progress(sum(len(part.scenarios) for part in wanted(chosen_systems, chosen, plan)))
    for system in chosen_systems:
        progress.say(f"Preparing {system.name}: {system.title}")
        system.prepare()
    about = describe_machine() | {"quick": options.quick, "plan": dataclasses.asdict(plan)}
    described = {
        system.name: {"title": system.title, "label": system.label, "versions": system.versions()}
        for system in chosen_systems
    }
    results = Results(about, described)
    try:
        run(chosen_systems, chosen, plan, results, progress)
    finally:
        processes.stop_all()
        progress.clear()
    failed = bool(results.errors)
    options.output.mkdir(parents=True, exist_ok=True)
    if options.update:
        later, results = results, Results.load(options.output / RESULTS)
        results.update(later, list(systems.SYSTEMS))
    (options.output / RESULTS).write_text(results.as_json())
    (options.output / "results.md").write_text(markdown(results))
    (options.output / "chart.svg").write_text(chart(results))
    print(markdown(results))
    return 1 if failed else 0


def stop(signal_number: int, frame: FrameType | None) -> None:
    """SIGTERM ends a run as Ctrl-C does: with everything that it started."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped; nothing was written.")
