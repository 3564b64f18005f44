"""A notice board in the style of Channels 1.x: a project that knows only the transport."""

from channels_realtime import compat

compat.install()
