#!/usr/bin/env bash
# Build the dashboard into the web package's static files.
#   build-dashboard.sh VENV
set -euo pipefail
here=$(dirname "$0")
lock=web/ui/package-lock.json
installed=web/ui/node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ "$lock" -nt "$installed" ]; then
  echo "Installing the locked dashboard packages ..."
  bash "$here/with-node.sh" "$1" npm --prefix web/ui ci --no-audit --no-fund --loglevel=error
  touch "$installed"
fi
echo "Building the dashboard ..."
bash "$here/with-node.sh" "$1" npm --prefix web/ui run --silent build
