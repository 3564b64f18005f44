#!/bin/sh
# The embedded Redis, reachable by a unix socket in the run folder alone. It holds messages in
# flight and who is connected: nothing that would be worth a file.
cd "$RUN_DIR"
exec "$REDIS_SERVER" --port 0 --unixsocket redis.sock --unixsocketperm 700 \
    --save '' --appendonly no --daemonize no --logfile '' --loglevel warning
