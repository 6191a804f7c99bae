/*
 * Copyright (c) 2026 The Culvert authors
 *
 * Permission to use, copy, modify, and distribute this software for any
 * purpose with or without fee is hereby granted, provided that the above
 * copyright notice and this permission notice appear in all copies.
 *
 * THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
 * WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
 * MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
 * ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
 * WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
 * ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
 * OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
 */

#ifndef MSG_CONF_H
#define MSG_CONF_H

#include <sys/socket.h>

#include <stdint.h>

#include "addr.h"
#include "ctl.h"
#include "evtls.h"
#include "relayd.h"
#include "settings.h"

/* Messages: what the parent gives its children, and signing. */

struct conf_begin {
	struct relayd_limits	 limits;
	struct relayd_bandwidth	 bandwidth;
	struct relayd_rpc	 rpc;
	struct relayd_identity	 identity;	/* to listeners only */
	char			 domain[DOMAIN_LEN];
	char			 state[1024];	/* to auth only */
	char			 user[CTL_NAME_LEN];
	int32_t			 prefork;
	uint32_t		 verbose;
	uint32_t		 backups;	/* to keep, a day each */
	int64_t			 started;	/* s since 1970: the daemon */
	uint8_t			 beacon_key[32];	/* to auth only */
	/* to listeners only: */
	uint8_t			 nonce_key[32];
	uint8_t			 metrics_hash[32];	/* SHA-256 of the token
							   for metrics */
	uint32_t		 has_metrics_token;
};

struct conf_listen {
	struct sockaddr_storage	 ss;
	uint32_t		 tls;
	uint32_t		 proxy;
};

/* A trusted proxy, or who may see the metrics; or a network of them. */
enum conf_network_what { NETWORK_PROXY = 1, NETWORK_MONITOR };
struct conf_network {
	struct addr_prefix	 prefix;
	uint32_t		 what;
	uint32_t		 field;		/* enum forwarded_field */
};

/* What each certificate is called, and when it ends. */
struct conf_cert_end {
	uint32_t		 index;
	int64_t			 ends;		/* s since 1970 */
	char			 name[DOMAIN_LEN];
};

/* A piece of certificate chain or key number index; pieces come in order. */
#define CONF_CHUNK_MAX	8192
struct conf_chunk {
	uint8_t			 keyid[EVTLS_KEYID_LEN];
	uint32_t		 index;
	uint32_t		 total;		/* bytes of the whole */
	uint32_t		 len;		/* bytes in data */
	char			 data[CONF_CHUNK_MAX];
};

struct conf_access {
	uint32_t		 format;	/* enum access_format */
	uint32_t		 pad;
};

struct conf_name {
	char			 name[DOMAIN_LEN];
};

struct conf_end {
	uint32_t		 generation;
};

struct conf_serve {
	uint32_t		 patience_ms;	/* with nodes that may come */
	uint32_t		 unused;
};

struct conf_old {
	uint64_t		 present;	/* 1 << instance of listeners */
	uint64_t		 draining;	/* of these, those that drain */
	uint64_t		 upgrades;	/* that this relayd has seen */
	uint32_t		 listeners;	/* how many drain */
	uint32_t		 joined;	/* of these, with our own */
	int64_t			 until;		/* then they are ended */
	char			 from[32];	/* the last version */
};

struct sign_socket {
	int32_t			 listener;
};

struct listener_link {
	int32_t			 peer;		/* the other instance */
	int32_t			 dialer;	/* 1 at one end */
};

/* Signing, on a SOCK_SEQPACKET of its own, one exchange at a time. */
struct sign_ask {
	uint64_t		 seq;		/* repeated in the answer */
	uint8_t			 keyid[EVTLS_KEYID_LEN];
	uint32_t		 kind;		/* enum evtls_sign_kind */
	uint32_t		 len;
	uint8_t			 data[EVTLS_SIGN_MAX];
};
struct sign_answer {
	uint64_t		 seq;
	uint32_t		 ok;
	uint32_t		 len;
	uint8_t			 data[EVTLS_SIGN_MAX];
};

#endif /* MSG_CONF_H */
