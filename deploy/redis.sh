#!/bin/sh
# The embedded Redis, reachable only through a unix socket in the run folder. It stores messages in
# flight and the connected clients, which need no persistence.
cd -P "$(dirname "$0")/.."
launch="$PWD/deploy/launch.py" python="$PWD/.venv/bin/python"
cd "$RUN_DIR"
exec "$python" "$launch" "$REDIS_SERVER" --port 0 --unixsocket redis.sock --unixsocketperm 700 \
    --save '' --appendonly no --daemonize no --logfile '' --loglevel warning
