#!/bin/sh
# usage: demo.sh
# A relay, a device and a laptop on this machine, in a folder that is gone at
# the end: relayd with TLS, agentd, an sshd and a web server of its own, one
# user, two tokens, and ssh and a page through all of it.  CULVERT_OBJ: where the programs are.  ONCE=1:
# end after the first command; the exit status says whether it worked.
set -eu

obj=$(cd "${CULVERT_OBJ:-obj}" && pwd)
once=${ONCE:-}
dir=$(mktemp -d "${TMPDIR:-/tmp}/culvert-demo.XXXXXXXX")
chmod 711 "$dir"
pids=
me=$(id -un)

step() {
	printf '\n\033[1m==> %s\033[0m\n' "$*"
}

# Each program is ended by its pid; the last started goes first.
finish() {
	status=$?
	trap '' HUP INT TERM EXIT PIPE
	for pid in $pids; do
		kill "$pid" 2>/dev/null || :
	done
	for pid in $pids; do
		wait "$pid" 2>/dev/null || :
	done
	rm -rf "$dir"
	exit "$status"
}
trap finish EXIT
trap 'exit 0' INT
trap 'exit 1' HUP TERM

fail() {
	echo "demo: $*" >&2
	for log in "$dir"/*.log; do
		[ -f "$log" ] || continue
		echo "--- $(basename "$log")" >&2
		tail -n 20 "$log" >&2
	done
	exit 1
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
	n=$(($1 * 20)); shift
	while ! "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || return 1
		sleep 0.05
	done
}

# A port that nobody has right now, as far as ss(8), if it is there, can tell.
free_port() {
	while :; do
		port=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
		port=$((20000 + port % 12000))
		if ! ss -Hltn "sport = :$port" 2>/dev/null | grep -q .; then
			echo "$port"
			return
		fi
	done
}

# ---- a private CA and a certificate for localhost -------------------------

step "certificates: a private CA, and one for localhost"
mkdir "$dir/tls"
cd "$dir/tls"
openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -new -x509 -key ca.key -days 2 -subj "/CN=Culvert demo CA" \
    -out ca.pem
openssl ecparam -name prime256v1 -genkey -noout -out key.pem
cat >ext <<EOT
subjectAltName = DNS:localhost, DNS:*.localhost, IP:127.0.0.1
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
EOT
openssl req -new -key key.pem -subj /CN=localhost |
    openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
    -extfile ext -out cert.pem 2>/dev/null
chmod 600 key.pem ca.key
cd - >/dev/null

# ---- the relay ---------------------------------------------------------------

port=$(free_port)
webport=$(free_port)
mkdir -m 700 "$dir/state"
if [ "$(id -u)" -eq 0 ]; then
	for user in _culvert _culvertkey _culvertdb _culvertrt _culvertag \
	    _culvertpx; do
		id "$user" >/dev/null 2>&1 || sh etc/adduser.sh "$user"
	done
	chown _culvertdb "$dir/state"
fi
cat >"$dir/relayd.conf" <<EOT
domain "localhost"
state "$dir/state"
control "$dir/relayd.sock"
certificate "$dir/tls/cert.pem" key "$dir/tls/key.pem"
listen on 127.0.0.1 port $port tls
listen on 127.0.0.1 port $webport
EOT
step "relayd -d -f $dir/relayd.conf   (ports $port with TLS, $webport)"
"$obj/relayd" -n -f "$dir/relayd.conf"
"$obj/relayd" -d -f "$dir/relayd.conf" 2>"$dir/relayd.log" &
pids="$! $pids"
CULVERT_SOCKET=$dir/relayd.sock
export CULVERT_SOCKET
wait_for 10 "$obj/accessctl" stats || fail "relayd did not start"

step "accessctl user add you@example.org"
"$obj/accessctl" user add you@example.org --no-password
step "accessctl token create --user you@example.org --scope node --name pi"
(umask 077; "$obj/accessctl" token create --user you@example.org \
    --scope node --name pi >"$dir/node.token")
echo "a token for the device (shown once; kept from this screen)"
step "accessctl token create --user you@example.org --scope connect"
(umask 077; "$obj/accessctl" token create --user you@example.org \
    --scope connect --name laptop --expires 1d >"$dir/laptop.token")
echo "a token for the laptop"

# ---- the device --------------------------------------------------------------

url=wss://localhost:$port
pageport=$(free_port)
site=http://pi.localhost:$webport/
step "agentd -d --relay $url --name pi"
cat >"$dir/agentd.conf" <<EOT
relay "$url"
name "pi"
token file "$dir/node.token"
ca "$dir/tls/ca.pem"
control "$dir/agentd.sock"
http backend "http://127.0.0.1:$pageport"
EOT
"$obj/agentd" -d -f "$dir/agentd.conf" 2>"$dir/agentd.log" &
pids="$! $pids"

XDG_CONFIG_HOME=$dir/laptop
export XDG_CONFIG_HOME
step "accessctl login --relay $url"
"$obj/accessctl" login --relay "$url" --ca "$dir/tls/ca.pem" \
    --from-file "$dir/laptop.token" || fail "no log-in"
online() {
	"$obj/accessctl" nodes --json | grep -q '"online": *true'
}
wait_for 10 online || fail "the node did not come online"
step "accessctl nodes"
"$obj/accessctl" nodes

# ---- ssh through all of it -----------------------------------------------------

sshd=$(command -v sshd || echo /usr/sbin/sshd)
sshport=$(free_port)
mkdir -m 700 "$dir/ssh"
ssh-keygen -q -t ed25519 -N "" -f "$dir/ssh/host"
ssh-keygen -q -t ed25519 -N "" -f "$dir/ssh/user"
cp "$dir/ssh/user.pub" "$dir/ssh/authorized_keys"
echo "pi $(cut -d' ' -f1,2 "$dir/ssh/host.pub")" >"$dir/ssh/known_hosts"
cat >"$dir/ssh/sshd_config" <<EOT
Port $sshport
ListenAddress 127.0.0.1
HostKey $dir/ssh/host
AuthorizedKeysFile $dir/ssh/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
EOT
if [ "$(id -u)" -eq 0 ]; then
	mkdir -p /run/sshd
fi
step "an sshd of the device's own on 127.0.0.1 port $sshport"
"$sshd" -D -e -f "$dir/ssh/sshd_config" 2>"$dir/sshd.log" &
pids="$! $pids"
cat >"$dir/ssh/config" <<EOT
Host pi
	User $me
	Port $sshport
	IdentityFile $dir/ssh/user
	IdentitiesOnly yes
	UserKnownHostsFile $dir/ssh/known_hosts
	HostKeyAlias pi
	BatchMode yes
	ProxyCommand $obj/accessctl connect %h %p
EOT
listening() {
	ssh-keyscan -T 2 -p "$sshport" 127.0.0.1 2>/dev/null | grep -q .
}
wait_for 10 listening || fail "sshd did not start"
step "ssh -F $dir/ssh/config pi 'uname -sr; echo through the culvert'"
ssh -F "$dir/ssh/config" pi 'uname -sr; echo through the culvert' ||
    fail "ssh did not get through"

# ---- a page through all of it --------------------------------------------------

mkdir "$dir/www"
cat >"$dir/www/index.html" <<EOT
<!DOCTYPE html>
<title>pi</title>
<h1>Hello from behind the culvert</h1>
<p>This page is on a device that dialled out.
EOT
step "a web server of the device's own on 127.0.0.1 port $pageport"
python3 -m http.server --bind 127.0.0.1 --directory "$dir/www" "$pageport" \
    >"$dir/web.log" 2>&1 &
pids="$! $pids"
step "accessctl node set pi http=public"
"$obj/accessctl" node set pi http=public
page() {
	curl -fsS "$site" | grep behind
}
step "curl $site"
wait_for 10 page || fail "the page did not get through"
page

if [ -n "$once" ]; then
	step "it works"
	exit 0
fi

step "now you, in another terminal (all of it is gone after ^C here):"
cat <<EOT
    export XDG_CONFIG_HOME=$dir/laptop CULVERT_SOCKET=$dir/relayd.sock
    PATH=$obj:\$PATH

    a browser, at $site
    ssh -F $dir/ssh/config pi
    scp -F $dir/ssh/config README.md pi:/tmp/
    accessctl nodes
    accessctl forward -L 8022:pi:127.0.0.1:$sshport
    accessctl connection list
    accessctl token list
    accessctl stats
    tail -f $dir/relayd.log $dir/agentd.log

Running until ^C.
EOT
while :; do
	sleep 3600 &
	wait $! || :
done
