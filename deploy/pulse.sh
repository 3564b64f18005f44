#!/bin/sh
# The pulse. A copy on another host is on standby and takes over if this one fails.
cd -P "$(dirname "$0")/.."
exec .venv/bin/python deploy/launch.py manage.py pulse "$@"
