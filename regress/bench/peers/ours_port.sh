# shellcheck shell=bash
# shellcheck source=/dev/null
# relayd + agentd, by published ports: visitor in the clear -> relayd -> TLS
# WebSocket -> agentd -> target.  No program of ours on the visitor's side.
. "${PEERS_LIB:?}/lib.sh"
. "${0%/*}/../ours.sh"

describe() {
	echo "relayd's published ports + agentd at $(ours_commit), plain TCP in, WSS to the agent, prefork ${PREFORK:-1}"
}

start() {
	ours_relay "publish ports 1024-65535 on 127.0.0.1 by any"
	ours_agent
	ctl publish add "127.0.0.1:$(p 0)/tcp" "n1:127.0.0.1:$TARGET"
	ctl publish add "127.0.0.1:$(p 1)/tcp" "n1:127.0.0.1:$WEB"
	wait_port "$(p 0)"
	endpoint tcp "tcp://127.0.0.1:$(p 0)"
	endpoint http "http://127.0.0.1:$(p 1)/"
}

main "$@"
