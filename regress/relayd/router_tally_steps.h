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

#ifndef ROUTER_TALLY_STEPS_H
#define ROUTER_TALLY_STEPS_H

/* What is carried: said by listeners, told to auth, divided among them. */

#include "month.h"
#include "router.h"
#include "router_fake.h"

#define L	PROC_LISTENER
#define A	PROC_AUTH
#define LISTENERS	4		/* that the fake has */

extern time_t	 ahead;			/* of the clock */
extern char	 user[16], node[16];

int	 setup(void **);
int	 teardown(void **);
void	 user_id(char *, size_t);
/* Auth says what a user may. */
void	 meter(uint64_t, uint64_t, uint64_t);
void	 use(int, uint64_t, uint32_t);
/* The last share a listener was told; 0, or -1: none since. */
int	 share(int, struct share_set *);

extern uint64_t	 rates[LISTENERS];

uint64_t shares(void);
struct tally *tally(void);
/* A client at listener 0 (session 1), and its node at listener 1 (2). */
void	 pair(void);
void	 stream_up(uint64_t, uint64_t, uint64_t);
/* Auth answers whether who has it may reach its node: 0 or enum mux_code. */
void	 node_may(uint32_t);
void	 stream_bytes(uint64_t, uint64_t, uint64_t);
void	 stream_down(uint64_t, uint64_t, uint64_t);
/* What auth was told that a user, or the node, carried. */
void	 expect_traffic(uint32_t, uint64_t, uint64_t);

#endif /* ROUTER_TALLY_STEPS_H */
