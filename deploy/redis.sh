#!/bin/sh
# The embedded Redis, reachable by a unix socket in the run folder alone. It holds messages in
# flight and who is connected: nothing that would be worth a file.
cd -P "$(dirname "$0")/.."
launch="$PWD/deploy/launch.py" python="$PWD/.venv/bin/python"
cd "$RUN_DIR"
exec "$python" "$launch" "$REDIS_SERVER" --port 0 --unixsocket redis.sock --unixsocketperm 700 \
    --save '' --appendonly no --daemonize no --logfile '' --loglevel warning
