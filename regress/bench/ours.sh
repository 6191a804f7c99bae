# shellcheck shell=bash
# shellcheck disable=SC2154	# RUN, TLS: of lib.sh
# What the peers of ours (peers/ours*.sh) have in common: a relay, a node n1
# on it, and users to run them as.
# PEERS_DIR: where our programs are (make's obj/); PREFORK: listeners.

# Which commit this is.
ours_commit() {
	git -C "${0%/*}" rev-parse --short HEAD
}

ctl() {
	CULVERT_SOCKET="$RUN/relayd.sock" "$PEERS_DIR/accessctl" "$@"
}

# relayd, with this line in its configuration; and a token for a node.
ours_relay() {
	top=$(cd "${0%/*}/../../.." && pwd)
	chmod 755 "$RUN" "$(dirname "$RUN")"
	mkdir -m 700 "$RUN/state"
	for u in _culvert _culvertkey _culvertdb _culvertrt _culvertag \
	    _culvertpx; do
		id "$u" >/dev/null 2>&1 || sh "$top/etc/adduser.sh" "$u"
	done
	chown _culvertdb "$RUN/state"
	cp "$TLS/key.pem" "$RUN/key.pem"
	chmod 600 "$RUN/key.pem"
	cat >"$RUN/relayd.conf" <<EOT
domain "localhost"
state "$RUN/state"
control "$RUN/relayd.sock"
prefork ${PREFORK:-1}
certificate "$TLS/chain.pem" key "$RUN/key.pem"
listen on 127.0.0.1 port $(p 2) tls
${1:-}
EOT
	spawn server "$PEERS_DIR/relayd" -d -f "$RUN/relayd.conf"
	wait_port "$(p 2)"
	until ctl stats >/dev/null 2>&1; do sleep 0.05; done
	ctl user add bench@example.org --no-password
	ours_token node
}

# A token of this scope, in the file that has its name.
ours_token() {
	(umask 077
	ctl token create --user bench@example.org --scope "$1" >"$RUN/$1.token")
}

# agentd, with this line in its configuration.
ours_agent() {
	cat >"$RUN/agentd.conf" <<EOT
relay "wss://localhost:$(p 2)"
name "n1"
token file "$RUN/node.token"
ca "$TLS/ca.pem"
control "$RUN/agentd.sock"
${1:-}
EOT
	spawn agent "$PEERS_DIR/agentd" -d -f "$RUN/agentd.conf"
	until ctl node show n1 >/dev/null 2>&1; do sleep 0.05; done
}

# One process that makes N links: only the relay is measured.
agents() {
	spawn idle "$PEERS_DIR/regress/e2e/agents" "wss://localhost:$(p 2)" \
	    "$TLS/ca.pem" "$RUN/node.token" idle "$1"
	until grep -qx "up $1" "$RUN/idle.log"; do sleep 0.2; done
}
