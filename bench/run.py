"""Runs every scenario of every system, repetition by repetition, so that drift hits all alike."""

import contextlib

from bench.errors import BenchError
from bench.session import Session


def wanted(systems, scenarios, plan):
    """Yield (repetition, system, stack name, its scenarios) for every session of a run."""
    for repetition in range(1, plan.repetitions + 1):
        for system in systems:
            by_stack = {}
            for scenario in scenarios:
                if scenario.name in system.scenarios and repetition <= scenario.repetitions(plan):
                    by_stack.setdefault(system.stack_for(scenario.name), []).append(scenario)
            for stack_name, chosen in by_stack.items():
                yield repetition, system, stack_name, chosen


def run(systems, scenarios, plan, results, progress):
    """Measure everything into `results`; a failure costs only its own scenario."""
    for repetition, system, stack_name, chosen in wanted(systems, scenarios, plan):
        remaining = list(chosen)
        while remaining:
            run_session(repetition, system, stack_name, remaining, plan, results, progress)


def run_session(repetition, system, stack_name, remaining, plan, results, progress):
    """Take scenarios off `remaining` until one fails or none is left."""
    with contextlib.ExitStack() as cleanup:
        session = None
        while remaining:
            scenario = remaining.pop(0)
            progress.step(repetition, system.name, scenario.title)
            try:
                if session is None:
                    session = Session(system, stack_name, plan)
                    cleanup.callback(session.stop)
                results.add(system.name, scenario.name, scenario.measure(session))
            except BenchError as error:
                results.add_error(system.name, scenario.name, error)
                progress.say(f"{system.name}, {scenario.title}: {error}")
                return
