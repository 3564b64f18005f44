#!/bin/sh
# Builds a wheel and runs the package's tests against it, in an empty virtual environment.
# Usage: test-wheel.sh [pytest's arguments]. PYTHON names the interpreter, which must have pip.
set -eu
base=$(realpath -s "$(command -v "${PYTHON:-python3}")")
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP

# Debian's Python has no ensurepip without python3-venv; the interpreter's own pip does without.
python=$scratch/venv/bin/python
"$base" -m venv --without-pip "$scratch/venv"
pip() { "$base" -m pip --disable-pip-version-check --python "$python" -qq "$@"; }

echo "Building the wheel of channels-realtime, and installing it into an empty environment" >&2
# pip builds in a copy, so that the checkout stays as it is.
cp -r src tests pyproject.toml README.md "$scratch"
pip install pip # `python -m channels_realtime install` runs it
pip wheel --no-deps --wheel-dir "$scratch" "$scratch"
# The versions that the product pins; the package itself allows more. Without their hashes: the wheel
# has none.
sed -e '/^ *--hash/d' -e 's/ *\\$//' ../../requirements.txt > "$scratch/constraints.txt"
pip install --constraint "$scratch/constraints.txt" "$scratch"/channels_realtime-*.whl
"$python" -m channels_realtime install
pip install --no-deps -r tests/requirements.txt
# Outside the checkout and without the source, so that nothing but the wheel can be imported.
rm -rf "$scratch/src"
cd "$scratch"
"$python" -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
