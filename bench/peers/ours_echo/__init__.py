"""The stock project, unchanged but for its channel layer: what `channels_realtime` does for any project."""
