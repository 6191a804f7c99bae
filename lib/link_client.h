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

#ifndef LINK_CLIENT_H
#define LINK_CLIENT_H

#include <stdint.h>

#include "link.h"
#include "token.h"

/*
 * The dialling half of a link: TLS, the WebSocket upgrade, and the log-in
 * with a token's key (401 with a nonce, then the same request signed, on
 * the same connection).  Used by agentd's tunnel and by accessctl.
 */

#define LINK_PATH_NODE		"/api/nodes/ws"
#define LINK_PATH_ACCESS	"/api/access/ws"

struct evtls_client;
struct link_client;
struct relay_url;

enum link_fail {
	LINK_FAIL_UNREACHABLE,	/* the connection broke or timed out */
	LINK_FAIL_TLS,		/* handshake, certificate, pin */
	LINK_FAIL_DENIED,	/* 401 or 403: token or name not accepted */
	LINK_FAIL_BUSY,		/* 503 or 429, perhaps with Retry-After */
	LINK_FAIL_PROTOCOL	/* not a Culvert relay, or another version */
};

struct link_client_ops {
	/*
	 * Sign this challenge and answer with link_client_signed, here or
	 * later.  The challenge lives until then.
	 */
	void	(*sign)(struct link_client *, void *,
		    const struct token_challenge *);
	/* Logged in: here is the link; the link_client is freed after. */
	void	(*done)(struct link_client *, void *, struct link *);
	/*
	 * No link; freed after.  retry: s from Retry-After, or 0.  The text
	 * is for a person.
	 */
	void	(*fail)(struct link_client *, void *, enum link_fail, int,
		    const char *);
};

struct link_client_config {
	struct event_base		*base;
	int				 fd;	/* connected, non-blocking */
	const struct relay_url		*url;
	struct evtls_client		*tls;	/* NULL only for ws:// */
	const char			*path;
	const char			*node;	/* "" for clients */
	const char			*token_id;
	const char			*user_agent;	/* "agentd/0.1.0" */
	unsigned int			 timeout_ms;	/* for all of it */
	const struct link_client_ops	*ops;
	void				*arg;
	struct link_config		 link;	/* role, dialer are set here */
};

/* link_client_new: takes the descriptor.  NULL without memory (fd closed). */
struct link_client	*link_client_new(const struct link_client_config *);
/* The signature, or NULL when it can't be had (fails with DENIED). */
void			 link_client_signed(struct link_client *,
			    const uint8_t *);
/* Give up; no callback. */
void			 link_client_free(struct link_client *);

#endif /* LINK_CLIENT_H */
