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


#ifndef RPC_MESSAGE_H
#define RPC_MESSAGE_H

#include <sys/types.h>

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"

/*
 * What paired clients, and nodes of the other make, say in JSON: read
 * strictly, as objects without a key twice.  Pure but for memory.
 */

#define RPC_ID_MAX	4096	/* bytes of a request's id */
#define RPC_REAL_DIGITS	17
/* How it is written again. */
#define RPC_DUMP	(JSON_COMPACT | JSON_REAL_PRECISION(RPC_REAL_DIGITS))

/* What was wrong, as the client is told. */
#define RPC_BAD_REQUEST		"bad_request"
#define RPC_BAD_BASE64		"bad_body_b64"
#define RPC_BODY_TOO_LARGE	"body_too_large"

enum rpc_type {
	RPC_UNKNOWN,		/* or no JSON object at all */
	RPC_PING,
	RPC_HTTP_PROXY,
	/* of nodes: */
	RPC_PAIR_OFFER,
	RPC_HTTP_RESPONSE,
	RPC_PONG
};

struct rpc_message {
	enum rpc_type	 type;
	json_t		*object;	/* NULL: it was none */
	char		*id;		/* as a string; "": none */
	int		 bad_id;	/* it can't be said again */
};

/* Before any JSON is handled in this process. */
void	 rpc_message_start(void);
/* The value of this text, with jansson's flags, or NULL: it is none.  0, or
   -1 without memory. */
int	 rpc_load(const char *, size_t, size_t, json_t **);
/*
 * rpc_message_parse: so many bytes; 0, or -1 without memory.  What is no
 * object is RPC_UNKNOWN.  rpc_message_free: what of it is still there.
 */
int	 rpc_message_parse(const char *, size_t, struct rpc_message *);
void	 rpc_message_free(struct rpc_message *);

/*
 * rpc_text: a value as its users' programs make a string of it ("7" of 7,
 * "True" of true); nothing, or what counts as false, is "".  malloced, NULL
 * without memory.
 */
char	*rpc_text(const json_t *);

/*
 * rpc_json: a value as text, with flags of json_dumps(), malloced, NULL
 * without memory.  jansson's own
 * json_dumps() may leave out a key then, and say nothing.
 */
char	*rpc_json(const json_t *, size_t);

/*
 * rpc_body: the body of a request, malloced (never NULL then).  Too long a
 * one is refused, or cut if the third argument says so: then base64 is read
 * as leniently as that.  0, or -1 with what the client is told.
 */
int	 rpc_body(const json_t *, size_t, int, uint8_t **, size_t *,
	    const char **);

/*
 * rpc_head: the request as text of HTTP/1.1, for this host and with a body of
 * so many bytes; malloced.  A client's Host is left out, and what concerns
 * connections.  The parser has to judge it as any other.  0, or -1.
 */
int	 rpc_head(const json_t *, const char *, size_t, char **, size_t *);
/*
 * rpc_check: the same without a host, for a node of the other make, which
 * gets the object as it is: has it nothing in it that could be taken for more
 * than one line?
 */
int	 rpc_check(const json_t *);

/*
 * rpc_response: an answer, compact, malloced, NULL without memory.  Fields
 * that come twice are one, with commas; of cookies the last one is in headers
 * and, if there are several, all are in set_cookies.  Bytes that are not UTF-8
 * are taken for Latin-1.
 */
char	*rpc_response(const char *id, const struct http_head *,
	    const uint8_t *, size_t, size_t *);
/* {"type":"http_response","id":...,"error":...}; NULL without memory. */
char	*rpc_error(const char *id, const char *);
/* Put a body into a request, instead of whatever is there.  0 or -1. */
int	 rpc_set_body(json_t *, const uint8_t *, size_t);
/* An object with another id, compact, malloced, with its length; NULL without
   memory.  The id stays changed. */
char	*rpc_with_id(json_t *, const char *, size_t *);

#endif /* RPC_MESSAGE_H */
