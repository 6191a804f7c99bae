# shellcheck shell=bash
# shellcheck source=/dev/null
# relayd's http door + agentd: HTTPS at the relay -> TLS WebSocket -> agentd ->
# backend.
. "${PEERS_LIB:?}/lib.sh"
. "${0%/*}/../ours.sh"

describe() {
	echo "relayd's http door + agentd at $(ours_commit), HTTPS in, WSS to the agent, prefork ${PREFORK:-1}; HTTP only"
}

# wrk says by SNI what it connects to, an address, and by Host what we tell it:
# for a stranger that is 421, but not for a proxy that is trusted.
start() {
	ours_relay "trusted proxy 127.0.0.1"
	ours_agent "http backend \"http://127.0.0.1:$WEB\""
	ctl node set n1 http=public
	endpoint http "https://127.0.0.1:$(p 2)/"
	endpoint host n1.localhost
}

main "$@"
