"""`python -m channels_realtime.interface`."""

from channels_realtime.interface.command_line import main

main()
