"""Readers' alerts in the whole product: in Chromium, and with pulses that are killed."""

import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from harness.waiting import wait_until
from playwright.sync_api import expect

from tests.e2e.browsing import open_live
from tests.liveblog.push_service import Browser, push_service

# Chromium without a display reaches no push service, and gets no subscription. So the two methods
# of PushManager that would talk to one are replaced; everything else is Chromium's own: permission,
# service worker, notifications. The keys are the test's, which decrypts what the site sends.
STUB = """
const stored = {stored};
const made = (options) => ({{
  endpoint: stored.endpoint,
  options: {{ applicationServerKey: options }},
  toJSON: () => stored,
  unsubscribe: async () => (localStorage.removeItem("stub"), true),
}});
PushManager.prototype.subscribe = async ({{ applicationServerKey }}) => {{
  localStorage.setItem("stub", JSON.stringify([...applicationServerKey]));
  return made(applicationServerKey);
}};
PushManager.prototype.getSubscription = async () => {{
  const key = JSON.parse(localStorage.getItem("stub"));
  return key && made(Uint8Array.from(key));
}};
"""


@pytest.fixture
def service(stack):
    with push_service(Path(stack.environ["SSL_CERT_FILE"])) as server:
        yield server


def key_event(stack, blog):
    stack.shell(
        "from liveblog.models import BlogUpdate, LiveBlog;"
        f"blog = LiveBlog.objects.get(slug={blog!r});"
        "BlogUpdate.objects.create(blog=blog, body='The Eagle has landed', key_event=True)"
    )


def subscriptions(stack, blog):
    code = f"print(AlertSubscription.objects.filter(blog__slug={blog!r}).count())"
    return int(stack.shell(f"from liveblog.models import AlertSubscription; {code}"))


@pytest.fixture
def own(service):
    """The keys of the browser of the test."""
    return Browser("/own")


@pytest.fixture
def ready(page, service, own, stack):
    """The page of a browser in which PushManager is replaced and notifications are allowed."""
    stored = {"endpoint": service.origin + own.path, "keys": own.keys, "expirationTime": None}
    page.add_init_script(STUB.format(stored=json.dumps(stored)))
    page.context.grant_permissions(["notifications"], origin=f"http://{stack.address}")
    return page


def entry(page):
    return page.locator("p a[data-alerts]")


def deliver(page, stack, content):
    """Have Chromium give the message to the service worker, as a push service would."""
    session = page.context.new_cdp_session(page)
    found = []
    session.on("ServiceWorker.workerRegistrationUpdated", lambda event: found.append(event))
    session.send("ServiceWorker.enable")
    wait_until(lambda: page.evaluate("1") and found, "the registration of the service worker")
    [registration] = found[0]["registrations"]
    assert registration["scopeURL"].endswith("/alerts/")
    session.send(
        "ServiceWorker.deliverPushMessage",
        {
            "origin": f"http://{stack.address}",
            "registrationId": registration["registrationId"],
            "data": json.dumps(content),
        },
    )


RENEW = """(moved) => renew({
  oldSubscription: { endpoint: new URL("own", moved.endpoint).href },
  newSubscription: { toJSON: () => moved },
})"""

NOTIFICATIONS = """async () => {
  const registration = await navigator.serviceWorker.getRegistration("/alerts/");
  const found = await registration.getNotifications();
  return found.map(({ title, body, tag, actions }) => [title, body, tag, actions[0]?.title]);
}"""


def test_a_reader_is_alerted_and_stops_the_alerts(stack, blog, ready, service, own):
    page = ready
    open_live(page, stack, blog)
    assert page.evaluate("navigator.serviceWorker.getRegistrations()") == []
    entry(page).click()
    dialog = page.get_by_role("dialog", name="Alerts for key events")
    expect(dialog.locator("[data-alerts-state]")).to_have_text("Alerts are off.")
    dialog.get_by_role("button", name="Turn on alerts").click()
    expect(dialog.locator("[data-alerts-state]")).to_have_text("Alerts are on.")
    assert subscriptions(stack, blog) == 1
    [worker] = page.context.service_workers
    # The push service gives the browser another address, as the event pushsubscriptionchange says.
    worker.evaluate(RENEW, {"endpoint": f"{service.origin}/moved", "keys": own.keys})
    key_event(stack, blog)
    wait_until(lambda: service.got, "the alert")
    assert service.paths() == ["/moved"]
    content = own.decrypt(service.got[0].body)
    for _ in range(2):  # what arrives twice is shown once
        deliver(page, stack, content)
    shown = [["The Eagle has landed", "To the Moon", content["tag"], "Stop these alerts"]]
    wait_until(lambda: page.evaluate(NOTIFICATIONS) == shown, "the notification")
    # Nobody can press the button of a notification here: the worker gets the event of it.
    worker.evaluate("""async () => {
      const [notification] = await registration.getNotifications();
      const pressed = { notification, action: "leave" };
      dispatchEvent(new NotificationEvent("notificationclick", pressed));
    }""")
    wait_until(lambda: subscriptions(stack, blog) == 0, "the end of the subscription")
    wait_until(lambda: page.evaluate(NOTIFICATIONS) == [], "the notification to close")


def test_the_page_lists_the_blogs_of_this_browser_and_ends_them(stack, blog, ready):
    page, address = ready, f"http://{stack.address}/alerts/"
    others = [f"{blog}-{n}" for n in (1, 2)]
    for slug in others:
        stack.shell(
            "from liveblog.models import LiveBlog;"
            f"LiveBlog.objects.create(slug={slug!r}, title='Blog {slug[-1]}')"
        )
    for slug in (blog, *others):
        page.goto(f"{address}?blog={slug}")
        page.get_by_role("button", name="Turn on alerts").click()
        expect(page.get_by_role("button", name="Turn off alerts")).to_be_visible()
    page.goto(address)
    rows = page.locator("[data-alerts-list] li a")
    expect(rows).to_have_text(["Blog 2", "Blog 1", "To the Moon"])
    page.get_by_role("button", name="Turn off: Blog 1").click()
    expect(rows).to_have_text(["Blog 2", "To the Moon"])
    page.get_by_role("button", name="Turn off all alerts").click()
    expect(page.locator("[data-alerts-state]")).to_have_text("Alerts are off.")
    assert subscriptions(stack, blog) == 0
    assert page.evaluate("localStorage.getItem('stub')") is None  # the browser's own is ended too


def test_a_browser_without_push_says_so(stack, blog, page):
    page.add_init_script("delete window.PushManager")
    page.goto(f"http://{stack.address}/alerts/?blog={blog}")
    expect(page.get_by_text("This browser cannot show alerts.")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


# Pulses


def subscribe_many(stack, blog, service, number):
    stack.shell(
        "from liveblog.models import AlertSubscription, LiveBlog\n"
        "from liveblog.alerts.models import digest_of\n"
        f"blog = LiveBlog.objects.get(slug={blog!r})\n"
        "AlertSubscription.objects.bulk_create(AlertSubscription(blog=blog, language='en',\n"
        f"    endpoint=f'{service.origin}/{{n}}', digest=digest_of(f'{service.origin}/{{n}}'),\n"
        f"    **{Browser('/').keys!r}) for n in range({number}))"
    )


def sent(stack, blog):
    code = f"print(Alert.objects.get(blog__slug={blog!r}).sent)"
    return int(stack.shell(f"from liveblog.models import Alert; {code}"))


def test_a_pulse_that_is_killed_loses_no_alert_and_repeats_none_that_it_has_stored(
    stack, blog, service
):
    subscribe_many(stack, blog, service, 60)
    service.hold_from = 20  # the others are in flight when it is killed, or wait
    key_event(stack, blog)
    wait_until(lambda: sent(stack, blog) == 20, "the first alerts")
    [pulse] = stack.pids("manage.py pulse")
    os.kill(pulse, signal.SIGKILL)
    service.hold_from = None
    service.released.set()
    # A minute later: the claims of the process that died have expired.
    stack.shell(
        "from django.utils import timezone; from liveblog.models import AlertDelivery;"
        "AlertDelivery.objects.update(due=timezone.now())"
    )
    wait_until(lambda: sent(stack, blog) == 60, "the other alerts")
    assert Counter(service.paths()) == Counter(f"/{n}" for n in range(60))


def test_two_processes_send_each_alert_once(stack, blog, service):
    subscribe_many(stack, blog, service, 120)
    key_event(stack, blog)
    wait_until(lambda: service.got, "the pulse to begin")
    # Beside the pulse, as a second one does while Redis is away and nobody has the lease.
    stack.shell("from liveblog.alerts.delivery import send_due; send_due()")
    wait_until(lambda: sent(stack, blog) == 120, "all alerts")
    assert Counter(service.paths()) == Counter(f"/{n}" for n in range(120))
