"""Views that can only be read answer every other method with 405 and a sentence."""

import pytest
from django.test import Client

from liveblog.models import BlogUpdate, LiveBlog

ADDRESSES = [
    *["/", "/liveblog/moon/", "/liveblog/moon/updates.json", "/liveblog/moon/feed/"],
    *["/liveblog/moon/embed/", "/liveblog/moon/embed.js", "/liveblog/moon/{pk}/"],
    *["/liveblog/moon/export.json", "/liveblog/moon/edit/{pk}/history/", "/api/openapi.json"],
    *["/chat/", "/chat/lobby/", "/voice/lobby/", "/try/", "/accounts/balance/", "/ops/"],
    *["/healthz", "/readyz", "/metrics"],
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_another_method_is_405_with_a_sentence_and_the_methods_there_are(db, address, method):
    update = BlogUpdate.objects.create(
        blog=LiveBlog.objects.create(slug="moon", title="To the Moon"), body="Lift-off"
    )
    client = Client(enforce_csrf_checks=True)
    response = client.generic(method, address.format(pk=update.pk))
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert response.text == "This address is read-only. Use GET."
