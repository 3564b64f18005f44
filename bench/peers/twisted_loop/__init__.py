"""The bound: what the event loop itself costs."""
