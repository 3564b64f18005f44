#!/bin/sh
# Builds a wheel and runs the package's tests against it, in an empty virtual environment.
# Usage: test-wheel.sh [pytest's arguments]. PYTHON names the interpreter.
set -eu
python=$(realpath -s "$(command -v "${PYTHON:-python3}")")
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM

"$python" -m venv "$scratch/venv"
python=$scratch/venv/bin/python
pip() { "$python" -m pip --disable-pip-version-check -qq "$@"; }

echo "Building the wheel of channels-realtime, and installing it into an empty environment" >&2
pip wheel --no-deps --wheel-dir "$scratch" .
# The versions that the product pins; the package itself allows more.
pip install --constraint ../../requirements.txt "$scratch"/channels_realtime-*.whl
"$python" -m channels_realtime install
pip install --no-deps -r tests/requirements.txt
# Outside the checkout, so that nothing but the wheel can be imported.
cp -r tests pyproject.toml "$scratch"
cd "$scratch"
"$python" -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
