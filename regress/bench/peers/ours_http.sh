# shellcheck shell=bash
# shellcheck source=/dev/null
# relayd's http door + agentd: HTTPS at the relay -> TLS WebSocket -> agentd ->
# backend.  PEERS_DIR: where our programs are (make's obj/); PREFORK: listeners.
. "${PEERS_LIB:?}/lib.sh"

describe() {
	echo "relayd's http door + agentd at $(git -C "${0%/*}" rev-parse --short HEAD), HTTPS in, WSS to the agent, prefork ${PREFORK:-1}; HTTP only"
}

ctl() {
	CULVERT_SOCKET="$RUN/relayd.sock" "$PEERS_DIR/accessctl" "$@"
}

# wrk says by SNI what it connects to, an address, and by Host what we tell it:
# for a stranger that is 421, but not for a proxy that is trusted.
start() {
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
trusted proxy 127.0.0.1
EOT
	spawn server "$PEERS_DIR/relayd" -d -f "$RUN/relayd.conf"
	wait_port "$(p 2)"
	until ctl stats >/dev/null 2>&1; do sleep 0.05; done
	ctl user add bench@example.org --no-password
	(umask 077
	ctl token create --user bench@example.org --scope node >"$RUN/node.token")
	cat >"$RUN/agentd.conf" <<EOT
relay "wss://localhost:$(p 2)"
name "n1"
token file "$RUN/node.token"
ca "$TLS/ca.pem"
control "$RUN/agentd.sock"
http backend "http://127.0.0.1:$WEB"
EOT
	spawn agent "$PEERS_DIR/agentd" -d -f "$RUN/agentd.conf"
	until ctl node show n1 >/dev/null 2>&1; do sleep 0.05; done
	ctl node set n1 http=public
	endpoint http "https://127.0.0.1:$(p 2)/"
	endpoint host n1.localhost
}

# One process that makes N links: only the relay is measured.
agents() {
	spawn idle "$PEERS_DIR/regress/e2e/agents" "wss://localhost:$(p 2)" \
	    "$TLS/ca.pem" "$RUN/node.token" idle "$1"
	until grep -qx "up $1" "$RUN/idle.log"; do sleep 0.2; done
}

main "$@"
