#!/usr/bin/env bash
# Run deploy/install.sh for real, twice, on a copy of this machine that is thrown away, and see its service on a hub.
#   try-install.sh VENV          (root, Linux with overlayfs; Debian's python3-venv)
# The copy is an overlay over / in a mount namespace of its own: nothing of it is left. Only systemctl is played: by a
# script that starts the unit's command as the unit says, as user fleetglass, with everything read-only but its state
# folder (ProtectSystem=strict, StateDirectory=, NoNewPrivileges=).
set -euo pipefail
venv=$(realpath "$1")
if [ -z "${FLEETGLASS_OWN_MOUNTS:-}" ]; then
  [ "$(id -u)" -eq 0 ] || { echo "try-install: run it as root: it mounts an overlay over /"; exit 1; }
  FLEETGLASS_OWN_MOUNTS=1 exec unshare --mount --propagation private bash "$0" "$1"
fi

work=$(mktemp -d)
hub=''
finish() {
  for pid in "$hub" $(cat "$work/root/run/agent.pid" 2>/dev/null); do kill "$pid" 2>/dev/null || true; done
  [ -z "$hub" ] || wait "$hub" || true
  umount -l "$work/root" "$work" && rmdir "$work"
}
trap finish EXIT
mount -t tmpfs none "$work"
mkdir "$work"/{upper,scratch,root,wheels,hub}
for package in proto agent; do
  "$venv/bin/python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work/wheels" "./$package"
done

free_port() { "$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
http=$(free_port) agents=$(free_port)
"$venv/bin/fleetglass-hub" run --http "127.0.0.1:$http" --agents "tcp://127.0.0.1:$agents" --data "$work/hub" &
hub=$!
until curl -fs "http://127.0.0.1:$http/readyz" >/dev/null; do kill -0 $hub; sleep 0.1; done

root=$work/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/scratch" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir "$root/copy"
cp -r deploy "$work/wheels" "$root/copy/"
cat >"$root/usr/local/sbin/systemctl" <<'SYSTEMCTL'
#!/bin/sh
[ "$1" = restart ] || exit 0
[ ! -e /run/agent.pid ] || kill "$(cat /run/agent.pid)"
install -d -o fleetglass -g fleetglass -m 700 /var/lib/fleetglass-agent
command=$(sed -n 's/^ExecStart=//p' /etc/systemd/system/fleetglass-agent.service)
echo "trying: a line for the log" >>/var/log/try.log
chmod 640 /var/log/try.log && chgrp adm /var/log/try.log
setsid unshare --mount sh -c "
  mount --bind /var/lib/fleetglass-agent /var/lib/fleetglass-agent && mount -o remount,bind,ro /
  exec setpriv --reuid fleetglass --regid fleetglass --init-groups --no-new-privs env -i PATH=/usr/bin $command
" </dev/null >>/agent.log 2>&1 &
echo $! >/run/agent.pid
SYSTEMCTL
chmod +x "$root/usr/local/sbin/systemctl"

for attempt in first second; do
  word=$("$venv/bin/fleetglass-hub" enroll --data "$work/hub" 2>/dev/null | grep -o 'fg1\.[^ ]*' | head -1)
  chroot "$root" env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    sh /copy/deploy/install.sh --join "$word" --tail '/var/log/try.log' --label "try=$attempt" --wheels /copy/wheels
  for _ in $(seq 100); do
    seen=$(curl -fs "http://127.0.0.1:$http/api/v1/hosts?filter=try%3D$attempt" || true)
    case $seen in *'"state":"live"'*) break ;; esac
    sleep 0.2
  done
  case $seen in
    *'"state":"live"'*) echo "try-install: the $attempt time it is live" ;;
    *) cat "$root/agent.log"; echo "try-install: the $attempt time no host came to the hub"; exit 1 ;;
  esac
  echo "try-install: the $attempt line" >>"$root/var/log/try.log"
  for _ in $(seq 50); do
    lines=$(curl -fs "http://127.0.0.1:$http/api/v1/logs?match=$attempt+line" || true)
    case $lines in *"the $attempt line"*) break ;; esac
    sleep 0.2
  done
  case $lines in *"the $attempt line"*) ;; *) cat "$root/agent.log"; echo "try-install: its line did not come"; exit 1 ;; esac
done
echo "try-install: user, settings and service work; the agent wrote its state folder alone:"
find "$work/upper/var/lib/fleetglass-agent" -type f -printf '  /%P %s bytes %u\n'
