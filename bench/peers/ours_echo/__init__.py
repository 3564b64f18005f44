"""The stock project, unchanged but for its channel layer: what `realtime` does for any project."""
