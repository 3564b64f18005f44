"""Histograms of how long a message's stages take: as values, and of real processes."""

import json

import pytest
from channels_realtime.metrics.counters import Metrics, processes
from channels_realtime.metrics.latency import STAGES, Histogram, buckets
from channels_realtime.metrics.prometheus import Snapshot
from harness.clients import Client
from harness.stack import Stack
from harness.waiting import wait_until
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

INTERFACE_STAGES = STAGES.keys() - {"commit_to_layer", "replay"}  # those are the product's


def exposed(reports):
    """(stage, le) -> number, and (stage, "sum"), as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(Snapshot(reports, {}, 0, {}))
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            if sample.name.startswith("realtime_latency_seconds_"):
                kind = sample.name.rpartition("_")[2]
                found[sample.labels["stage"], sample.labels.get("le", kind)] = sample.value
    return found


def test_a_bucket_counts_what_took_up_to_its_bound():
    histogram = Histogram()
    for seconds in (0.0, 0.001, 0.0011, 0.3, 60.0):
        histogram.observe(seconds)
    histogram.observe(0.4, 10)
    histogram.observe(-0.002)  # two clocks
    counts = dict(buckets(histogram.report()))
    assert (counts["0.00025"], counts["0.001"], counts["0.0025"]) == (2, 3, 4)
    assert (counts["0.25"], counts["0.5"], counts["10.0"], counts["+Inf"]) == (4, 15, 15, 16)
    assert histogram.seconds == pytest.approx(0.0021 + 0.3 + 60 + 4)
    assert list(counts.values()) == sorted(counts.values())


def test_prometheus_reads_what_a_process_publishes():
    metrics = Metrics("interface")
    metrics.observe("handshake", 0.02)
    metrics.observe("handshake", 0.2)
    report = json.loads(metrics.snapshot()) | {"published": 0, "age": 0}
    found = exposed({"interface@a:1": report})
    assert found["handshake", "0.025"] == 1
    assert found["handshake", "+Inf"] == found["handshake", "count"] == 2
    assert found["handshake", "sum"] == pytest.approx(0.22)


def test_a_process_of_an_older_release_has_none():
    report = json.loads(Metrics("interface").snapshot()) | {"published": 0, "age": 0}
    del report["latencies"]
    assert exposed({"interface@a:1": report}) == {}


def test_an_interface_server_publishes_how_long_each_of_its_stages_took():
    with Stack() as stack:
        interface = stack.interface()
        stack.worker()
        with Client(f"ws://127.0.0.1:{interface.port}/group/crowd/") as client:
            stack.layer.send_group("crowd", {"text": "to all"})
            assert client.recv() == "to all"

            def published():
                reports = processes(stack.layer)
                found = exposed({k: v for k, v in reports.items() if k.startswith("interface")})
                return found.get(("interface_to_sockets", "count")) and found

            found = wait_until(published, "the interface server's report")
    assert {stage for stage, _ in found} == INTERFACE_STAGES
    for stage in INTERFACE_STAGES:
        assert found[stage, "+Inf"] >= 1
        assert found[stage, "sum"] >= 0
    assert found["interface_to_sockets", "10.0"] == found["interface_to_sockets", "count"] == 1
