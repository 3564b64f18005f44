"""`python -m channels_realtime.interface`."""

from channels_realtime import compat

compat.install_or_exit()

from channels_realtime.interface.command_line import main  # noqa: E402

main()
