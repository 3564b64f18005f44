#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
    from django.core.management import execute_from_command_line

    from proj.environment import WrongValue

    try:
        execute_from_command_line(sys.argv)
    except WrongValue as wrong:
        sys.stderr.write(f"{wrong}\n")
        sys.exit(wrong.exit_code)


if __name__ == "__main__":
    main()
