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

#ifndef DOOR_HTTP_INTERNAL_H
#define DOOR_HTTP_INTERNAL_H

#include "door_http.h"
#include "http_exchange.h"
#include "http_site.h"
#include "listener.h"

/*
 * Between door_http.c (from a request to its exchange), door_http_io.c (what
 * goes to and fro then) and door_http_time.c (what does not, for too long).
 */

enum visit_state {
	VISIT_IDLE,		/* or a page of ours is on its way */
	VISIT_WAIT,		/* for the site, or the gate */
	VISIT_EXCHANGE
};

/* What a connection has that visits sites. */
struct http_visit {
	struct conn		*conn;
	enum visit_state	 state;
	struct visitor_addr	*addr;		/* it is counted there */
	struct site_wait	 wait;
	int			 waited;	/* in vain */
	int			 settled;	/* it has been somewhere */
	struct site_use		 site;		/* of the request */
	struct http_backend	*idle;		/* for the next request */
	struct exchange		*ex;

	/* of the request */
	int			 begun;		/* it is known below */
	char			 id[REQUEST_ID_LEN];
	int			 html;		/* of a browser */
	int			 minor;
	int			 keep;		/* there may be another */
	int			 half;		/* who asks so may say that
						   nothing more comes */
	struct http_body	 body;
	int			 came;		/* all of it */
	int			 expects;	/* a 100, which has not come */
	char			*head;		/* for the access log; NULL */
	size_t			 headlen;
	char			 host[DOMAIN_LEN];
	char			 email[CTL_EMAIL_LEN];
	char			 node[CTL_NAME_LEN];
	char			 service[SITE_SERVICE_LEN];

	/* of the response */
	int			 answered;	/* its last head is out */
	int			 other;		/* behind a 101 */
	enum http_body_kind	 kind;		/* as it is sent */
	int			 trailer;	/* the last chunk is out */
	int			 broken;	/* the rest will not come */
	int			 done;		/* all is out, and the rest of
						   the request goes on */
	int			 shut;		/* behind a 101: and we have
						   said so */
	int			 status;
	const char		*word;

	/* figures */
	uint64_t		 begun_us, head_us;
	uint64_t		 in, out;	/* bytes of bodies */
	uint64_t		 moved_ms;	/* the last of them */
	uint64_t		 hurry_ms;	/* 0: no 100 is awaited */
	uint64_t		 pace_ms, pace_in;	/* since then, those */
	uint64_t		 eof_ms, eof_out;	/* likewise; 0: none */
};

/* door_http.c */
/* A line for the access log, and in the figures.  cut: not all of the response
   has got out. */
void	 visit_log(struct http_visit *, int cut);
/* The request has had its answer. */
void	 visit_reset(struct http_visit *);
/* A page of ours instead of what the exchange, which is freed, could not get:
   status, word and text as http_page has them. */
void	 visit_page(struct http_visit *, int, const char *, const char *);
/* The connection ends here and now, in a way that shows.  It is gone. */
void	 visit_abort(struct http_visit *);

/* door_http_io.c */
/* The response is out; what is left of the request does not come, or does not
   get anywhere.  The connection ends, in order. */
void	 visit_leave(struct http_visit *);

/* door_http_time.c */
/* Set the connection's deadline by what is awaited in its exchange. */
void	 visit_deadline(struct http_visit *);
/* One more visitor from this address, until visit_uncount: 0, or -1: too many,
   or no memory. */
int	 visit_count(struct http_visit *);
void	 visit_uncount(struct http_visit *);

#endif /* DOOR_HTTP_INTERNAL_H */
