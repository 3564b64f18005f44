"""Faults on purpose: the whole product is hurt in every way we know, and must be whole again."""
