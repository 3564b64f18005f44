#!/bin/sh
# One worker. Arguments go to runworker, for example: --only-channels='http.*'
# It exits, and is restarted, after a million messages (ten minutes at full load) or above 500 MiB
# of memory; it starts with 100 MiB, and has 140 MiB after the largest image.
cd -P "$(dirname "$0")/.."
exec .venv/bin/python deploy/launch.py manage.py runworker \
    --max-messages 1000000 --max-memory 500 "$@"
