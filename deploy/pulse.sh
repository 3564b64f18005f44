#!/bin/sh
# One pulse. A copy on another host stands by, and takes over when this one is gone.
cd -P "$(dirname "$0")/.."
exec .venv/bin/python deploy/launch.py manage.py pulse "$@"
