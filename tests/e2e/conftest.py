import tempfile
from pathlib import Path

import pytest
from harness.network import free_port

from tests.certificates import make_certificate
from tests.e2e.browsing import PASSWORD, log_in, open_browser, watch
from tests.e2e.nginx import Nginx
from tests.e2e.stack import Stack

FOREIGN_PORT = free_port()  # of a site that may embed live blogs; test_embed.py has it
MAIL_PORT = free_port()  # of the mail server; test_teams.py has it


@pytest.fixture(scope="package")
def stack():
    """The whole product, started once for the tests that leave it as they found it."""
    mail = f"smtp://127.0.0.1:{MAIL_PORT}"
    embedding = f"http://localhost:{FOREIGN_PORT}"
    with tempfile.TemporaryDirectory() as folder:
        trusted = Path(folder) / "push.pem"  # of the push service in test_reader_alerts.py
        make_certificate(trusted, trusted)
        with Stack(
            EMBED_ORIGINS=embedding, EMAIL_URL=mail, EXAMPLES="1", SSL_CERT_FILE=str(trusted)
        ) as stack:
            yield stack


@pytest.fixture(scope="module")
def nginx(stack):
    """nginx in front of it."""
    with Nginx(stack) as nginx:
        yield nginx


@pytest.fixture
def blog(stack, request):
    """The slug of a fresh blog of the stack's."""
    slug = f"b{abs(hash(request.node.nodeid)):x}"
    stack.shell(
        "from liveblog.models import LiveBlog;"
        f"LiveBlog.objects.create(slug={slug!r}, title='To the Moon')"
    )
    return slug


@pytest.fixture(scope="module")
def browser():
    # The module's, not the session's: Django's ORM refuses to work beside its event loop.
    with open_browser() as browser:
        yield browser


@pytest.fixture
def errors():
    """What the console and the scripts of `page` complain of; must be empty at the end."""
    return []


@pytest.fixture
def expected_errors():
    """Words of complaints that the test causes. The last may come when the test has ended."""
    return []


@pytest.fixture
def context_options():
    return {}


@pytest.fixture
def page(browser, errors, expected_errors, context_options):
    with browser.new_context(**context_options) as context:
        page = context.new_page()
        watch(page, errors)
        yield page
    assert [each for each in errors if not any(word in each for word in expected_errors)] == []


@pytest.fixture
def desk(stack, blog, page):
    """The page of a fresh editor of the blog, logged in."""
    stack.shell(
        "from django.contrib.auth.models import User;"
        f"User.objects.create_superuser({blog!r}, password={PASSWORD!r})"
    )
    address = f"http://{stack.address}/liveblog/{blog}/edit/"
    page.goto(address)
    log_in(page, blog)
    page.wait_for_url(address)  # and for its scripts
    return page
