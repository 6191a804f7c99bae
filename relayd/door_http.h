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

#ifndef DOOR_HTTP_H
#define DOOR_HTTP_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "http.h"
#include "http_body.h"

/*
 * The http door: requests for sites.  It has the part of a connection that
 * one needs which visits a site, from its first request on.
 */

struct conn;

#define REQUEST_ID_LEN	17	/* 16 hex digits */

enum door_http {
	DOOR_HTTP_NOT,		/* the host is the relay's own */
	DOOR_HTTP_TAKEN,	/* the head is done with */
	DOOR_HTTP_LATER		/* again, when door_http_go_on says */
};

/* A new id for a request: as good as random, but no secret. */
void		 request_id(char[REQUEST_ID_LEN]);
/* The id of the connection's request, "" if it is not for a site. */
const char	*door_http_id(const struct conn *);

/*
 * A request on a connection of ours, with its head (so many bytes long, in one
 * piece, from its method on) and how its body is framed.  Whose it is shows
 * in the host that it asks for (RFC 9112, 3.2; site_host).
 */
enum door_http	 door_http_request(struct conn *, const struct http_head *,
		    size_t, const struct http_framing *);
/* What was awaited for the request (GATE_WAIT, SITE_WAIT) has come. */
void		 door_http_go_on(struct conn *);
/*
 * As evtls_ops, while the state is CONN_SITE: how many bytes were taken; how
 * many are to be sent, or -1: the connection is gone.
 */
size_t		 door_http_input(struct conn *, uint8_t *, size_t);
ssize_t		 door_http_output(struct conn *, uint8_t *, size_t);
/* Whether its request, if it is for a site, takes HTML, as browsers do. */
int		 door_http_html(const struct conn *);
/*
 * A response of our own to it is on its way: with this word (http_page.h),
 * and with this status and so many bytes of body.
 */
void		 door_http_word(struct conn *, const char *);
void		 door_http_answered(struct conn *, int, size_t);
/* Its deadline (evtls_deadline) is over.  The connection may be gone then. */
void		 door_http_timeout(struct conn *);
/* Nothing more will come; whether some of what has is not taken yet.  The
   connection may be gone then. */
void		 door_http_eof(struct conn *, int);
/* What has come can't be taken now, and no more of it is read. */
void		 door_http_stall(struct conn *);
/* The connection, or its visit, is over: what it has of this door goes. */
void		 door_http_free(struct conn *);
/* What it has of this door, bytes, without its exchange. */
size_t		 door_http_memory(const struct conn *);

#endif /* DOOR_HTTP_H */
