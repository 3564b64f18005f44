"""The product, its readers and its writers, and what must be true after every fault."""

import contextlib
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.chaos.crowd import Crowd
from tests.chaos.desk import Desk
from tests.chaos.pages import Pages
from tests.chaos.network.proxy import Proxy
from tests.chaos.report import Report
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.tree import Tree
from tests.chaos.truth import Truth
from tests.e2e.stack import Stack
from tests.services import wait_until

SLUG = "chaos"
# Of a hundred readers so many are on a lane that is hurt in its own way; the rest feel only what
# happens to the product.
SHARES = {"rough": 40, "slow": 10, "sleepy": 10}
PAGES = 2
STALE = 5  # readers that open the stale page each time, and leave with the next
LOOK_EVERY = 0.1  # s
WHOLE_WITHIN = 5.0  # s: what design and report promise
COUNTED_WITHIN = 15.0  # s: the number of readers that the pages show
FIRST_ROWS = 60  # so that a page has a lower edge


class Broken(AssertionError):
    """An invariant does not hold."""


class World:
    """A context manager. `patience`: seconds until readers that differ are a failure."""

    def __init__(self, seed=1, readers=200, patience=WHOLE_WITHIN):
        self.seed, self.readers, self.patience = seed, readers, patience
        self.random = random.Random(seed)
        self.report = Report(seed, readers)

    def __enter__(self):
        with ExitStack() as stack:
            self.fill(stack)
            self.closing = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.closing.close()

    def fill(self, exits):
        self.stack = exits.enter_context(Stack(INTERFACES="2", WORKERS="2"))
        self.tree = Tree(self.stack)
        self.stack.shell(
            "from liveblog.models import BlogUpdate, LiveBlog;"
            f"blog = LiveBlog.objects.create(slug={SLUG!r}, title='Chaos');"
            f"[BlogUpdate.objects.create(blog=blog, body=f'first-{{n}}')"
            f" for n in range({FIRST_ROWS})]"
        )
        self.truth = Truth(self.stack, SLUG)
        proxy = exits.enter_context(Proxy(self.stack.port, self.seed))
        names = ("steady", *SHARES, "web")
        self.steady, self.rough, self.slow, self.sleepy, self.web = map(proxy.lane, names)
        self.crowd = exits.enter_context(Crowd())
        self.desk = exits.enter_context(Desk(self.stack, SLUG, self.seed))
        path = f"/liveblog/{SLUG}/"
        rest = self.readers
        for name, share in SHARES.items():
            count = self.readers * share // 100
            rest -= count
            self.open(name, proxy.lanes[name].port, count)
        self.stale_html = self.open("steady", self.steady.port, rest)
        self.pages = exits.enter_context(Pages(f"http://127.0.0.1:{self.web.port}{path}", PAGES))
        self.converge(time.monotonic(), 60)

    def open(self, lane, port, count, html=None):
        """Open pages; returns what the page was."""
        path = f"/liveblog/{SLUG}/"
        answer = self.crowd.tell("start", lane=lane, port=port, count=count, path=path, html=html)
        return answer["html"]

    # What scenarios do

    def hurt(self, lanes, fault, seconds):
        for lane in lanes:
            getattr(lane, fault)()
        time.sleep(seconds)
        for lane in lanes:
            lane.mend()

    def wait_for_posts_under_way(self):
        """Until no write was acknowledged for a while: all are at the lock."""
        before = None
        while before != (before := len(self.desk.acks)):
            time.sleep(0.5)

    def open_stale_pages(self):
        self.crowd.tell("stop", lane="stale")
        self.open("stale", self.steady.port, STALE, self.stale_html)

    def sleep(self, asleep):
        if asleep:
            self.crowd.tell("sleep", lane="sleepy")
            self.pages.sleep(True)
            self.sleepy.swallow()
        else:
            self.sleepy.mend()
            self.pages.sleep(False)
            self.crowd.tell("wake", lane="sleepy")

    # A fault and what must hold after it

    def run(self, *names):
        """Let these faults happen, at once where there are several; then check everything.

        Returns the seconds that it took from their end until all readers were whole.
        """
        self.desk.write()
        with ThreadPoolExecutor() as pool:
            beside = [pool.submit(SCENARIOS[name], self) for name in names[1:]]
            SCENARIOS[names[0]](self)
        for fault in beside:
            fault.result()
        self.tree.wait_whole()
        ended = time.monotonic()
        seconds = self.settle(ended)
        self.check()
        self.report.add(" + ".join(names), seconds)
        return seconds

    def settle(self, ended):
        """Seconds until all readers equal the database; once more when the writers are done."""
        pausing = threading.Thread(target=self.desk.pause)
        pausing.start()
        try:
            seconds = self.converge(ended, self.patience)
        finally:
            pausing.join()
        return max(seconds, self.converge(time.monotonic(), self.patience))

    def converge(self, since, patience):
        """Seconds from `since` until every reader equals the database. Raises Broken."""
        while True:
            now = time.monotonic()
            expected = self.truth.page()
            answer = self.crowd.tell("compare", expected=expected)
            different = answer["different"] + self.pages.differences(expected)
            if not different and not self.truth.overdue():
                return now - since
            if now - since > patience:
                raise Broken(
                    f"{patience} s after the fault {answer['count']} of {answer['of']} readers"
                    f" differ from the database: {'; '.join(different)}"
                )
            time.sleep(LOOK_EVERY)

    def check(self):
        """What must never be, however long one waits. Raises Broken."""
        counters = self.crowd.tell("counters")
        found = list(self.desk.violations)
        for name in ("stale", "backwards"):
            if counters[name]:
                found.append(f"{counters[name]} times {name}")
        found += self.truth.violations(self.desk.acks, self.desk.titles)
        if found:
            raise Broken("; ".join(found[:10]))

    def check_counts(self):
        """The readers' number on every page is how many there are. Raises AssertionError."""
        pulsed = self.crowd.tell("states")
        number = len(pulsed) + PAGES

        def right():
            return {state["readers"] for state in self.crowd.tell("states")} == {number}

        wait_until(right, f"{number} readers on every page", COUNTED_WITHIN)

    def finish(self):
        """The report, filled in."""
        with contextlib.suppress(AssertionError, OSError):
            self.report.counters = self.crowd.tell("counters")
        self.report.acks = self.desk.acks
        self.report.retries = self.desk.retries
        return self.report
