"""Which pages may open a WebSocket with a reader's cookies: scheme, host and port count."""

from types import SimpleNamespace

import pytest

from consumers.refusals import is_ours

HOST = "blog.example.org"


@pytest.fixture(autouse=True)
def site(settings):
    settings.ALLOWED_HOSTS = [HOST, ".example.com"]
    settings.CSRF_TRUSTED_ORIGINS = [f"https://{HOST}", "https://*.example.com"]
    settings.ENVIRONMENT = SimpleNamespace(TRUSTED_HOPS=1)


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        (f"https://{HOST}", HOST, "wss"),
        (f"https://{HOST}:8443", f"{HOST}:8443", "wss"),
        (f"http://{HOST}:8000", f"{HOST}:8000", "ws"),
        (f"https://{HOST}", "10.0.0.7:8000", "ws"),  # a proxy that rewrites Host
        ("https://www.example.com", HOST, "wss"),
    ],
)
def test_the_site_s_own_pages_are_welcome(origin, host, scheme):
    assert is_ours(origin, host, scheme)


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        (f"http://{HOST}", HOST, "wss"),  # a page that somebody on the network may have changed
        (f"https://{HOST}:8443", HOST, "wss"),  # another service of the same host
        (f"http://{HOST}:8080", f"{HOST}:8000", "ws"),
        ("https://evil.example", HOST, "wss"),
        ("https://evil.example", "evil.example", "wss"),
        (f"https://{HOST}.evil.example", HOST, "wss"),
        ("http://www.example.com", HOST, "wss"),
        ("https://[", HOST, "wss"),
        ("null", HOST, "wss"),
    ],
)
def test_others_are_refused(origin, host, scheme):
    assert not is_ours(origin, host, scheme)


def test_without_a_trusted_proxy_either_scheme_may_be_the_reader_s(settings):
    settings.ENVIRONMENT = SimpleNamespace(TRUSTED_HOPS=0)
    assert is_ours(f"https://{HOST}:8443", f"{HOST}:8443", "ws")
