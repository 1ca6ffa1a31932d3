#!/usr/bin/env bash
# Build one wheel a package into dist/, and install each alone once, to see that it names what it needs.
#   build-wheels.sh VENV
set -euo pipefail
rm -rf dist
for package in proto agent web hub; do
  "$1/bin/python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist "./$package"
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for package in proto agent web hub; do
  "$1/bin/python" -m venv "$scratch/$package"
  "$scratch/$package/bin/python" -m pip install --quiet --find-links dist "fleetglass-$package"
  "$scratch/$package/bin/python" -c "import fleetglass_$package"
done
for command in fleetglass-agent:agent fleetglass-hub:hub; do
  "$scratch/${command#*:}/bin/${command%%:*}" --help >/dev/null
done
ls -l dist
