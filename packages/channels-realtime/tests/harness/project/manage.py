import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "small.settings"

import small  # noqa: F401  Channels must be bridged before Django's commands are looked for.
from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
