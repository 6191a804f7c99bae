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

#ifndef MUX_PEER_H
#define MUX_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "mux.h"

/*
 * One mux whose peer is the test: frames made by hand go in, frames come out
 * to be looked at, and what the owner is told is counted.
 */

#define PEER_STREAMS	64

/* What an owner saw of a stream and how it behaves. */
struct seen {
	struct peer		*peer;
	struct mux_stream	*s;	/* NULL once it is gone */
	struct mux_open		 open;
	int			 accepted;
	int			 done;
	int			 reset;
	int			 fins;	/* input of 0 bytes */
	uint16_t		 code;
	char			 text[MUX_TEXT_MAX + 1];
	size_t			 in;	/* bytes taken by input */
	size_t			 take;	/* input takes at most so many */
	size_t			 have;	/* bytes that pull can give */
	int			 last;	/* then FIN */
	int			 pulls;
	/* Called within the callback of that name, if set. */
	void			(*on_open)(struct seen *);
	void			(*on_accepted)(struct seen *);
	void			(*on_input)(struct seen *);
	void			(*on_pull)(struct seen *);
	void			(*on_reset)(struct seen *);
	void			(*on_done)(struct seen *);
	struct seen		*other;	/* for those */
};

struct peer {
	struct mux		*m;
	struct mux_config	 cfg;
	struct mux_budget	 budget;
	uint64_t		 now;
	int			 wants;
	int			 hellos;
	int			 goaways;
	struct mux_goaway	 goaway;
	struct mux_hello	 hello;
	int			 disown;	/* take no stream */
	struct seen		 st[PEER_STREAMS];
	int			 nst;		/* by order of open */
	struct seen		 next;		/* settings for the next */
	/* the last frame that came out */
	uint8_t			 frame[MUX_FRAME_MAX];
	struct mux_head		 head;
	const uint8_t		*p;		/* its payload */
	size_t			 n;
};

/* A dialer (its ids are odd), or not; hellos of both are exchanged. */
void	 peer_up(struct peer *, int);
/* Before hello; cfg can be changed until peer_start. */
void	 peer_init(struct peer *, int);
void	 peer_start(struct peer *);
void	 peer_hello(struct peer *);		/* ours, to be sent */
int	 peer_send_hello(struct peer *, uint32_t);
/* Ends it, and checks that nothing is reserved any more. */
void	 peer_free(struct peer *);
/* The same of one that has failed with this, and stays so. */
void	 peer_error(struct peer *, const char *);

/* A frame from the peer; as mux_input. */
int	 peer_frame(struct peer *, uint8_t, uint8_t, uint32_t, const void *,
	    size_t);
int	 peer_open(struct peer *, uint32_t, uint32_t);
int	 peer_credit(struct peer *, uint8_t, uint32_t, uint32_t);
int	 peer_data(struct peer *, uint32_t, size_t, int);
int	 peer_reset(struct peer *, uint32_t, uint16_t, const char *);

/* Open one of ours. */
struct seen *peer_stream(struct peer *);
/* One of ours, open and accepted with that much credit more. */
struct seen *peer_ours(struct peer *, uint32_t);
/* One of the peer's, accepted, and its allowance if it matters. */
struct seen *peer_theirs(struct peer *, uint32_t, uint32_t);
/* It has so much to send, and then perhaps FIN. */
void	 peer_give(struct seen *, size_t, int);

/* The next frame out: its type, or 0. */
int	 peer_next(struct peer *);
/* It is of this type and stream; returns the credit if it has one. */
uint32_t peer_expect(struct peer *, int, uint32_t);
void	 peer_expect_data(struct peer *, uint32_t, size_t, int);
void	 peer_quiet(struct peer *);		/* nothing comes out */
void	 peer_flush(struct peer *);		/* whatever comes out */

#endif /* MUX_PEER_H */
