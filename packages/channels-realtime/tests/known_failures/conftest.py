import pytest
from harness.stack import Stack


@pytest.fixture(scope="package")
def shared_stacks():
    """One running stack of each kind that is asked for: kind -> stack."""
    stacks = {}
    yield stacks
    for stack in stacks.values():
        stack.__exit__()


def running(stacks, kind):
    """A stack with one interface server and one worker, which tests leave as they found it."""
    if kind not in stacks:
        stack = stacks[kind] = Stack(kind).__enter__()
        drain = ["--drain", "1"] if stack.ours else []
        stack.front = stack.interface("--proxy-headers", *drain)
        stack.back = stack.worker()
        assert stack.front.request("GET", "/ready/").status == 200
    return stacks[kind]


@pytest.fixture
def ours(shared_stacks):
    stack = running(shared_stacks, "ours")
    stack.clear_book()
    return stack


@pytest.fixture
def stock(shared_stacks):
    stack = running(shared_stacks, "stock")
    stack.clear_book()
    return stack
