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

#ifndef ROUTER_PUBLISH_STEPS_H
#define ROUTER_PUBLISH_STEPS_H

/* Published ports: what all say to the router of them, and it to them. */

#include "msg_publish.h"
#include "router.h"
#include "router_fake.h"

#define L	PROC_LISTENER
#define A	PROC_AUTH
#define P	PROC_PARENT
#define TICK	60	/* ms; the router's, and some more */

extern uint32_t	 serial;

void	 say_publications(int);
/* There are none: so the next test begins with nothing. */
int	 teardown(void **);
void	 publication(struct publication *, const char *, const char *);
void	 say_publication(const struct publication *);
/* The parent was asked for it; it answers. */
void	 published(const char *, uint32_t, const char *);
/* One that is open; its session at listener 0. */
uint64_t open_port(const char *, const char *);
void	 node_up(void);
uint32_t route_code(int);
void	 stream_up(uint64_t, uint64_t);
void	 stream_down(uint64_t);
/* A listener has ended what the session had. */
void	 killed(int, uint64_t *);
void	 revoke(uint32_t, const char *);
void	 state(const char *, struct ctl_publish *);

#endif /* ROUTER_PUBLISH_STEPS_H */
