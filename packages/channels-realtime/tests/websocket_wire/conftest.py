"""Real interface servers for the protocol's tests; the consumer is the foreign project's echo."""

import pytest
from harness.environment import redis_server
from harness.project import Board
from harness.wire import Unanswered, Wire


@pytest.fixture(scope="module")
def project():
    with Board(redis_server.url) as project:
        project.worker()
        yield project


@pytest.fixture(scope="module")
def interface(project):
    return project.interface("--message-rate", "0").wait_for_worker()


@pytest.fixture(scope="module")
def strict(project):
    """Caps so small that a test reaches them."""
    caps = {"message-rate": 2, "max-message": 1000, "max-upload": 100_000, "write-buffer": 65536}
    options = [word for name, value in caps.items() for word in (f"--{name}", str(value))]
    return project.interface(*options).wait_for_worker()


@pytest.fixture(scope="module")
def one_unanswered():
    with Board(redis_server.url) as project:
        yield Unanswered(project)


@pytest.fixture
def unanswered(one_unanswered):
    one_unanswered.forget()
    return one_unanswered


@pytest.fixture
def wire(interface):
    """A connection that nothing was sent over."""
    with Wire(interface) as wire:
        yield wire


@pytest.fixture
def echo(wire):
    """A WebSocket to the echo."""
    return wire.open()
