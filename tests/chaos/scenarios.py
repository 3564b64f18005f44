"""The faults. Each function hurts the product and returns when its fault has ended.

The table in ARCHITECTURE.md has the same names. What must hold after every fault is checked in
world.py. While a fault lasts, the newsroom writes all the time.
"""

import signal
import time

from tests.chaos.network.proxy import Mangling
from tests.services import stopped, wait_until

PROCESSES = {}  # name -> what hurts the product's processes
LINES = {}  # name -> what hurts the readers and their lines; called in the main thread
PAUSED = 5  # s: longer than any pulse, lease or reader waits for an answer
CUT = 5  # s
BLIP = 0.5  # s
LOCKED = 4  # s
SLOW = 4  # s
MANGLED = 5  # s: two pulses and some fifty messages


def among(kind):
    def register(function):
        kind[function.__name__] = function
        return function

    return register


# Processes


@among(PROCESSES)
def worker_killed(world):
    """Every worker is killed -9 while it is in the middle of a consumer."""
    # The database is held meanwhile, so that the posts that have come to the workers stay there.
    with world.truth.lock():
        world.wait_for_posts_under_way()
        before = world.tree.members("workers")
        world.tree.signal("workers", signal.SIGKILL)
        wait_until(lambda: world.tree.members("workers") != before, "the workers' end")
    world.tree.wait_whole()


@among(PROCESSES)
def workers_restarted(world):
    """Workers are restarted one by one, as a deploy does."""
    for name in world.tree.members("workers"):
        world.tree.restart(name)


@among(PROCESSES)
def interface_killed(world):
    """One of the two interface servers is killed -9."""
    world.tree.kill("interface", world.random.randrange(2))


@among(PROCESSES)
def interface_drained(world):
    """An interface server is told to stop (SIGTERM) and started again."""
    world.tree.restart(world.random.choice(sorted(world.tree.members("interface"))))


@among(PROCESSES)
def redis_emptied(world):
    """Redis is killed -9 and comes back with nothing in it."""
    world.tree.kill("redis")


@among(PROCESSES)
def redis_paused(world):
    """Redis answers nobody for 5 s (SIGSTOP, SIGCONT)."""
    with stopped(*world.tree.pids("redis")):
        time.sleep(PAUSED)


@among(PROCESSES)
def pulse_killed(world):
    """The pulse is killed -9 while broadcasts are lost, so that nothing tells of them."""
    world.rough.mangling = Mangling(drop=0.5)
    world.tree.kill("pulse")
    world.rough.mangling = None


@among(PROCESSES)
def database_locked(world):
    """Another process holds the database's write lock for 4 s."""
    with world.truth.lock():
        time.sleep(LOCKED)


# The network


@among(LINES)
def network_cut(world):
    """Connections are reset and new ones refused for 5 s, for readers and a Chromium page."""
    world.hurt((world.rough, world.web), "cut", CUT)


@among(LINES)
def network_half_open(world):
    """Packets vanish for 5 s; the sockets of before stay half open, and nobody is told."""
    world.hurt((world.rough, world.web), "swallow", CUT)


@among(LINES)
def network_forgot(world):
    """Half a second is enough for a router to forget every connection; neither side is told."""
    world.hurt((world.rough, world.web), "swallow", BLIP)


@among(LINES)
def network_stalled(world):
    """Nothing arrives for 5 s, then all of it at once."""
    world.hurt((world.rough, world.web), "stall", CUT)


@among(LINES)
def messages_mangled(world):
    """Messages to readers are dropped, doubled and reordered for 5 s."""
    world.rough.mangling = Mangling(drop=0.25, double=0.25, delay=0.25, late=1.0)
    time.sleep(MANGLED)
    world.rough.mangling = None


# The readers


@among(LINES)
def slow_reader(world):
    """Some readers read nothing for 4 s while much is posted."""
    world.crowd.tell("slow", lane="slow", on=True)
    time.sleep(SLOW)
    world.crowd.tell("slow", lane="slow", on=False)


@among(LINES)
def stale_page(world):
    """Readers open a page that a cache has kept since the run began."""
    world.open_stale_pages()


@among(LINES)
def laptop_sleep(world):
    """Machines sleep, their sockets are forgotten, and more changes than a replay holds."""
    world.sleep(True)
    world.desk.burst()
    world.sleep(False)


SCENARIOS = PROCESSES | LINES
