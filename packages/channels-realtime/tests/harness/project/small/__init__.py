"""A small Channels 1.x project that runs on our transport and, unchanged, on the stock one."""

from channels_realtime import compat

compat.install()
