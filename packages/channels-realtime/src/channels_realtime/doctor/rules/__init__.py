"""The table of what is looked for: id, what, one sentence, and who changes it.

Of two rules that match the same name, the one with the longer name is reported.
"""

from channels_realtime.doctor.rules.channels import CHANNELS
from channels_realtime.doctor.rules.django import DJANGO
from channels_realtime.doctor.rules.python import PYTHON
from channels_realtime.doctor.rules.rewritten import REWRITTEN

RULES = (*CHANNELS, *REWRITTEN, *DJANGO, *PYTHON)
