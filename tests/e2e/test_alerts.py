"""A real Prometheus scrapes the product and fires the alerts of docs/alerts.yml on real faults."""

import json
import os
import re
import resource
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from harness.network import free_port
from harness.process import Process, stopped
from harness.waiting import wait_until

from tests.e2e.stack import ROOT, Stack
from tests.e2e.test_disk_full import filled, small_disk

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


class Prometheus:
    """Alerts do not wait for the time in `for`."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        (folder / "prometheus.yml").write_text(CONFIG.format(address=address))
        rules = (ROOT / "docs" / "alerts.yml").read_text()
        (folder / "alerts.yml").write_text(re.sub(r" +for: \w+\n", "", rules))
        command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
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

    def wait_for(self, *names: str) -> None:
        wait_until(lambda: set(names) <= (self.firing() or set()), f"the alerts {names}")


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
                give_few_files(worker)
                prometheus.wait_for("LiveBlogNoPulse", "LiveBlogOpenFiles")
                prometheus.wait_for("LiveBlogScheduledOverdue", "LiveBlogWebhookBacklog")
            metrics = stack.get("/metrics").read().decode()
            assert re.search(r'process_endings_total{.*name="worker_\d\d"} 1\.0', metrics)
            with stopped(*stack.pids("runworker")):
                prometheus.wait_for("LiveBlogDown")
        finally:
            prometheus.process.stop(signal.SIGTERM)


def give_few_files(pid: int) -> None:
    """It has 85 % of the open files that it may have."""
    used = len(os.listdir(f"/proc/{pid}/fd"))
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (int(used / 0.85), hard))
