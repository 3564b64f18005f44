"""A real Prometheus scrapes the product and fires the alerts of docs/alerts.yml on real faults."""

import json
import os
import re
import resource
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

import pytest
from harness.network import free_port, http_request
from harness.process import Process, stopped
from harness.waiting import meanwhile, wait_until

from deploy.control import Supervisor
from tests.e2e.stack import ROOT, Stack
from tests.e2e.test_disk_full import filled, small_disk
from tests.postgresql import PostgresServer

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [alerts.yml]
scrape_configs:
  - {{job_name: liveblog, static_configs: [{{targets: ["{address}"]}}]}}
"""
LATE = """
from datetime import timedelta
from django.db.models import QuerySet
from django.utils import timezone
from liveblog.models import BlogUpdate, Delivery, LiveBlog, Webhook
now = timezone.now()
blog = LiveBlog.objects.get(slug="demo")
post = BlogUpdate.objects.create(blog=blog, body="Late", publish_at=now + timedelta(days=1))
QuerySet(BlogUpdate).filter(pk=post.pk).update(publish_at=now - timedelta(minutes=5))
hook = Webhook.objects.create(blog=blog, url="http://192.0.2.1/")
Delivery.objects.create(
    webhook=hook, event="update.created", revision=1, body="{}",
    queued=now - timedelta(hours=1), due=now + timedelta(days=1),
)
"""
NOT_ALERTED = """
from datetime import timedelta
from django.utils import timezone
from liveblog.models import Alert, BlogUpdate, LiveBlog
blog = LiveBlog.objects.get(slug="demo")
post = BlogUpdate.objects.create(blog=blog, body="A key event")
Alert.objects.create(blog=blog, update=post, created=timezone.now() - timedelta(minutes=20))
"""
MAIL = """
from channels import Channel
Channel("accounts.low-balance-mail").send({"account": 1, "balance": "1.00"})
"""
# Imported by every process of the site: an interface server that gets SIGUSR2 leaks this.
LEAK = """
import signal, sys
def leak(*_):
    signal.leaked = b"x" * (400 << 20)
if "channels_realtime.interface" in sys.orig_argv:
    signal.signal(signal.SIGUSR2, leak)
"""


class Prometheus:
    """Alerts do not wait for the time in `for`."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        (folder / "prometheus.yml").write_text(CONFIG.format(address=address))
        rules = (ROOT / "docs" / "alerts.yml").read_text()
        (folder / "alerts.yml").write_text(re.sub(r" +for: \w+\n", "", rules))
        command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=series"]
        command += [f"--web.listen-address={self.address}", "--log.level=warn"]
        self.process = Process(command, cwd=folder, log=folder / "log")
        wait_until(lambda: self.firing() is not None, "an answer of Prometheus")

    def firing(self) -> set[str] | None:
        """The names of the alerts; None while Prometheus starts."""
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://{self.address}/api/v1/alerts") as answer,
        ):
            alerts = json.load(answer)["data"]["alerts"]
            return {alert["labels"]["alertname"] for alert in alerts}
        return None

    def names(self) -> set[str]:
        return self.firing() or set()

    def wait_for(self, *names: str) -> None:
        wait_until(lambda: set(names) <= self.names(), f"the alerts {names}")

    def fires_during(self, name: str, act: Callable[[], object], times: int) -> None:
        """Act until the alert fires, at most so many times."""
        for _ in range(times):
            act()
            if name in self.names():
                return
        self.wait_for(name)

    def has(self, query: str) -> bool:
        """Whether the query has a result."""
        url = f"http://{self.address}/api/v1/query?{urlencode({'query': query})}"
        with urllib.request.urlopen(url) as answer:
            return bool(json.load(answer)["data"]["result"])


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    folder.mkdir()
    with small_disk(folder):
        yield folder


def test_alerts_fire_on_real_faults(disk: Path, tmp_path: Path) -> None:
    with Stack(DATA_DIR=str(disk)) as stack:
        prometheus = Prometheus(stack.address, tmp_path)
        try:
            wait_until(lambda: prometheus.firing() == set(), "a site without alerts")
            killed, worker = stack.pids("runworker")
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: killed not in stack.pids("runworker"), "its end")
            wait_until(stack.healthy, "another worker")
            with stopped(*stack.pids("manage.py pulse")):
                stack.shell(LATE)
                with filled(disk):
                    prometheus.wait_for("LiveBlogDiskFull")
                # Again and again: it may have had more of them open than when it is counted.
                expected = {"LiveBlogNoPulse", "LiveBlogOpenFiles"}
                wait_until(
                    lambda: give_few_files(worker) or expected <= prometheus.names(),
                    f"the alerts {expected}",
                    poll=1.0,
                )
                prometheus.wait_for("LiveBlogScheduledOverdue", "LiveBlogWebhookBacklog")
            metrics = stack.get("/metrics").read().decode()
            assert re.search(r'process_endings_total{.*name="worker_\d\d"} 1\.0', metrics)
            with stopped(*stack.pids("runworker")):
                prometheus.wait_for("LiveBlogDown")
                # The pulse works, although nobody can say so.
                wait_until(lambda: "LiveBlogNoPulse" not in prometheus.names(), "one alert")
        finally:
            prometheus.process.stop(signal.SIGTERM)


def give_few_files(pid: int) -> None:
    """It has 85 % of the open files that it may have."""
    used = len(os.listdir(f"/proc/{pid}/fd"))
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (int(used / 0.85), hard))


@pytest.mark.nightly
def test_the_slower_alerts_fire_on_real_faults(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(LEAK)
    environ = {
        "WORKER_POOLS": "http:1,websocket:1,slow:1",
        "CONSUMER_TIMEOUT": "25",  # s
        "MEMORY_BUDGET": "256M",
        "API_TOKENS": "a token of the newsroom",
        "PYTHONPATH": str(tmp_path),
    }
    with PostgresServer() as postgres, Stack(DATABASE_URL=postgres.url, **environ) as stack:
        prometheus = Prometheus(stack.address, tmp_path)
        try:
            wait_until(lambda: prometheus.has("realtime_dead_letters"), "a scrape")
            freeze_the_websockets_worker(stack, prometheus)
            kill_a_worker_again_and_again(stack, prometheus)
            [interface] = stack.pids("channels_realtime.interface ")
            os.kill(interface, signal.SIGUSR2)
            prometheus.wait_for("LiveBlogMemory")
            prometheus.fires_during("LiveBlogTokenFailures", lambda: guess_a_token(stack), 200)
            names = count()
            prometheus.fires_during(
                "LiveBlogLoginFailures", lambda: fail_to_log_in(stack, f"jo{next(names)}"), 200
            )
            with stopped(*stack.pids("manage.py pulse")):
                stack.shell(NOT_ALERTED)
                prometheus.wait_for("LiveBlogAlertBacklog")
            postgres.kill()
            stack.shell(MAIL)
            prometheus.wait_for("LiveBlogDeadLetters")
            prometheus.fires_during(
                "LiveBlogErrors", lambda: request(stack, "/liveblog/demo/"), 200
            )
        finally:
            prometheus.process.stop(signal.SIGTERM)


def freeze_the_websockets_worker(stack: Stack, prometheus: Prometheus) -> None:
    """Handshakes wait and are refused, until the watchdog ends the worker."""

    def knock(ended: threading.Event) -> None:
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version": "13",
        }
        waiting = [
            threading.Thread(target=request, args=(stack, "/channel/liveblog/demo/", headers))
            for _ in range(80)
        ]
        for thread in waiting:
            thread.start()
            ended.wait(0.1)
        for thread in waiting:
            thread.join()

    [frozen] = stack.pids("--only-channels=websocket")
    os.kill(frozen, signal.SIGSTOP)
    with meanwhile(knock):
        prometheus.wait_for("LiveBlogWorkersBusy")
        prometheus.wait_for("LiveBlogMessagesLost")
        prometheus.wait_for("LiveBlogHungWorkers")
    wait_until(stack.healthy, "another worker")


def kill_a_worker_again_and_again(stack: Stack, prometheus: Prometheus) -> None:
    for number in range(1, 6):
        os.kill(wait_until(lambda: running(stack, "slow_00"), "the worker"), signal.SIGKILL)
        ended = f'liveblog_process_endings_total{{name=~"slow.*"}} == {number}'
        wait_until(lambda query=ended: prometheus.has(query), "the count of its ends")
    prometheus.wait_for("LiveBlogProcessRestarts")


def running(stack: Stack, name: str) -> int | None:
    """The pid of the process, once supervisord takes it for started."""
    infos = Supervisor(Path(stack.folder.name) / "run").infos()
    [info] = [each for each in infos if each["name"] == name]
    return info["pid"] if info["statename"] == "RUNNING" else None


def request(stack: Stack, path: str, headers: dict[str, str] | None = None) -> None:
    """A request whose answer does not matter."""
    with suppress(OSError):
        http_request(stack.port, "GET", path, headers=headers)


def guess_a_token(stack: Stack) -> None:
    request(stack, "/api/liveblogs/demo/updates/", {"Authorization": "Bearer wrong"})


def fail_to_log_in(stack: Stack, name: str) -> None:
    form = http_request(stack.port, "GET", "/accounts/login/")
    token = form.headers["Set-Cookie"].split("csrftoken=")[1].partition(";")[0]
    headers = {
        "Cookie": f"csrftoken={token}",
        "Content-Type": "application/x-www-form-urlencoded",
        "X-CSRFToken": token,
    }
    body = urlencode({"username": name, "password": "a guess"})
    assert http_request(stack.port, "POST", "/accounts/login/", body, headers).status == 200
