"""What interface servers load: `daphne … proj.asgi:channel_layer`.

The channel layer alone. channels.asgi.get_channel_layer() would also load all apps and, for the
routing, all consumers, of which an interface server uses none. A server that is killed is back
sooner without them.
"""

import os
from typing import Any

from django.conf import settings
from django.utils.log import configure_logging
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")

configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
configured: dict[str, Any] = settings.CHANNEL_LAYERS["default"]
channel_layer = import_string(configured["BACKEND"])(**configured["CONFIG"])
