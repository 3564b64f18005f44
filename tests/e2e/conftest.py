import pytest

from tests.e2e.stack import Stack


@pytest.fixture(scope="package")
def stack():
    """The whole product, started once for the tests that leave it as they found it."""
    with Stack() as stack:
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
