# shellcheck shell=bash
# shellcheck source=/dev/null
# relayd + agentd + accessctl forward: two TLS legs, three programs.
. "${PEERS_LIB:?}/lib.sh"
. "${0%/*}/../ours.sh"

describe() {
	echo "relayd + agentd + accessctl forward at $(ours_commit), WSS on both legs, mux, prefork ${PREFORK:-1}"
}

start() {
	export XDG_CONFIG_HOME="$RUN/home"
	ours_relay
	ours_token connect
	ours_agent
	"$PEERS_DIR/accessctl" login --relay "wss://localhost:$(p 2)" \
	    --ca "$TLS/ca.pem" --from-file "$RUN/connect.token"
	spawn client "$PEERS_DIR/accessctl" forward \
	    -L "127.0.0.1:$(p 0):n1:127.0.0.1:$TARGET" \
	    -L "127.0.0.1:$(p 1):n1:127.0.0.1:$WEB"
	wait_port "$(p 0)"
	endpoint tcp "tcp://127.0.0.1:$(p 0)"
	endpoint http "http://127.0.0.1:$(p 1)/"
}

main "$@"
