"""The Django project. Importing it makes Channels 1.x run on this Django."""

from realtime import compat

compat.install()
