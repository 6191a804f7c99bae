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

#ifndef EXCHANGE_FAKE_H
#define EXCHANGE_FAKE_H

#include <stddef.h>
#include <stdint.h>

#include "http_backend.h"
#include "http_exchange.h"
#include "mux.h"

/*
 * Exchanges over two muxes in memory, with a node that goes by a script, and
 * without all else that a listener has.
 *
 * link: needs regress/relayd/exchange_fake.c and what it names.
 */

#define FAKE_STREAMS	4
#define FAKE_STEPS	8
#define FAKE_SEEN	(1024 * 1024)

/* What a backend says, once it has seen this of its request (NULL: at once). */
struct fake_step {
	const char	*after;
	const char	*say;
	size_t		 len;		/* 0: up to its NUL */
};

struct fake_script {
	const char	*prologue;	/* NULL: as every backend's */
	size_t		 prologuelen;
	struct fake_step step[FAKE_STEPS];
	int		 fin;		/* behind all that */
	int		 reset;		/* or this code, at least 1 */
	uint16_t	 refuse;	/* instead of all that, if not 0 */
	int		 mute;		/* it takes nothing */
};

/* A stream that was opened, as the node sees it. */
struct fake_stream {
	struct mux_stream	*s;	/* NULL: it is over */
	struct mux_open		 open;
	char			*seen;
	size_t			 seenlen;
	size_t			 step, off, prologueoff;
	int			 fin;	/* of the relay's side */
	int			 reset;	/* by the relay */
};

struct fake {
	struct mux		*relay, *node;
	struct fake_script	 script[FAKE_STREAMS];
	struct fake_stream	 stream[FAKE_STREAMS];
	int			 nstreams;
	size_t			 cut;	/* bytes in a frame of the node; 0:
					   as many as fit */
	uint32_t		 code;	/* router's answer */
	int			 wait;	/* it answers later */
	uint64_t		 now;	/* ms */
	int			 frames;	/* fake_pump may pass; or -1 */
	int		 may_end;	/* the link, for want of memory */
};

extern struct fake	 fake;
extern const struct site *fake_site;

void	 fake_setup(void);
void	 fake_teardown(void);
/* Whether nothing is left, once that was done. */
int	 fake_clean(void);
/* Frames pass until there are none. */
void	 fake_pump(void);
/* Router's answer comes. */
void	 fake_routed(void);
/* The site is not what it was. */
void	 fake_site_ends(void);

#endif /* EXCHANGE_FAKE_H */
