"""The stock project, unchanged but for its channel layer: what our transport changes."""
