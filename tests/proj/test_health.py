"""/readyz names each part that does not work; /healthz has a view for other interface servers."""

import json
import re
import socket
from datetime import timedelta

import pytest
import redis
from channels_realtime.metrics.counters import metrics_key
from django.db import OperationalError
from django.db.models import QuerySet
from django.utils.timezone import now

from liveblog.models import BlogUpdate, LiveBlog
from proj import health
from proj.environment import Environment
from proj.metrics import Disk

pytestmark = pytest.mark.django_db

HOST = socket.gethostname()
PARTS = ("database", "redis", "workers", "queues", "interfaces", "pulse", "schedule", "disk")


@pytest.fixture
def site(monkeypatch):
    """A site whose worker, interface server and pulse are there, as far as Redis knows."""
    monkeypatch.delenv("SUPERVISOR_ENABLED", raising=False)
    site = Site(health.layer())
    site.client.delete(site.key)
    site.report("worker@elsewhere:1", name="worker_00", at_hand=[])
    site.report("interface@elsewhere:2", name="interface_00")
    site.client.set(f"{site.layer.prefix}:pulse", "token")
    yield site
    site.client.delete(site.key, f"{site.layer.prefix}:pulse")


class Site:
    def __init__(self, layer):
        self.layer = layer
        self.client = layer.ring[0].client
        self.key = metrics_key(layer)

    def report(self, identity, age=0, **facts):
        """What a process published `age` seconds ago."""
        snapshot = {"values": {}, "drops": {}, "times": {}, "ended": False} | facts
        published = self.client.time()[0] - age
        self.client.hset(self.key, identity, f"{published} {json.dumps(snapshot)}")


def ask(client):
    """(status, problems, checks), which say the same."""
    response = client.get("/readyz")
    answer = json.loads(response.content)
    assert set(answer) == {"status", "problems", "checks"} and set(answer["checks"]) == set(PARTS)
    assert (response.status_code == 503) == (answer["status"] == "failing")
    return response.status_code, answer["problems"], answer["checks"]


def failed(checks):
    return [name for name, check in checks.items() if check["status"] == "failing"]


def test_a_site_without_problems_is_ready(client, site):
    status, problems, checks = ask(client)
    assert (status, problems, failed(checks)) == (200, [], [])
    assert (checks["workers"]["working"], checks["workers"]["expected"]) == (1, 1)


def test_an_unreachable_database_is_reported(client, site, monkeypatch):
    def away():
        raise OperationalError("connection to 10.0.0.7 as user liveblog failed")

    monkeypatch.setattr(health.connection, "cursor", away)
    status, problems, checks = ask(client)
    # The address is public: neither host nor user is named.
    assert (status, problems) == (503, ["The database does not answer."])
    assert failed(checks) == ["database"]


def test_an_unreachable_redis_of_several_is_reported(client, site, monkeypatch):
    class Away:
        index = 1

        client = redis.Redis(port=1)

    monkeypatch.setattr(site.layer.channel_layer, "ring", [*site.layer.ring, Away])
    monkeypatch.setattr(site.layer.channel_layer, "ring_size", 2)
    assert health.check_redis().problems == ("Redis 2 of 2 does not answer.",)


def test_a_worker_that_hangs_is_named(client, site):
    at_hand = [{"channel": "http.request", "seconds": 17.0, "limit": 60.0, "thread": 1}]
    site.report("worker@elsewhere:3", name="worker_01", at_hand=at_hand)
    status, problems, checks = ask(client)
    assert (status, failed(checks)) == (503, ["workers"])
    [problem] = problems
    assert problem.startswith("worker_01 of another host hangs: a message on http.request has been")
    assert (checks["workers"]["working"], checks["workers"]["expected"]) == (1, 2)


def test_a_worker_whose_message_may_take_long_is_no_problem(client, site):
    at_hand = [{"channel": "mail.send", "seconds": 17.0, "limit": 300.0, "thread": 1}]
    site.report("worker@elsewhere:3", name="slow_00", at_hand=at_hand)
    assert ask(client)[:2] == (200, [])


def test_a_worker_that_has_stopped_reporting_is_named(client, site):
    site.report("worker@elsewhere:3", age=31, name="worker_01", at_hand=[])
    status, problems, _ = ask(client)
    assert status == 503
    [problem] = problems
    assert re.fullmatch(r"worker_01 of another host has not reported for 3\d s\.", problem)


@pytest.mark.parametrize("facts", [{"ended": True, "age": 30}, {"ended": True}])
def test_a_worker_that_has_ended_properly_is_not_reported(client, site, facts):
    site.report("worker@elsewhere:3", name="candidate", at_hand=[], **facts)
    assert ask(client)[:2] == (200, [])


def test_workers_that_should_run_here_and_do_not_are_named(client, site, monkeypatch):
    monkeypatch.setenv("SUPERVISOR_ENABLED", "1")
    monkeypatch.setattr(health.settings, "ENVIRONMENT", Environment({"WORKERS": "3"}))
    site.report(f"worker@{HOST}:4", name="worker_00", at_hand=[])
    site.report(f"worker@{HOST}:5", age=4, name="worker_01", ended=True)  # starts again
    site.report(f"interface@{HOST}:6", name="interface_00")
    site.report(f"pulse@{HOST}:7", name="pulse")
    status, problems, checks = ask(client)
    assert (status, problems) == (503, ["worker_02 does not run, or has not reported yet."])
    assert (checks["workers"]["working"], checks["workers"]["expected"]) == (3, 4)


def test_the_last_report_of_a_restarted_worker_counts(client, site):
    site.report("worker@elsewhere:0", age=20, name="worker_00", at_hand=[])
    assert ask(client)[:2] == (200, [])


def test_without_reports_no_worker_runs(client, site):
    site.client.delete(site.key)
    status, problems, _ = ask(client)
    assert status == 503
    assert problems == [
        "No worker has reported for 15 s.",
        "No interface server has reported for 12 s.",
    ]


def test_row_53_a_missing_pulse_is_reported(client, site):
    site.client.delete(f"{site.layer.prefix}:pulse")
    status, _, checks = ask(client)
    assert (status, failed(checks)) == (503, ["pulse"])


def test_row_53_a_pulse_that_should_run_here_is_named_also_where_another_is_active(
    client, site, monkeypatch
):
    monkeypatch.setenv("SUPERVISOR_ENABLED", "1")
    site.report(f"pulse@{HOST}:7", age=20, name="pulse")
    _, problems, checks = ask(client)
    assert checks["pulse"]["status"] == "failing"
    assert any(re.fullmatch(r"pulse has not reported for [23]\d s\.", p) for p in problems)


def test_row_57_a_full_disk_is_reported(client, site, monkeypatch):
    monkeypatch.setattr(health, "disk", lambda: Disk(12 << 20, 1 << 40, 40))
    status, problems, _ = ask(client)
    assert (status, problems) == (
        503,
        ["The disk of the data has 12 MiB left.", "The disk of the data can take 40 more files."],
    )


def test_row_57_a_process_that_can_hardly_open_files_is_named(client, site):
    values = {"open_files": 250, "open_files_limit": 256}
    site.report("worker@elsewhere:1", name="worker_00", at_hand=[], values=values)
    _, problems, _ = ask(client)
    assert problems == ["worker_00 of another host has 250 open files and may have 256."]


def test_late_posts_are_reported_but_the_site_is_ready(client, site):
    blog = LiveBlog.objects.create(slug="late")
    post = BlogUpdate.objects.create(blog=blog, body="x", publish_at=now() + timedelta(days=1))
    assert ask(client)[:2] == (200, [])
    QuerySet(BlogUpdate).filter(pk=post.pk).update(publish_at=now() - timedelta(seconds=80))
    status, [problem], _ = ask(client)
    assert status == 200
    assert re.match(r"1 scheduled posts have not been published, the first for 8\d s\.", problem)


def test_a_busy_site_is_ready(client, site, monkeypatch):
    statistics = {"messages_pending": 1204, "messages_max_age": 6.2}
    monkeypatch.setattr(
        "channels_realtime.metrics.readiness.queues",
        lambda layer, channels: {"websocket.connect": statistics},
    )
    status, problems, checks = ask(client)
    sentence = "1204 messages wait on websocket.connect, the oldest for 6 s."
    assert (status, problems) == (200, [sentence])
    assert checks["queues"] == {"status": "busy", "waiting": 1204, "oldest_seconds": 6.2}


def test_healthz_is_200_also_behind_another_interface_server(client):
    response = client.get("/healthz")
    assert response.status_code == 200 and json.loads(response.content)["status"] == "ok"


def test_pools_have_their_names():
    pools = Environment({"WORKER_POOLS": "http:2,websocket:1,slow:1"})
    assert health.worker_names(pools) == ["http_00", "http_01", "websocket_00", "slow_00"]
