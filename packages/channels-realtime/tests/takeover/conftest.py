import pytest
from harness.stack import Stack

from takeover.serving import Serving


@pytest.fixture(scope="package")
def stack():
    """A Redis, and one worker."""
    with Stack() as stack:
        stack.worker()
        yield stack


@pytest.fixture
def serving(stack):
    stack.clear_book()
    serving = Serving(stack, "--message-rate", "0")
    yield serving
    serving.interface.stop()


@pytest.fixture(scope="module")
def one_bare():
    with Stack(capacity=1000) as stack:
        yield Serving(stack)


@pytest.fixture
def bare(one_bare):
    """A server without workers: the test receives its messages, and answers them."""
    layer = one_bare.stack.layer
    for channel in ("websocket.connect", "websocket.receive", "websocket.disconnect"):
        while layer.receive([channel])[1]:
            pass
    return one_bare
