#!/usr/bin/env bash
# Make sure that programs from Debian packages are here.
#   debian-packages.sh --needed PACKAGE:PROGRAM...   stop if one cannot be had
#   debian-packages.sh --wanted PACKAGE:PROGRAM...   say so, and go on without (tests of a proxy that is not there are not collected)
# Root installs them; anyone else is told the one command that does.
set -euo pipefail
mode=$1
shift
missing=()
for pair in "$@"; do
  command -v "${pair#*:}" >/dev/null 2>&1 || missing+=("${pair%%:*}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

command_to_type="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing ${missing[*]} (Debian packages) ..."
  export DEBIAN_FRONTEND=noninteractive
  # We want programs, no services: a proxy that is tested must not begin to listen on this machine (policy-rc.d(8)).
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  if { apt-get update -qq && $command_to_type -qq; } >/tmp/fleetglass-apt.$$ 2>&1; then
    rm -f /tmp/fleetglass-apt.$$
    exit 0
  fi
  tail -n 5 /tmp/fleetglass-apt.$$ >&2
  rm -f /tmp/fleetglass-apt.$$
fi
echo "Missing on this machine: ${missing[*]}. This command brings it:  sudo $command_to_type" >&2
[ "$mode" = --wanted ] && exit 0
exit 1
