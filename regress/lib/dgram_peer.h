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

#ifndef DGRAM_PEER_H
#define DGRAM_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "mux.h"
#include "mux_peer.h"

/*
 * For tests of datagram streams: one of them, id 1, on a link whose peer is
 * the test.
 */

/* What an owner of ours saw. */
struct dgram_saw {
	struct mux_stream	*s;
	int			 count;		/* of datagrams */
	int			 refuse;	/* take none */
	int			 fins, resets, dones, accepted;
	uint16_t		 code;
	size_t			 len;		/* of the last */
	uint8_t			 buf[MUX_DGRAM_MAX];
};

extern struct peer			 t;
extern struct dgram_saw			 saw;
extern const struct mux_stream_ops	 dgram_ops;	/* they fill it in */
extern uint8_t				 big[MUX_DGRAM_MAX + 1];

/* For cmocka, of all cases: something is in big. */
int	 dgram_setup(void **);

/* For mux_open_stream. */
struct mux_open *udp(void);
/* One of ours, on a link that is up; accepted, if so. */
void	 ours(int accepted);
/* The same of one that the peer opens. */
void	 theirs(int accepted);
/* DATA of the peer's, as mux_input. */
int	 data(int flags, const void *, size_t);
/* The next frame is DATA with these bytes and flags. */
void	 expect(const void *, size_t, int flags);

#endif /* DGRAM_PEER_H */
