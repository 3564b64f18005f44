#!/bin/sh
# Writes the hashes of all pinned packages: of every wheel and source archive of each version.
#     deploy/supply/pin.sh            for the pins as they are
#     deploy/supply/pin.sh NAME==1.2  after changing this pin in all files that have it
# Needs uv (https://docs.astral.sh/uv/); without one on PATH it installs its own for the moment.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP

if ! command -v uv >/dev/null; then
    .venv/bin/python -m venv --without-pip "$scratch/venv"
    .venv/bin/python -m pip --disable-pip-version-check -qq \
        --python "$scratch/venv/bin/python" install uv
    PATH=$scratch/venv/bin:$PATH
fi
compile() {
    uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate "$@"
}

for pin in "$@"; do
    name=${pin%%==*}
    sed -i "s/^$name==[^ ;]*/$pin/I" requirements*.txt
done
for file in requirements.txt requirements-asgiref.txt requirements-redis.txt requirements-dev.txt; do
    sed -e '/^ *--hash/d' -e 's/ *\\$//' "$file" > "$scratch/in.txt"
    compile --no-deps "$scratch/in.txt" -o "$scratch/out.txt"
    { grep '^#' "$file"; cat "$scratch/out.txt"; } > "$scratch/$file"
done
# These with what they need, in the versions that the others have.
for file in requirements-build.txt requirements-tracing.txt deploy/supply/requirements-audit.txt; do
    sed -n 's/^# Resolved from: //p' "$file" > "$scratch/in.txt"
    compile -c requirements.txt -c requirements-dev.txt "$scratch/in.txt" -o "$scratch/out.txt"
    { grep '^#' "$file"; cat "$scratch/out.txt"; } > "$scratch/new" && mv "$scratch/new" "$file"
done
for file in requirements.txt requirements-asgiref.txt requirements-redis.txt requirements-dev.txt; do
    mv "$scratch/$file" "$file"
done
