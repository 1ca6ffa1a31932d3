#!/usr/bin/env bash
# Make the virtual environment: locked versions, checked by hash, and the four packages, editable.
#   setup-python.sh VENV
set -euo pipefail
venv=$1
python=""
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
  echo "fleetglass needs Python 3.11 or newer; none of python3, python3.11 ... python3.14 is. On Debian 12 and newer:  sudo apt-get install -y python3" >&2
  exit 1
fi
if [ ! -x "$venv/bin/python" ]; then
  # Debian ships ensurepip in a package of its own.
  "$python" -c 'import ensurepip, venv' 2>/dev/null || {
    version=$("$python" -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")')
    bash "$(dirname "$0")/debian-packages.sh" --needed "$version:fleetglass-never-on-path" || exit 1
  }
  echo "Making $venv with $("$python" --version) ..."
  "$python" -m venv "$venv"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
echo "Installing the locked Python packages ..."
"$venv/bin/python" -m pip install --quiet --require-hashes --no-deps -r requirements.txt
"$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e proto -e agent -e web -e hub
