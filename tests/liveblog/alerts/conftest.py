"""The push service and the blog of these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from liveblog.models import LiveBlog
from tests.liveblog.push_service import (
    PushService,
    make_certificate,
    push_service,
)


@pytest.fixture(scope="package")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("push"))


@pytest.fixture
def service(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # of OpenSSL
    with push_service(certificate) as server:
        yield server


@pytest.fixture
def blog() -> LiveBlog:
    return LiveBlog.objects.create(slug="demo", title="To the Moon")
