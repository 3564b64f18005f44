"""Fault injection: the whole product must recover from every kind of fault."""
