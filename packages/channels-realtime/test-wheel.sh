#!/bin/sh
# Builds a wheel and runs the package's tests against it, in an empty virtual environment.
# Usage: test-wheel.sh [pytest's arguments]. These environment variables have an effect:
# PYTHON  the interpreter; without UV it must have pip
# DJANGO  the series of Django, such as 4.2; by default the version that the product pins
# WHEEL   a wheel of the package that was built before
# UV      uv, which then installs instead of pip
# LOWEST  not empty: the oldest versions that pyproject.toml allows of each dependency; needs UV
set -eu
base=$(realpath -s "$(command -v "${PYTHON:-python3}")")
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP

python=$scratch/venv/bin/python
if [ -n "${UV:-}" ]; then
    "$UV" venv -q --no-config --python "$base" "$scratch/venv"
    pip() { command=$1; shift; "$UV" pip "$command" -q --compile-bytecode --no-config --python "$python" "$@"; }
else
    # Debian's Python has no ensurepip without python3-venv; the interpreter's own pip does without.
    "$base" -m venv --without-pip "$scratch/venv"
    pip() { "$base" -m pip --disable-pip-version-check --python "$python" -qq "$@"; }
    pip install pip # `python -m channels_realtime install` runs it
fi

cp -r tests pyproject.toml README.md "$scratch"
if [ -z "${WHEEL:-}" ]; then
    echo "Building the wheel of channels-realtime, and installing it into an empty environment" >&2
    # pip builds in a copy, so that the checkout stays as it is.
    cp -r src "$scratch"
    "$base" -m pip --disable-pip-version-check -qq wheel --no-deps --wheel-dir "$scratch" "$scratch"
    # Without the source, so that nothing but the wheel can be imported.
    rm -rf "$scratch/src"
    WHEEL=$(echo "$scratch"/channels_realtime-*.whl)
fi
constraints=$scratch/constraints.txt
extra=
pinned=$scratch/tests/requirements.txt
if [ -n "${LOWEST:-}" ]; then
    extra=[metrics]
    echo "${DJANGO:+Django==$DJANGO.*}" > "$scratch/django.txt"
    "$UV" pip compile -q --no-config --python "$base" --resolution lowest-direct --only-binary :all: \
        --extra metrics --constraint "$scratch/django.txt" pyproject.toml > "$constraints"
    # The package declares it as well; what else the tests need is theirs alone.
    sed -i '/^prometheus_client==/d' "$pinned"
else
    # The versions that the product pins; the package itself allows more. Without their hashes: the
    # wheel has none.
    cat ../../requirements.txt ../../requirements-tracing.txt |
        sed -e '/^ *--hash/d' -e 's/ *\\$//' > "$constraints"
    if [ -z "${DJANGO:-}" ]; then
        extra=[tracing]
    else
        sed -i -e '/^django==/Id' "$constraints"
        echo "Django==$DJANGO.*" >> "$constraints"
    fi
fi
pip install --constraint "$constraints" "$WHEEL$extra"
"$python" -m channels_realtime install
pip install --no-deps -r "$pinned"
cd "$scratch" # outside the checkout
"$python" -c 'import platform as p, django as d
print(f"Running the tests on Django {d.__version__} and Python {p.python_version()}", flush=True)'
"$python" -m pytest -n 3 --dist loadfile --no-loadscope-reorder "$@"
