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

#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include "http.h"
#include "http_body.h"
#include "http_message.h"

/*
 * One request to a site, and its response, over a backend's connection.  The
 * request's head is written again from what was parsed; its body comes in by
 * exchange_write, as far as there is room; the response comes out as events
 * by exchange_read, and what nobody reads stays where it is: with the node.
 * It knows of no visitor's connection: whoever has one makes an exchange for
 * each request.
 */

struct exchange;
struct http_backend;
struct site;
struct visitor;

#define EXCHANGE_BUFFER	(128 * 1024)	/* of a request's body */

/*
 * Called from the event loop's other work: only to take note of it, and to
 * have exchange_read or exchange_write called soon.
 */
struct exchange_ops {
	void	(*readable)(void *);	/* there is an event */
	void	(*writable)(void *);	/* there is room again; optional */
};

struct exchange_config {
	const struct site	*site;
	struct visitor		*visitor;	/* NULL: anybody */
	const struct sockaddr_storage *client;
	const char		*request_id;
	/* One that is left of an exchange before, or NULL: it is used if it
	   fits, and freed otherwise. */
	struct http_backend	*backend;
	const struct http_head	*head;		/* a request; not kept */
	const struct http_framing *framing;	/* of its body */
	/*
	 * Fields of ours in it, of gate_fields and others; not kept.  The
	 * fields of forwarded are left out where the backend is told by other
	 * means who visits (http_prologue.h).
	 */
	const struct http_set	*set;
	size_t			 nset;
	const struct http_set	*forwarded;
	size_t			 nforwarded;
	/* An offline node is so at once: it is not waited for. */
	int			 hasty;
	const struct exchange_ops *ops;
	void			*arg;
};

enum exchange_what {
	EXCHANGE_NONE,		/* nothing now: readable follows */
	EXCHANGE_HEAD,		/* of a response; 1xx come before the last */
	EXCHANGE_DATA,
	EXCHANGE_TRAILER,	/* an allowed field that was announced */
	EXCHANGE_END,		/* of the response */
	EXCHANGE_ERROR		/* it is over; nothing, or not all, came */
};

/* Strings, head and framing are valid until the next call for the exchange. */
struct exchange_event {
	enum exchange_what	 what;
	struct http_head	*head;		/* HEAD: its to change */
	struct http_framing	 framing;	/* HEAD: of what follows */
	int			 last;		/* HEAD: the connection ends
						   behind it */
	struct http_str		 data;		/* DATA: never empty */
	struct http_field	 field;		/* TRAILER */
	/* ERROR: what answers it if no head has been read, one word for it,
	   a sentence for people. */
	int			 status;	/* 404, 502, 503, 504 */
	uint16_t		 code;		/* enum mux_code */
	const char		*word;
	const char		*text;
};

/*
 * exchange_new: NULL, with the status that answers it, without memory (503)
 * or if the head can't be written (400).  The backend of the config is taken
 * over in any case.
 */
struct exchange	*exchange_new(const struct exchange_config *, int *);
/* At any time.  If it has not come to its END, the backend hears of it. */
void		 exchange_free(struct exchange *);
/*
 * exchange_keep: after END: the connection, to be used again for the same
 * visitor; NULL if it can't be.  The exchange is freed.
 */
struct http_backend *exchange_keep(struct exchange *);

/*
 * exchange_write: of the body, without its framing; behind a 101, of whatever
 * it is.  Returns how many bytes were taken.  exchange_trailer: a field
 * behind it, dropped unless it is allowed and announced.  exchange_end: it
 * is complete.  exchange_hurry: the body is sent though the request expects
 * 100 (Continue) and none has come.
 */
size_t		 exchange_write(struct exchange *, const char *, size_t);
void		 exchange_trailer(struct exchange *,
		    const struct http_field *);
void		 exchange_end(struct exchange *);
void		 exchange_hurry(struct exchange *);
/* How much exchange_write would take; after 0, writable follows. */
size_t		 exchange_room(struct exchange *);

/*
 * exchange_read: the next event; DATA of at most so many bytes.  Read on
 * until NONE, END or ERROR: before that there is no other readable.  Behind
 * END and ERROR it stays so.
 */
void		 exchange_read(struct exchange *, size_t,
		    struct exchange_event *);

/*
 * The response is complete, and what is left of the request still is on its
 * way: a backend that has answered by 2xx is given it for as long as it takes
 * it.  exchange_write and exchange_end go on; readable is called at the end of
 * that.  Behind a 101 END is the end of one direction: the other goes on until
 * exchange_end.
 */
int		 exchange_sending(const struct exchange *);

#endif /* HTTP_EXCHANGE_H */
