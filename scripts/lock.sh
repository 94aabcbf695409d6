#!/bin/sh
# Writes constraints.txt: the exact version of everything that pyproject.toml pulls in, from a fresh environment.
set -eu
python="${1:-python3}"
fresh="$(mktemp -d)"
trap 'rm -rf "$fresh"' EXIT
"$python" -m venv "$fresh/venv"
"$fresh/venv/bin/python" -m pip install '.[train,dev]'
{
    echo "# Written by \`make lock\` from pyproject.toml. A build label such as +cpu is left out, so any build of that version fits."
    "$fresh/venv/bin/python" -m pip freeze --all \
        | grep -v -i -E '^(modelyard|pip|setuptools|wheel|nvidia-[a-z0-9-]+|triton)( @|==)' \
        | sed -E 's/ @ file:.*\/[A-Za-z0-9_.]+-([0-9][^-+]*)(\+[^-]*)?-.*/==\1/; s/\+[A-Za-z0-9.]+$//'
} > "$fresh/constraints.txt"
mv "$fresh/constraints.txt" constraints.txt
echo "constraints.txt: $(grep -c == constraints.txt) packages"
