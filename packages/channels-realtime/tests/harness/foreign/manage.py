import os
import sys

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "board.settings"

    import board  # noqa: F401  Channels must be bridged before Django's commands are looked for.
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
