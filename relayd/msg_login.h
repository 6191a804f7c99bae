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

#ifndef MSG_LOGIN_H
#define MSG_LOGIN_H

#include <sys/socket.h>

#include <stdint.h>

#include "ctl.h"
#include "nonce.h"
#include "relayd.h"
#include "token.h"

/* Messages: who comes in, by which door, and the session they get. */

#define NONCE_LEN	96

/* DOOR_PORT: nobody logged in; router speaks for the node's owner. */
enum login_door {
	DOOR_NODE = 1, DOOR_ACCESS = 2, DOOR_PORT = 3, DOOR_API = 4,
	DOOR_HTTP = 5, DOOR_RPC = 6
};
#define DOORS		7	/* 0: none */
/* Whether those who come in there have to log in. */
#define DOOR_LOGS_IN(d)	((d) == DOOR_NODE || (d) == DOOR_ACCESS || \
			    (d) == DOOR_API || (d) == DOOR_HTTP || \
			    (d) == DOOR_RPC)
/* Whether what holds the session is a link, or about to be one. */
#define DOOR_IS_LINK(d)	((d) == DOOR_NODE || (d) == DOOR_ACCESS)
/* With which log-ins are denied; the last one stands for any other. */
#define LOGIN_STATUSES	7
#define LOGIN_STATUS_LIST { 401, 403, 409, 421, 429, 503, 0 }

enum login_method {
	LOGIN_SIGNATURE = 1,
	LOGIN_BEARER = 2,	/* the token itself */
	LOGIN_SECRET = 3	/* that of a session in the store: of a
				   browser (http), of a paired program (rpc) */
};

struct login {
	uint32_t		 door;
	uint32_t		 method;
	char			 token_id[TOKEN_ID_LEN + 4];
	uint8_t			 sig[TOKEN_SIG_LEN];
	uint8_t			 seed[TOKEN_SEED_LEN];	/* bearer: its secret;
							   LOGIN_SECRET: the
							   SHA-256 of that */
	char			 host[DOMAIN_LEN];	/* http: of the site */
	char			 nonce[NONCE_LEN];
	char			 path[CTL_NAME_LEN];
	char			 node[CTL_NAME_LEN];
	struct sockaddr_storage	 peer;
};

#define PASSWORD_LEN	512	/* with its NUL; crypt(3) takes no more */

/* The same with an email address and a password, for a site. */
struct login_password {
	char			 host[DOMAIN_LEN];
	char			 email[CTL_EMAIL_LEN];
	char			 password[PASSWORD_LEN];
	struct sockaddr_storage	 peer;
};

/* What nonces have to begin with from now on. */
struct login_beacon {
	uint8_t			 beacon[NONCE_BEACON_LEN];
};

struct login_denied {
	uint32_t		 status;	/* 401 403 409 421 429 503 */
	uint32_t		 retry_after;	/* s, or 0 */
	char			 text[CTL_TEXT_LEN];
};

struct session_id {
	uint64_t		 session;
};

struct session {
	uint64_t		 session;	/* random, never 0 */
	int32_t			 listener;
	uint32_t		 conn;		/* the listener's id of it */
	uint32_t		 door;
	uint32_t		 scopes;
	char			 user_id[USER_ID_LEN + 4];
	char			 email[CTL_EMAIL_LEN];
	char			 username[CTL_NAME_LEN];
	char			 token_id[TOKEN_ID_LEN + 4];	/* or "" */
	/* The node that came in; http, rpc: the only one it may reach. */
	char			 node_id[USER_ID_LEN + 4];
	char			 node[CTL_NAME_LEN];
	char			 addr[CTL_ADDR_LEN];
	/* In the store: the session it shows the secret of, and what that
	   goes with; or "". */
	char			 held[USER_ID_LEN + 4];
	char			 parent[USER_ID_LEN + 4];
	int64_t			 expires_at;	/* of what it has; 0: never */
	uint32_t		 restricted;	/* token is for some nodes */
	uint32_t		 pad;
};

/*
 * The login page and what comes of it.  A browser that logs in at the relay
 * has a session there; a ticket takes it to a site, where it gets another,
 * for that host only, which goes with the first.  The secrets of all of them
 * are the listener's and the browser's; auth knows the SHA-256 of each.
 */
enum web_what {
	WEB_LOGIN = 1,		/* email, password; make: the session's */
	WEB_TICKET,		/* secret: a relay's session's; host; make:
				   the ticket's, for who shows way there.  way
				   zeroed: only, may it go there? */
	WEB_ENTER,		/* secret: the ticket's; host, way; make: the
				   session's */
	WEB_LOGOUT		/* secret: a session's, of host or (host "")
				   the relay: that of the relay ends, and all
				   that came of it */
};
#define WEB_HASH_LEN	32

struct web_ask {
	uint32_t		 what;
	uint32_t		 pad;
	uint8_t			 secret[WEB_HASH_LEN];
	uint8_t			 make[WEB_HASH_LEN];
	uint8_t			 way[WEB_HASH_LEN];
	char			 host[DOMAIN_LEN];
	char			 email[CTL_EMAIL_LEN];
	char			 password[PASSWORD_LEN];
	char			 software[CTL_TEXT_LEN];
	struct sockaddr_storage	 peer;
};

struct web_answer {
	uint32_t		 what;
	uint32_t		 status;	/* 200, or to refuse it with:
						   401 403 404 429 503 */
	uint32_t		 retry_after;	/* s, or 0 */
	uint32_t		 pad;
	int64_t			 expires_at;	/* of what was made */
	char			 email[CTL_EMAIL_LEN];	/* who, if known */
	char			 text[CTL_TEXT_LEN];
};

/* Kinds of sessions that the store keeps. */
enum session_kind {
	SESSION_WEB = 1,	/* a browser that logged in */
	SESSION_RPC		/* a program that was paired */
};
#define SESSION_NAMES	{ "?", "web", "rpc" }

#endif /* MSG_LOGIN_H */
