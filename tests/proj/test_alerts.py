"""docs/alerts.yml: each rule fires on what it is for, and not on a site that is well."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.run import ROOT

RULES = ROOT / "docs" / "alerts.yml"
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())
WORKER = '{process="worker@a:1"}'
INTERFACE = '{process="interface@a:2"}'
# alert: series of a site that is well, and of one that is not, in Prometheus' notation for tests:
# a value each minute.
CASES = {
    "LiveBlogDown": [('up{job="liveblog"}', "1x30", "0x30")],
    "LiveBlogNoPulse": [("liveblog_pulse_age_seconds", "3x30", "4+60x30")],
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


def test_rules_fire_on_a_fault_and_on_nothing_else(tmp_path: Path) -> None:
    """promtool evaluates all rules over half an hour: without a fault, and with each of them."""
    pulse = {"series": "liveblog_pulse_age_seconds", "values": "3x60"}
    others = [
        {"series": name, "values": good}
        for alert, series in CASES.items()
        for name, good, _ in series
        if alert != "LiveBlogNoPulse"
    ]
    tests = [scenario("no fault", [pulse, *others], 0)]
    for alert, series in CASES.items():
        values = [{"series": name, "values": bad} for name, _, bad in series]
        values += [] if alert == "LiveBlogNoPulse" else [pulse]
        tests.append(scenario(alert, values, 1))
    shutil.copy(RULES, tmp_path)
    plan = {"rule_files": [RULES.name], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "plan.yml").write_text(json.dumps(plan))  # JSON is YAML
    done = subprocess.run(
        ["promtool", "test", "rules", "plan.yml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def scenario(name: str, series: list[dict[str, str]], number: int) -> dict[str, object]:
    """After 28 minutes so many alerts fire, all of them with that name."""
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
    return {"name": name, "interval": "1m", "input_series": series, "promql_expr_test": checks}


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
