"""Row 58: webhooks reach public addresses only, whatever name leads to another one."""

from ipaddress import ip_network

import pytest
from django.core.exceptions import ValidationError

from liveblog.models import LiveBlog, Webhook
from liveblog.webhooks.addresses import is_allowed
from liveblog.webhooks.client import WebhookClient
from liveblog.webhooks.messages import Request
from tests.liveblog.webhook_servers import receiving

PRIVATE = [
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1"),
    *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
]


@pytest.fixture(autouse=True)
def only_public(settings):
    settings.WEBHOOK_NETWORKS = []


@pytest.mark.parametrize("address", PRIVATE)
def test_row_58_addresses_that_are_not_public_are_refused(address):
    assert not is_allowed(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_allowed(address):
    assert is_allowed(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_row_58_nothing_is_sent_and_the_reason_is_reported(host):
    with receiving() as receiver, WebhookClient() as client:
        url = receiver.url.replace("127.0.0.1", host)
        response = client.post(Request(url, {}, b"{}")).result(10)
        assert response.status is None and "is not a public address" in response.error
        assert receiver.got == []


def test_row_58_networks_that_are_named_are_reached(settings):
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    with receiving() as receiver, WebhookClient() as client:
        assert client.post(Request(receiver.url, {}, b"{}")).result(10).status == 204


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "https://localhost:8000/"])
def test_row_58_the_form_refuses_what_can_be_seen_at_once(url):
    blog = LiveBlog.objects.create(slug="hooks")
    with pytest.raises(ValidationError, match="This is not a public address."):
        Webhook(blog=blog, url=url).full_clean()
    Webhook(blog=blog, url="https://hooks.example.org/x").full_clean()
