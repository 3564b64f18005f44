from collections.abc import Iterator

import pytest

from tests.deploy.site import Site


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """The product in a folder of its own; a test that changes its code changes it back."""
    with Site(WORKERS="2", INTERFACES="2", LOG_FORMAT="json") as site:
        yield site
