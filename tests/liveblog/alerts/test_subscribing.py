"""How readers subscribe to alerts, and the pages, API and exports around it."""

import json
import re
import secrets

import pytest
from django.test import Client

from liveblog.alerts.messages import leave_token
from liveblog.alerts.subscribing import SUBSCRIPTIONS
from liveblog.models import AlertSubscription, LiveBlog
from tests.liveblog.alerts.sending import key_event, subscribe
from tests.liveblog.push_service import (
    Browser,
)

pytestmark = pytest.mark.django_db


def send(
    address: str,
    origin: str | None = "http://testserver",
    reader: str | None = None,
    **sent: object,
) -> tuple[int, dict]:
    """POST it as a reader's page does. `reader`: the address; None: a new one."""
    headers = {} if origin is None else {"Origin": origin}
    reader = reader or f"2001:db8::{secrets.token_hex(2)}"
    answer = Client(enforce_csrf_checks=True, REMOTE_ADDR=reader).post(
        f"/alerts/{address}/", json.dumps(sent), content_type="application/json", headers=headers
    )
    return answer.status_code, answer.json()


def sent_by(browser: Browser, origin: str = "https://push.example") -> dict[str, object]:
    return {"endpoint": origin + browser.path, "keys": browser.keys, "expirationTime": None}


def slugs(answer: tuple[int, dict]) -> list[str]:
    assert answer[0] == 200, answer
    return [blog["slug"] for blog in answer[1]["blogs"]]


def test_a_browser_subscribes_is_listed_and_leaves_one_or_all(blog):
    for slug in ("second", "third"):
        LiveBlog.objects.create(slug=slug, title=slug)
    browser, stranger = Browser("/a"), Browser("/b")
    assert slugs(send("subscribe", blog="demo", **sent_by(browser))) == ["demo"]
    assert slugs(send("subscribe", blog="demo", **sent_by(browser))) == ["demo"]  # once
    send("subscribe", blog="second", **sent_by(browser))
    send("subscribe", blog="third", **sent_by(browser))
    send("subscribe", blog="demo", **sent_by(stranger))
    endpoint = sent_by(browser)["endpoint"]
    assert slugs(send("subscriptions", endpoint=endpoint)) == ["third", "second", "demo"]
    assert slugs(send("unsubscribe", endpoint=endpoint, blog="third")) == ["second", "demo"]
    assert slugs(send("unsubscribe", endpoint=endpoint)) == []
    assert blog.subscriptions.count() == 1


def test_a_browser_that_moves_keeps_its_blogs(blog):
    before, after = sent_by(Browser("/a")), sent_by(Browser("/b"))
    send("subscribe", blog="demo", **before)
    assert slugs(send("renew", old=before["endpoint"], **after)) == ["demo"]
    assert slugs(send("subscriptions", endpoint=before["endpoint"])) == []
    send("subscribe", blog="demo", **before)
    assert slugs(send("renew", old=before["endpoint"], **after)) == ["demo"]
    assert blog.subscriptions.count() == 1


GOOD = sent_by(Browser("/a", key=1))


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"endpoint": "http://push.example/a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://"}, 422, "bad_endpoint"),
        ({"endpoint": "https://[::1"}, 422, "bad_endpoint"),
        ({"endpoint": "https://push.example:x/a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://user@push.example/a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://push.example/ a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://push.example/" + "a" * 1000}, 422, "bad_endpoint"),
        ({"endpoint": "https://127.0.0.1/a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://localhost./a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://10.1.2.3/a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://[::ffff:192.168.0.1]/a"}, 422, "bad_endpoint"),
        ({"endpoint": 5}, 422, "bad_endpoint"),
        ({"keys": None}, 422, "bad_keys"),
        ({"keys": {}}, 422, "bad_keys"),
        ({"keys": GOOD["keys"] | {"auth": "AAAA"}}, 422, "bad_keys"),
        ({"keys": GOOD["keys"] | {"p256dh": "AAAA"}}, 422, "bad_keys"),
        # 65 bytes, but no point of the curve
        ({"keys": GOOD["keys"] | {"p256dh": "BA" + "A" * 85}}, 422, "bad_keys"),
        ({"keys": GOOD["keys"] | {"p256dh": "é"}}, 422, "bad_keys"),
        ({"blog": "nowhere"}, 404, "unknown_blog"),
        ({"blog": "x" * 5000}, 413, "too_long"),
        ({"origin": "https://evil.example"}, 403, "csrf"),
        ({"origin": None}, 403, "csrf"),
        ({"origin": "null"}, 403, "csrf"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(blog, settings, wrong, status, code):
    settings.ALERTS_NETWORKS = []
    found, frame = send("subscribe", **{"blog": "demo", **GOOD, **wrong})
    assert (found, frame["code"]) == (status, code)
    assert frame["message"].endswith(".") and not AlertSubscription.objects.exists()


def test_an_ended_blog_takes_no_subscription(blog):
    blog.state = "ended"
    blog.save()
    assert send("subscribe", blog="demo", **GOOD)[0] == 409


def test_one_address_cannot_fill_the_table(blog):
    SUBSCRIPTIONS.count("192.0.2.7", 59)
    statuses = [send("subscribe", reader="192.0.2.7", blog="demo", **GOOD)[0] for _ in range(2)]
    assert statuses == [200, 429]


def test_the_link_in_an_alert_ends_it(blog, client):
    subscribe(blog, "https://push.example", 2)
    first, second = blog.subscriptions.order_by("pk")
    address = f"/alerts/leave/{leave_token(first)}/"
    page = client.get(address)
    assert "To the Moon" in page.content.decode() and page["Cache-Control"].count("no-store")
    assert client.post(address, headers={"Origin": "https://evil.example"}).status_code == 403
    assert blog.subscriptions.count() == 2
    own = {"Origin": "http://testserver"}
    assert "These alerts are off" in client.post(address, headers=own).content.decode()
    assert blog.subscriptions.get() == second
    assert client.post(address, headers=own).status_code == 200  # twice
    assert client.post("/alerts/leave/forged/", headers=own).status_code == 200
    assert blog.subscriptions.get() == second


def test_alerts_are_offered_where_browsers_have_them(blog, client, settings):
    def is_offered(**options: object) -> bool:
        return b"data-alerts" in client.get("/liveblog/demo/", **options).content

    settings.ALLOWED_HOSTS = ["*"]
    assert not is_offered()  # http://testserver
    assert is_offered(secure=True)
    assert is_offered(headers={"Host": "localhost:8000"})
    settings.ALERTS = False
    assert not is_offered(secure=True)
    assert client.get("/alerts/").status_code == 404
    assert send_off() == 404


def send_off() -> int:
    return Client().post("/alerts/subscribe/", "{}", content_type="application/json").status_code


def test_the_page_needs_a_script_and_says_so(blog, client):
    page = client.get("/alerts/?blog=demo").content.decode()
    assert "<noscript>" in page and "Alerts need JavaScript" in page and "To the Moon" in page
    assert client.get("/alerts/?blog=nowhere").status_code == 404


def test_a_live_blog_can_be_a_web_app(blog, client):
    """Which opens on the live blog: iPhones and iPads have push in web apps only."""
    page = client.get("/alerts/?blog=demo").content.decode()
    [address] = re.findall('rel="manifest" href="([^"]+)"', page)
    app = client.get(address).json()
    assert (app["name"], app["start_url"]) == ("To the Moon", "/liveblog/demo/")
    assert app["display"] == "standalone"
    assert client.get("/alerts/app.webmanifest").json()["name"] == "Live blogs"


def test_the_service_worker_is_revalidated_and_has_no_fetch_handler(client):
    answer = client.get("/alerts/sw.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Cache-Control"] == "no-cache"
    script = answer.content.decode()
    assert "caches" not in script and 'addEventListener("fetch"' not in script


def test_editors_read_how_many_a_key_event_alerts(blog, admin_client):
    page = admin_client.get("/liveblog/demo/edit/").content.decode()
    assert "Key event</label>" in page
    subscribe(blog, "https://push.example", 2)
    page = admin_client.get("/liveblog/demo/edit/").content.decode()
    assert "Key event (alerts 2 readers)</label>" in page


def test_an_export_has_no_subscriptions(blog, client):
    subscribe(blog, "https://push.example")
    key_event(blog)
    assert b"push.example" not in client.get("/liveblog/demo/export.json").content
