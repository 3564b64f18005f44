#!/bin/sh
# One worker. Arguments go to runworker, for example: --only-channels='http.*'
cd -P "$(dirname "$0")/.."
exec .venv/bin/python deploy/launch.py manage.py runworker "$@"
