#!/bin/sh
# Puts the two files of ONNX Runtime for browsers (npm, MIT licence) into a cache folder, to travel in edge bundles.
set -eu
VERSION=1.30.0
FOLDER="${WEB_RUNTIME:-$HOME/.cache/modelyard-web}"
FILES="ort.wasm.bundle.min.mjs ort-wasm-simd-threaded.wasm"
for one in $FILES; do [ -f "$FOLDER/$one" ] || MISSING=yes; done
[ -n "${MISSING:-}" ] || exit 0
command -v npm > /dev/null || { echo "npm is missing: install Node 18 or newer"; exit 1; }
SCRATCH="$(mktemp -d)"
trap 'rm -rf "$SCRATCH"' EXIT
npm install --prefix "$SCRATCH" --ignore-scripts --no-audit --no-fund --loglevel=error "onnxruntime-web@$VERSION"
mkdir -p "$FOLDER"
for one in $FILES; do cp "$SCRATCH/node_modules/onnxruntime-web/dist/$one" "$FOLDER/$one"; done
