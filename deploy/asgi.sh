#!/bin/sh
# One interface server. supervisord passes it the listening socket as file descriptor 0; elsewhere,
# such as in a container of its own, it listens on HOST and PORT.
cd -P "$(dirname "$0")/.."
export DJANGO_SETTINGS_MODULE=proj.settings
if [ -n "${SUPERVISOR_ENABLED:-}" ]; then
    set -- -e fd:fileno=0 "$@"
else
    ulimit -n "$(ulimit -Hn)" # one descriptor per socket; under supervisord deploy/run.py does this
    set -- -b "${HOST:-127.0.0.1}" -p "${PORT:-8000}" "$@"
fi
# Trust the X-Forwarded-For and X-Forwarded-Proto headers of the last TRUSTED_HOPS proxies.
if [ "${TRUSTED_HOPS:-0}" != 0 ]; then
    set -- --proxy-headers --trusted-hops "$TRUSTED_HOPS" "$@"
fi
# Only editors and programs with a token upload images. The longest text in a form, 20,000 Chinese
# characters, takes 180 kB, so an editor whose session has expired still gets Django's message.
set -- --max-anonymous-upload 262144 --session-cookie sessionid "$@"
exec .venv/bin/python deploy/launch.py channels_realtime.interface -v 0 \
    --health-path /healthz --ready-path /readyz \
    --memory-budget "${MEMORY_BUDGET:-1G}" --compression "${WS_COMPRESSION:-1}" "$@" proj.asgi:channel_layer
