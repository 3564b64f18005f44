#!/bin/sh
# Reports known vulnerabilities of the pinned packages, with pip-audit in an environment of its own.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP

.venv/bin/python -m venv --without-pip "$scratch/venv"
.venv/bin/python -m pip --disable-pip-version-check -qq --python "$scratch/venv/bin/python" \
    install --no-deps --require-hashes -r deploy/supply/requirements-audit.txt ||
    echo "audit: pip-audit could not be installed" >&2
.venv/bin/python deploy/supply/audit.py "$scratch/venv/bin/pip-audit"
