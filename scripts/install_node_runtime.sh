#!/bin/sh
# Installs ONNX Runtime for Node into a cache folder of its own, for the parity check between runtimes.
# --ignore-scripts: the package's install script would fetch GPU libraries from elsewhere, which nothing here needs.
set -eu
VERSION=1.30.0
FOLDER="${NODE_RUNTIME:-$HOME/.cache/modelyard-node}"
if [ -d "$FOLDER/node_modules/onnxruntime-node" ]; then exit 0; fi
command -v npm > /dev/null || { echo "npm is missing: install Node 18 or newer"; exit 1; }
mkdir -p "$FOLDER"
npm install --prefix "$FOLDER" --ignore-scripts --no-audit --no-fund --loglevel=error "onnxruntime-node@$VERSION"
# Only the runtime of this machine is of use: the others are four fifths of the package.
cd "$FOLDER/node_modules/onnxruntime-node/bin/napi-v6"
KEPT="$(node -p 'process.platform')"
for one in *; do [ "$one" = "$KEPT" ] || rm -rf "$one"; done
