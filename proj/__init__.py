"""The Django project. Importing it makes Channels 1.x run on this Django."""

from channels_realtime import compat

compat.install()
