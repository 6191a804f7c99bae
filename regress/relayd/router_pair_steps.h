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

#ifndef ROUTER_PAIR_STEPS_H
#define ROUTER_PAIR_STEPS_H

/* Pairing codes: what listeners and auth tell the router of them. */

#include "router.h"
#include "router_fake.h"

#define L	PROC_LISTENER
#define A	PROC_AUTH

extern const struct addr_key	 here, there;

int	 setup(void **);
int	 teardown(void **);
void	 hash(uint8_t *, int);
/* A node of ours with a live link at a listener. */
void	 node_up(uint64_t, int, uint32_t);
void	 node_down(uint64_t, int, uint32_t);
/* Offer a code; what is said of it. */
uint32_t offer(uint64_t, const char *, int, uint32_t, int);
/* Try a code; -1: auth is asked, else what is said. */
int	 ask_from(const struct addr_key *, int, struct pair_answer *);
int	 attempt(int, struct pair_answer *);
void	 bought(uint32_t, struct pair_answer *);

#endif /* ROUTER_PAIR_STEPS_H */
