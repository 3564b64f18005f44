#!/bin/sh
# One worker. Arguments go to runworker, for example: --only-channels='http.*'
# It ends, to be started again, after a million messages, some ten minutes of all that it can do, or
# above 500 MiB of memory: it starts with 100, and 140 are left after the largest picture.
cd -P "$(dirname "$0")/.."
exec .venv/bin/python deploy/launch.py manage.py runworker \
    --max-messages 1000000 --max-memory 500 "$@"
