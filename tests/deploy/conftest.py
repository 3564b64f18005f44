from collections.abc import Iterator

import pytest

from tests.deploy.site import Site


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """The product in its own folder. A test that changes its code must restore it."""
    with Site(WORKERS="2", INTERFACES="2", LOG_FORMAT="json") as site:
        yield site
