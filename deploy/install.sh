#!/bin/sh
# Install the fleetglass agent on this host as a service, and join it to a hub.
#
#   sudo sh install.sh --join fg1.XXXX [--tail '/var/log/nginx/*.log']... [--label role=web]... [--wheels FOLDER]
#
# --join    the word that `fleetglass-hub enroll` printed: the hub's address, its key and a one-time token
# --tail    files to follow; may be given again
# --label   key=value; may be given again
# --wheels  a folder with fleetglass wheels (`make build` makes one), instead of the package index
#
# It makes a user `fleetglass` that may read logs (group adm), a virtual environment in /opt/fleetglass-agent, settings in
# /etc/fleetglass/agent.toml and the service fleetglass-agent. To undo it:
#   systemctl disable --now fleetglass-agent; rm -r /opt/fleetglass-agent /etc/fleetglass /var/lib/fleetglass-agent \
#     /etc/systemd/system/fleetglass-agent.service; userdel fleetglass
# Again with a new word, it brings the newest agent and the new settings; `make try-install` runs it on a copy of a machine.
set -eu

say() { printf 'fleetglass: %s\n' "$*"; }
fail() { printf 'fleetglass: %s\n' "$*" >&2; exit 1; }
quoted() { printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"; }

here=$(cd "$(dirname "$0")" && pwd)
join='' tails='' labels='' wheels=''
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1 needs a value; see the head of this script"
  case $1 in
    --join) join=$2 ;;
    --tail) tails="$tails${tails:+, }$(quoted "$2")" ;;
    --label)
      case $2 in *?=*) ;; *) fail "--label $2: a label is key=value" ;; esac
      labels="$labels$(quoted "${2%%=*}") = $(quoted "${2#*=}")
" ;;
    --wheels) wheels=$2 ;;
    *) fail "unknown option $1; see the head of this script" ;;
  esac
  shift 2
done

case $join in fg1.?*) ;; *) fail "--join is missing or no join string: on the hub, run  fleetglass-hub enroll" ;; esac
[ "$(id -u)" -eq 0 ] || fail "this makes a user and a service: run it as root (sudo)"
command -v systemctl >/dev/null || fail "no systemd here: run  fleetglass-agent run --hub $join  under your own service manager"

python=''
for candidate in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
  # One in somebody's home is closed to the user of the service.
  case $(readlink -f "$(command -v "$candidate" || echo /)") in /root/* | /home/*) continue ;; esac
  if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$candidate; break; fi
done
[ -n "$python" ] || fail "needs Python 3.11 or newer with venv:  apt-get install -y python3 python3-venv"
command -v iostat >/dev/null || say "iostat is missing; the agent uses the kernel's counters. This brings it:  apt-get install -y sysstat"

say "installing into /opt/fleetglass-agent"
"$python" -m venv /opt/fleetglass-agent
/opt/fleetglass-agent/bin/python -m pip install --quiet --upgrade --disable-pip-version-check ${wheels:+--find-links "$wheels"} fleetglass-agent
ln -sf /opt/fleetglass-agent/bin/fleetglass-agent /usr/local/bin/fleetglass-agent

id fleetglass >/dev/null 2>&1 || useradd --system --user-group --home-dir /var/lib/fleetglass-agent --shell /usr/sbin/nologin fleetglass
for group in adm systemd-journal; do
  getent group "$group" >/dev/null && usermod -aG "$group" fleetglass
done

mkdir -p /etc/fleetglass
if [ -e /etc/fleetglass/agent.toml ]; then
  cp /etc/fleetglass/agent.toml "/etc/fleetglass/agent.toml.before-$(date +%Y%m%d%H%M%S)"
  say "kept the settings that were here beside the new ones"
fi
umask 077
{
  printf 'join = %s\n' "$(quoted "$join")"
  [ -z "$tails" ] || printf 'tail = [%s]\n' "$tails"
  [ -z "$labels" ] || printf '\n[labels]\n%s' "$labels"
} >/etc/fleetglass/agent.toml
chown root:fleetglass /etc/fleetglass/agent.toml
chmod 640 /etc/fleetglass/agent.toml
/opt/fleetglass-agent/bin/fleetglass-agent run --check --config /etc/fleetglass/agent.toml >/dev/null

umask 022
cp "$here/systemd/fleetglass-agent.service" /etc/systemd/system/fleetglass-agent.service
systemctl daemon-reload
systemctl enable --quiet fleetglass-agent
# restart, not start: where this script ran before, the agent that runs has the old settings.
systemctl restart fleetglass-agent
say "running; it shows up on the hub within seconds. Its words:  journalctl -u fleetglass-agent"
