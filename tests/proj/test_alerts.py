"""docs/alerts.yml: each rule fires on what it is for, and not on a site that is well."""

import json
import logging
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from channels_realtime.metrics.counters import Metrics

from conversations.redis_store import layer
from deploy.run import ROOT

RULES = ROOT / "docs" / "alerts.yml"
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())
WORKER = '{process="worker@a:1"}'
INTERFACE = '{process="interface@a:2"}'
UP = 'up{job="liveblog",instance="a:8000"}'
PULSE = 'liveblog_pulse_age_seconds{instance="a:8000"}'
# alert: series of a site that is well, and of one that is not, in Prometheus' notation for tests:
# a value each minute.
CASES = {
    # Without an answer there is no age of the pulse either.
    "LiveBlogDown": [(UP, "1x60", "0x60"), (PULSE, "3x60", "3x5 stale")],
    "LiveBlogNoPulse": [(PULSE, "3x60", "4+60x60")],
    "LiveBlogScheduledOverdue": [("liveblog_scheduled_overdue_seconds", "0x30", "0+60x30")],
    "LiveBlogWorkersBusy": [
        ('realtime_queue_age_seconds{channel="http.request"}', "0.1x30", "0+6x30")
    ],
    "LiveBlogProcessRestarts": [
        ('liveblog_process_endings_total{host="a",name="worker_00"}', "1x30", "1+1x30")
    ],
    "LiveBlogDiskFull": [
        ('liveblog_disk_free_bytes{host="a"}', "60x30", "5x30"),
        ('liveblog_disk_size_bytes{host="a"}', "100x30", "100x30"),
    ],
    "LiveBlogOpenFiles": [
        (f"realtime_open_files{WORKER}", "200x30", "250x30"),
        (f"realtime_open_files_limit{WORKER}", "256x30", "256x30"),
    ],
    "LiveBlogMemory": [
        (f"realtime_memory_bytes{INTERFACE}", "900x30", "1600x30"),
        (f"realtime_budget_bytes{INTERFACE}", "1000x30", "1000x30"),
    ],
    # The counter appears with its first value.
    "LiveBlogHungWorkers": [
        ('realtime_hung_workers_total{channel="x"}', "3x60", "_x25 1x5"),
    ],
    "LiveBlogMessagesLost": [
        ('realtime_dropped_total{process="a",reason="channel_full"}', "5x30", "5+60x30")
    ],
    "LiveBlogDeadLetters": [("realtime_dead_letters", "2x30", "2+1x30")],
    "LiveBlogWebhookBacklog": [
        ('liveblog_webhook_backlog_age_seconds{webhook="1",blog="b"}', "2x30", "0+60x30")
    ],
    "LiveBlogAlertBacklog": [("liveblog_alert_backlog_age_seconds", "2x30", "0+60x30")],
    "LiveBlogErrors": [(f"liveblog_log_errors_total{WORKER}", "1x30", "1+20x30")],
    "LiveBlogLoginFailures": [(f"liveblog_login_failures_total{WORKER}", "1x30", "1+20x30")],
    "LiveBlogTokenFailures": [(f"liveblog_token_failures_total{WORKER}", "1x30", "1+20x30")],
}


def test_every_rule_is_tried() -> None:
    assert list(CASES) == ALERTS


def test_every_rule_is_fired_by_a_real_fault() -> None:
    tests = (ROOT / "tests" / "e2e" / "test_alerts.py").read_text()
    assert set(re.findall(r'"(LiveBlog\w+)"', tests)) == set(ALERTS)


def test_rules_fire_on_a_fault_and_on_nothing_else(tmp_path: Path) -> None:
    """promtool evaluates all rules over half an hour: without a fault, and with each of them."""
    well = {name: good for series in CASES.values() for name, good, _ in series}
    faults = {alert: {name: bad for name, _, bad in series} for alert, series in CASES.items()}
    tests = [scenario("no fault", well, 0)]
    # Beside the fault's own series, those without which an alert would fire.
    running = {UP: well[UP], PULSE: well[PULSE]}
    tests += [scenario(alert, running | bad, 1) for alert, bad in faults.items()]
    tests.append(scenario("LiveBlogNoPulse", {UP: well[UP]}, 1))
    shutil.copy(RULES, tmp_path)
    plan = {"rule_files": [RULES.name], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "plan.yml").write_text(json.dumps(plan))  # JSON is YAML
    done = subprocess.run(
        ["promtool", "test", "rules", "plan.yml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def scenario(name: str, series: dict[str, str], number: int) -> dict[str, object]:
    """After 28 minutes so many alerts fire, all of them with that name."""
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    firing = 'ALERTS{alertstate="firing"}'
    its = f'ALERTS{{alertstate="firing",alertname="{name}"}}'
    checks = [
        {
            "expr": f"count({expression}) or vector(0)",
            "eval_time": "28m",
            "exp_samples": [{"labels": "{}", "value": number}],
        }
        for expression in (firing, its)
    ]
    return {"name": name, "interval": "1m", "input_series": inputs, "promql_expr_test": checks}


@pytest.mark.parametrize("logger", ["liveblog.api", "django.channels"])
def test_errors_of_the_site_and_of_consumers_are_counted(logger: str, monkeypatch) -> None:
    metrics = Metrics("test")
    monkeypatch.setattr(layer().channel_layer, "metrics", metrics)
    logging.getLogger(logger).error("It failed.")
    assert metrics.values["log_errors"] == 1


@pytest.mark.django_db
def test_rules_and_dashboard_name_metrics_that_exist(client) -> None:
    exposed = set(re.findall(r"^# TYPE (\w+)", client.get("/metrics").text, re.M))
    dashboard = (ROOT / "docs" / "grafana.json").read_text()
    texts = [
        *re.findall(r"expr: (.*)", RULES.read_text()),
        *re.findall(r'"expr": "(.*)"', dashboard),
    ]
    named = {name for text in texts for name in re.findall(r"\b(?:realtime|liveblog)_\w+", text)}
    assert {name.removesuffix("_bucket") for name in named} - exposed == {
        "liveblog_pulse_age_seconds"  # there is no pulse
    }
