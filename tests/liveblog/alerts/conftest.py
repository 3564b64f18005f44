"""The push service and the blog of these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from liveblog.models import LiveBlog
from tests.certificates import make_certificate
from tests.liveblog.push_service import PushService, push_service


@pytest.fixture(scope="package")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("push") / "push.pem"
    make_certificate(path, path)
    return path


@pytest.fixture
def service(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # of OpenSSL
    with push_service(certificate) as server:
        yield server


@pytest.fixture
def blog() -> LiveBlog:
    return LiveBlog.objects.create(slug="demo", title="To the Moon")
