#!/bin/sh
# supervisorctl for the tree that `make run` started with the same DATA_DIR:
#     deploy/ctl.sh status
#     deploy/ctl.sh restart workers:*
#     deploy/ctl.sh tail -f workers:worker_00
cd "$(dirname "$0")/.."
RUN_DIR=$(.venv/bin/python -c '
import sys
from proj.environment import Environment, WrongValue
try:
    print(Environment().run_dir)
except WrongValue as wrong:
    print(wrong, file=sys.stderr)
    sys.exit(wrong.exit_code)
') || exit $?
if [ ! -S "$RUN_DIR/supervisor.sock" ]; then
    echo "No site is running with this DATA_DIR: there is no $RUN_DIR/supervisor.sock." >&2
    exit 1
fi
export RUN_DIR
exec .venv/bin/python -m supervisor.supervisorctl -c supervisord.conf "$@"
