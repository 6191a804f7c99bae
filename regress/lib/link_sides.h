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

#ifndef LINK_SIDES_H
#define LINK_SIDES_H

#include <stddef.h>
#include <stdint.h>

#include "evtls.h"
#include "fdstream.h"
#include "link.h"

/*
 * For tests of links, in the clear over socket pairs: two of ours, a and b,
 * or b and a raw peer that sends what it likes.
 */

/* Where a test wants a link to be freed. */
enum where { NOWHERE, IN_UP, IN_OPEN, IN_GOAWAY, IN_DOWN, IN_RESET, LATER };

struct side {
	struct link	*link;
	enum where	 free_in;
	int		 up, goaway, down, opened, reset, closed, fd_code;
	int		 code, reset_code;
	char		 text[256];
	char		 name[64];
	int		 fd;		/* for the next stream, or -1 */
	struct mux_stream *s;
	uint64_t	 pulled;
};

/* The peer that is none of ours. */
struct raw_peer {
	int	 fd;
	struct ws ws;
	uint8_t	 buf[300000];
	size_t	 len, done;
	size_t	 longest;	/* frame, with its head */
};

extern struct event_base	*base;
extern struct mux_budget	 budget;	/* of this process */
extern struct side		 a, b;
extern struct raw_peer		 raw;
/* Of a stream's descriptor that is a side's own: they count in it. */
extern const struct fdstream_ops fd_ops;

/* For cmocka: nothing is there yet; all of it ends, and its memory is free. */
int	 links_setup(void **);
int	 links_teardown(void **);

/* Two of ours: a dials b. */
void	 two_links(void);
/* b, in this role, and the raw peer; ping_ms and dead_ms of link_config. */
void	 one_link(enum ws_role, unsigned int, unsigned int);
/* a and b have each other's hello. */
void	 go_up(void);
/* A stream without a descriptor; NULL if there can't be one. */
struct mux_stream *open_plain(struct side *);
/* A socket pair. */
void	 pair(int[2]);
/* Turns of the event loop. */
void	 passes(int);
/* Until *what is at least n, but no longer than so many ms. */
void	 wait_for(const int *what, int n, int ms);

/* The raw peer sends a message, its hello, the opening of stream 1. */
void	 raw_send(enum ws_opcode, const void *, size_t, int masked);
void	 raw_hello(void);
void	 raw_open(uint32_t credit);
/*
 * The next frame for it within so many ms: 1; the end: 0; neither: -1.
 * raw_wait: the next of that kind.
 */
int	 raw_next(struct ws_event *, int ms);
int	 raw_wait(enum ws_opcode, struct ws_event *, int ms);

#endif /* LINK_SIDES_H */
