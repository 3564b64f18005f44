#!/bin/sh
# What supervisord watches of one interface server: on SIGHUP it starts another one, from the release
# that is current then, which takes over all sockets.
cd -P "$(dirname "$0")/.."
exec .venv/bin/python deploy/launch.py channels_realtime.keeper \
    "$RUN_DIR/releases/current/deploy/asgi.sh" --takeover "$RUN_DIR/$SUPERVISOR_PROCESS_NAME" "$@"
