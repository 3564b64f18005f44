"""Publishers: one process a system, in that system's own environment."""
