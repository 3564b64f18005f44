#!/bin/sh
# The pulse. A copy on another host is on standby and takes over if this one fails.
cd -P "$(dirname "$0")/.."
export SETUPTOOLS_USE_DISTUTILS=stdlib # it starts sooner: see asgi.sh
exec .venv/bin/python deploy/launch.py manage.py pulse "$@"
