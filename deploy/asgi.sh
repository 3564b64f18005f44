#!/bin/sh
# One interface server. supervisord hands it the listening socket as file descriptor 0.
cd -P "$(dirname "$0")/.."
export DJANGO_SETTINGS_MODULE=proj.settings
# Whose X-Forwarded-For and X-Forwarded-Proto are believed: the last TRUSTED_HOPS proxies'.
if [ "${TRUSTED_HOPS:-0}" != 0 ]; then
    set -- --proxy-headers --trusted-hops "$TRUSTED_HOPS" "$@"
fi
exec .venv/bin/python deploy/launch.py realtime.interface -v 0 -e fd:fileno=0 "$@" \
    proj.asgi:channel_layer
