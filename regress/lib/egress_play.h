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

#ifndef EGRESS_PLAY_H
#define EGRESS_PLAY_H

/* A proxy that plays its part, and dials by way of it. */

#include "egress_dial.h"
#include "egress_helper.h"

#define TURNS_MAX	4

/* What it hears, of which the beginning counts, and says. */
struct turn {
	const char	*hears;
	size_t		 nhears;
	const char	*says;
	size_t		 nsays;
};

#define TURN(h, s)	{ (h), sizeof(h) - 1, (s), sizeof(s) - 1 }

struct conn {
	struct turn	 turns[TURNS_MAX];
	enum { ECHO_AFTER, CLOSE_AFTER, SILENT_AFTER } then;
};

struct result {
	int		 calls, fd;
	enum dial_error	 error;
	char		 text[256];
};

extern struct event_base	*base;
extern int			 listener;
extern uint16_t			 port;
extern int			 nscript, nplayed, bad;

int	 setup(void **);
void	 plays(const struct conn *, int);

#define PLAYS(conns)	plays((conns), nitems(conns))

struct egress_dial *begin(struct result *, const char *, const char *, int,
		    unsigned int);
/* The loop ends by itself: nothing may be left in it. */
void	 dial(struct result *, const char *, const char *, unsigned int);
/* What is behind it answers, and nothing of that was lost. */
void	 echoes(int);
void	 fails(const struct result *, enum dial_error, const char *);

#define CONNECT_RELAY	"CONNECT relay.test:443 HTTP/1.1\r\n"
#define SOCKS_HELLO	TURN("\5\1\0", "\5\0")
#define SOCKS_DONE	"\5\0\0\1\0\0\0\0\0\0"

#endif /* EGRESS_PLAY_H */
