#!/bin/sh
# One worker. Arguments go to runworker, for example: --only-channels='http.*'
# It is replaced after a million messages, some ten minutes of all that it can do, or when it takes
# six times the memory that it starts with; a large picture needs half of that for a moment.
cd "$(dirname "$0")/.."
exec .venv/bin/python deploy/launch.py manage.py runworker \
    --max-messages 1000000 --max-memory 500 "$@"
