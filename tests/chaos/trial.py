"""One cell, or two at once: a fault begins and ends, and then one set of invariants must hold.

- sockets: only sockets that the fault affects were closed;
- recovery: within 10 s of its end /healthz and /readyz return 200, posting works, every reader
  equals the database, and every open socket has received the newest change;
- durability: every acknowledged write is in the database exactly once, and no others are;
- order: no reader showed an older state after a newer one, and no page was reloaded;
- errors: every refusal had a readable text;
- resources: memory and file descriptors of every process have returned to normal.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from tests.chaos.cells import Cell, Dependency
from tests.chaos.clients.prober import PATIENCE, Findings, Prober, acknowledged, ask, posting
from tests.chaos.clients.watchers import ports_of
from tests.chaos.faults import INJECTORS, Injector
from tests.chaos.product import TOKEN
from tests.chaos.resources import Usage, grown
from tests.chaos.stage import SLUG, Stage

ANSWER = 3.0  # s for one request to /healthz, or one post, before the next attempt
LOOK_EVERY = 0.1  # s
# s between attempts of a webhook that fails: the first ones of liveblog.webhooks.backlog.BACKOFF
WEBHOOK_RETRIES = (10.0, 30.0, 120.0)
GIVEN_UP = 60.0  # s; a stage that has not recovered by then is replaced
LOST_AFTER = 1.0  # s after the recovery, for requests that may have been lost with a dependency
HEALED = 0.95  # of the requests
BACK_WITHIN = 10.0  # s for memory and descriptors
ACKNOWLEDGED_WITHIN = 120.0  # s for the writes in progress


@dataclass
class Result:
    """The result of a trial.

    Args:
        recovered: Check -> seconds from the end of the fault; None: never.
        served: The share of requests that were served while the fault lasted.
        refusals: Other outcomes -> their number.
        closed: The number of sockets that were closed.
        violations: Sentences; empty if every invariant held.
        usage: Process -> its resources before and after.
        notes: Responses of /healthz and others while they reported problems.
    """

    cells: list[str]
    seed: int
    recovered: dict[str, float | None] = field(default_factory=dict)
    served: float | None = None
    refusals: dict[str, int] = field(default_factory=dict)
    closed: int = 0
    violations: list[str] = field(default_factory=list)
    usage: dict[str, tuple[Usage, Usage]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    took: float = 0.0

    @property
    def name(self) -> str:
        return " + ".join(self.cells)

    @property
    def seconds(self) -> float | None:
        """The recovery time; None if something never recovered."""
        values = list(self.recovered.values())
        if not values or None in values:
            return None
        return max(value for value in values if value is not None)

    @property
    def last(self) -> str:
        """The name of the last check to recover."""
        known = {name: value for name, value in self.recovered.items() if value is not None}
        return max(known, key=lambda name: known[name]) if known else ""

    @property
    def is_whole(self) -> bool:
        """Whether the stage can be used for another trial."""
        return self.seconds is not None

    def json(self) -> str:
        return json.dumps(asdict(self))


class Trial:
    """`patience`: seconds to recover before it is a violation; None: those of the fault."""

    def __init__(self, stage: Stage, cells: Sequence[Cell], patience: float | None = None) -> None:
        self.stage, self.cells = stage, cells
        self.injectors = [INJECTORS[cell.dependency, cell.fault] for cell in cells]
        promised = max(injector.within for injector in self.injectors)
        self.patience = max(promised, patience or 0.0)
        self.result = Result([str(cell) for cell in cells], stage.seed)

    def run(self) -> Result:
        started = time.monotonic()
        stage = self.stage
        stage.watchers.refill()
        now = stage.measure()
        before = {name: now[name].at_least(stage.usage.get(name)) for name in now}
        self.count_before()
        stage.desk.write()
        hurt = self.hurt_ports()
        prober = Prober(stage.product.address, SLUG, TOKEN)
        with prober:
            self.happen()
            ended = time.monotonic()
        self.settle(ended)
        prober.join(LOST_AFTER if self.may_be_lost else PATIENCE)
        self.finish(ended, hurt, prober, before)
        self.result.took = round(time.monotonic() - started, 1)
        return self.result

    def hurt_ports(self) -> dict[str, set[int]]:
        """Interface server -> the ports of its clients."""
        interfaces = self.stage.tree.members("interface")
        return {f"{name} {pid}": ports_of([pid]) for name, pid in interfaces.items()}

    def count_before(self) -> None:
        stage = self.stage
        self.violated = len(stage.desk.violations)
        self.counters = stage.crowd.tell("counters")
        if Dependency.SMTP in self.dependencies:
            self.mails = len(stage.outside.mails) - stage.mailed

    @property
    def dependencies(self) -> set[Dependency]:
        return {cell.dependency for cell in self.cells}

    @property
    def may_be_lost(self) -> bool:
        """Whether requests in progress may never be answered."""
        return any(injector.loses_requests for injector in self.injectors)

    # The fault

    def happen(self) -> None:
        """Produce all faults at once, each for its own duration."""
        with ThreadPoolExecutor() as pool:
            # Run the first one in this thread, because Playwright's pages belong to it.
            ours, *others = sorted(
                zip(self.cells, self.injectors, strict=True),
                key=lambda pair: pair[0].dependency is not Dependency.READER,
            )
            futures = [pool.submit(self.one, *pair) for pair in others]
            self.one(*ours)
            for future in futures:
                future.result()

    def one(self, cell: Cell, injector: Injector) -> None:
        with injector.produce(self.stage, cell):
            time.sleep(cell.duration)

    # What must hold after it

    def settle(self, ended: float) -> None:
        """Wait until every check passes again, and record the time of each."""
        stage = self.stage
        looks: dict[str, Callable[[], bool]] = {
            "healthz": lambda: self.answers("/healthz"),
            "posting": self.posts,
        }
        if stage.has_readyz:
            looks["readyz"] = lambda: self.answers("/readyz")
        if Dependency.SMTP in self.dependencies:
            looks["mail"] = self.mails_arrive
        pausing = threading.Thread(target=self.pause)
        with ThreadPoolExecutor() as pool:
            futures = {name: pool.submit(self.wait, look, ended) for name, look in looks.items()}
            pausing.start()
            # In this thread, see happen().
            self.result.recovered["readers"] = self.wait(lambda: not stage.different(), ended)
            for name, future in futures.items():
                self.result.recovered[name] = future.result()
        pausing.join()
        if self.result.is_whole:
            self.settle_last(ended)

    def settle_last(self, ended: float) -> None:
        """Check again after the writers have stopped: the last change must reach everyone."""
        stage, quiet = self.stage, time.monotonic()
        self.posts()
        head = stage.truth.blog()["revision"]
        again = self.wait(lambda: not stage.different(), quiet)
        heard = self.wait(lambda: not stage.watchers.behind(head), quiet)
        recovered = self.result.recovered
        readers = recovered["readers"]
        recovered["readers"] = None if again is None else max(readers or 0.0, again)
        recovered["sockets"] = heard
        if heard is None:
            self.result.violations += stage.watchers.behind(head)[:3]
        if Dependency.WEBHOOK in self.dependencies:
            recovered["webhook"] = self.wait(
                lambda: max(stage.outside.revisions, default=0) >= head,
                quiet,
                GIVEN_UP + self.webhook_patience(),
            )

    def webhook_patience(self) -> float:
        """Seconds until a webhook that failed throughout the fault is retried."""
        lasted, failing = max(cell.duration for cell in self.cells), 0.0
        for delay in WEBHOOK_RETRIES:
            failing += delay
            if failing > lasted:
                break
        return self.patience + delay

    def wait(
        self, look: Callable[[], bool], since: float, within: float = GIVEN_UP
    ) -> float | None:
        """Seconds from `since` until the check passes; None if that takes more than `within` s."""
        while not look():
            if time.monotonic() - since > within:
                return None
            time.sleep(LOOK_EVERY)
        return round(time.monotonic() - since, 2)

    def pause(self) -> None:
        try:
            self.stage.desk.pause(ACKNOWLEDGED_WITHIN)
        except TimeoutError:
            self.result.violations.append(
                f"writes were not acknowledged within {ACKNOWLEDGED_WITHIN:g} s of the fault's end"
            )

    def answers(self, path: str) -> bool:
        status, text, error = ask(self.stage.product.address, "GET", path, patience=ANSWER)
        self.note(path, status, 200, error or text)
        return status == 200

    def note(self, name: str, status: int, wanted: int, text: str) -> None:
        """Record an unexpected response."""
        sentence = f"{name}: {status} {' '.join(text.split())[:200]}"
        if status != wanted and sentence not in self.result.notes:
            self.result.notes.append(sentence)

    def posts(self) -> bool:
        request = posting(SLUG, TOKEN)
        status, text, error = ask(self.stage.product.address, *request, patience=ANSWER)
        self.note("posting", status, 201, error or text)
        if status == 201:
            self.stage.desk.acks.append(acknowledged(text))
        return status == 201

    def mails_arrive(self) -> bool:
        before = len(self.stage.outside.mails)
        self.stage.mail()
        return (
            self.wait(lambda: len(self.stage.outside.mails) > before, time.monotonic()) is not None
        )

    def finish(
        self, ended: float, hurt: dict[str, set[int]], prober: Prober, before: dict[str, Usage]
    ) -> None:
        """Check all invariants."""
        stage, result = self.stage, self.result
        findings = prober.findings
        stage.desk.acks += findings.acks
        for name, seconds in result.recovered.items():
            if seconds is None:
                result.violations.append(f"{name}: did not recover within {GIVEN_UP:g} s")
            elif seconds > (self.webhook_patience() if name == "webhook" else self.patience):
                result.violations.append(
                    f"{name}: recovered only {seconds:g} s after the fault's end"
                )
        if result.recovered["readers"] is None:
            result.violations += stage.different()[:3]
        result.served = findings.served()
        result.refusals = findings.refusals()
        result.violations += findings.violations(
            any(injector.cuts_requests for injector in self.injectors),
            self.may_be_lost,
        )
        if len(self.cells) == 1:
            self.check_served(findings, self.injectors[0])
        self.check_sockets(hurt)
        result.violations += stage.desk.violations[self.violated :]
        self.check_counters()
        result.violations += stage.truth.violations(stage.desk.acks, stage.desk.titles)[:5]
        after, over = grown(before, stage.measure, BACK_WITHIN)
        result.violations += over
        result.usage = {name: (before[name], after[name]) for name in after if name in before}
        if Dependency.WEBHOOK in self.dependencies:
            stage.stop_telling_webhooks()
        if Dependency.SMTP in self.dependencies:
            lost = self.mails + stage.mailed - len(stage.outside.mails)
            result.notes.append(f"{lost} mails did not arrive")

    def check_served(self, findings: Findings, injector: Injector) -> None:
        """Check the share of requests served while the fault lasts."""
        promises = [(0.0, injector.serves)]
        if injector.heals_after is not None:
            promises.append((injector.heals_after, HEALED))
        for since, least in promises:
            served = findings.served(since)
            if served is not None and served < least:
                after = f" more than {since:g} s after its beginning" if since else ""
                self.result.violations.append(
                    f"{served:.0%} of the requests were served while the fault lasted{after},"
                    f" not {least:.0%}"
                )

    def check_sockets(self, hurt: dict[str, set[int]]) -> None:
        """Check that only sockets of the affected process were closed."""
        closed = self.stage.watchers.closed()
        self.result.closed = len(closed)
        if not closed:
            return
        excused: set[int] = set()
        if any(injector.takes_sockets for injector in self.injectors):
            # The fault affects one process: the one that lost the most sockets.
            lost = {watcher.port for watcher in closed}
            excused = max(hurt.values(), key=lambda ports: len(ports & lost))
        for watcher in closed:
            if watcher.port not in excused:
                self.result.violations.append(
                    f"socket {watcher.number} was closed: {watcher.closed}"
                )

    def check_counters(self) -> None:
        counters = self.stage.crowd.tell("counters")
        for name in ("stale", "backwards"):
            if times := counters[name] - self.counters[name]:
                example = f" ({counters['lastStale']})" if name == "stale" else ""
                self.result.violations.append(f"readers went {name} {times} times{example}")
