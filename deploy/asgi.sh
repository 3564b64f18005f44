#!/bin/sh
# One interface server. supervisord hands it the listening socket as file descriptor 0.
cd "$(dirname "$0")/.."
export DJANGO_SETTINGS_MODULE=proj.settings
exec .venv/bin/python -m realtime.interface -v 0 -e fd:fileno=0 "$@" proj.asgi:channel_layer
