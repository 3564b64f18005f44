"""The transport: Channels 1.x on today's Python, usable by any Channels 1.x project."""
