"""The stream: a blog's revisions, its frames, broadcast, replay, pulse and schedule."""
