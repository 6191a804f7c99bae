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

#ifndef HTTP_BACKEND_H
#define HTTP_BACKEND_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdint.h>

#include "mux.h"

/*
 * A backend's connection: a stream of kind http to a node, for one visitor,
 * and for one exchange at a time.  It is on record from the asking for its
 * route to its end, and rests on its site: if that changes, it ends.
 */

struct http_backend;
struct http_prologue;
struct route;
struct site;
struct stream_owner;
struct stream_record;
struct visitor;

struct http_backend_config {
	const struct site		*site;
	struct visitor			*visitor;	/* NULL: anybody */
	const struct sockaddr_storage	*client;
	const char			*request_id;
	int				 hasty;	/* an offline node is not
						   waited for */
};

/*
 * What uses it for the time being, an exchange.  None of these may free it,
 * or any other; they take note and act later.
 */
struct http_backend_ops {
	/* It is connected, and the node has said how requests are to be. */
	void	(*ready)(void *, const struct http_prologue *);
	/* Bytes have come, or the end of them. */
	void	(*input)(void *);
	/* Fill in what is to be sent, as mux_stream_ops' pull. */
	size_t	(*pull)(void *, uint8_t *, size_t, enum mux_more *);
	/*
	 * It is over: with a mux code, and a text for people.  asked: the
	 * node was asked to connect.  Code 0: in order.
	 */
	void	(*over)(void *, uint16_t, const char *, int asked);
	/* What it takes itself. */
	size_t	(*memory)(const void *);
};

/* One that nothing was done for yet; the caller's.  NULL without memory, or
   without a session for it. */
struct http_backend *http_backend_new(const struct http_backend_config *);
/* It ends, if it has not yet; takes NULL.  Not from its own ops. */
void		 http_backend_free(struct http_backend *);
/* The same, by whoever has used it: in order, behind what was sent. */
void		 http_backend_leave(struct http_backend *);
/*
 * Use it: ready or over follow, now or later.  The first time it asks for its
 * route, for which it waits a few seconds, and opens its stream.
 */
void		 http_backend_use(struct http_backend *,
		    const struct http_backend_ops *, void *);
/* Another for the same, NULL as above or if the site is not the same. */
struct http_backend *http_backend_again(const struct http_backend *);
/*
 * The exchange has ended in order: it is idle.  0; or -1: it can't be used
 * again, and is to be freed.
 */
int		 http_backend_rest(struct http_backend *);
/*
 * Whether it is idle, still there, and for this site, visitor and client.
 * safe: the next request can be sent once more if this is in vain.
 */
int		 http_backend_fits(const struct http_backend *,
		    const struct http_backend_config *, int safe);
/* Its stream, once it is ready; NULL: it is not, or is over. */
struct mux_stream *http_backend_stream(const struct http_backend *);
/* Of struct stream_record_ops. */
void		 http_backend_bytes(const struct stream_record *, uint64_t *,
		    uint64_t *);
/* Of struct stream_owner, for sites and visitors. */
void		 http_backend_routed(struct stream_owner *, const char *,
		    const struct route *, uint32_t);
/* Its session is a new one: those of this owner go on with it. */
void		 http_backends_renew(struct stream_owner *);
/* End all of this owner, with a mux code and a text for people: how many these
   were. */
uint32_t	 http_backends_kill(struct stream_owner *, uint16_t,
		    const char *);

#endif /* HTTP_BACKEND_H */
