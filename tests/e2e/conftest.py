import pytest

from tests.e2e.stack import Stack
from tests.services import free_port

FOREIGN_PORT = free_port()  # of a site that may embed live blogs; test_embed.py has it


@pytest.fixture(scope="package")
def stack():
    """The whole product, started once for the tests that leave it as they found it."""
    with Stack(EMBED_ORIGINS=f"http://localhost:{FOREIGN_PORT}") as stack:
        yield stack


@pytest.fixture
def blog(stack, request):
    """The slug of a fresh blog of the stack's."""
    slug = f"b{abs(hash(request.node.nodeid)):x}"
    stack.shell(
        "from liveblog.models import LiveBlog;"
        f"LiveBlog.objects.create(slug={slug!r}, title='To the Moon')"
    )
    return slug
