#!/bin/sh
# Installs the Debian packages that the tests use: Redis, PostgreSQL, nginx, Chromium, Node, Prometheus and others.
set -eu

missing=
need() { # need <package> <command or /file>…: one of them must be there
    package=$1; shift
    for wanted in "$@"; do
        case $wanted in
            /*) [ ! -e "$wanted" ] || return 0 ;;
            *) ! command -v "$wanted" >/dev/null || return 0 ;;
        esac
    done
    missing="$missing $package"
}

need redis-server redis-server
need nginx nginx /usr/sbin/nginx
need libnginx-mod-stream /usr/lib/nginx/modules/ngx_stream_module.so
need chromium chromium
need nodejs node
need iproute2 ip /usr/sbin/ip /sbin/ip
need gcc cc
need libfaketime /usr/lib/*/faketime/libfaketime.so.1
need prometheus promtool
need postgresql postgres /usr/lib/postgresql/*/bin/postgres

[ -n "$missing" ] || exit 0
run=
if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then run=sudo
    else
        echo "The tests need packages that are not installed. Install them:" >&2
        echo "    sudo apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
fi
echo "Installing$missing" >&2
$run apt-get update -qq
# shellcheck disable=SC2086
$run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
