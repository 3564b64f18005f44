"""The interface server: `python -m channels_realtime.interface`."""
