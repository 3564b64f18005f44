"""Counters of every process, their Prometheus text, and checks of readiness."""
