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

#ifndef ROUTER_STEPS_H
#define ROUTER_STEPS_H

#include <stddef.h>
#include <stdint.h>

#include "router_fake.h"

/*
 * Steps that a client, a node, listeners and auth take with a router: see
 * router_fake.h.
 */

#define L	PROC_LISTENER
#define A	PROC_AUTH

#define ROUTER_CASE(f) \
	cmocka_unit_test_setup_teardown(f, fake_setup, router_teardown)
/* Start the router, for all cases. */
void	 router_begin(void);
/* Nothing is left of a case, or it fails. */
int	 router_teardown(void **);

/* Its listener says that a link is gone; that it has ended it, as told. */
void	 link_down(uint64_t id, int listener, uint32_t conn);
void	 killed(int listener, uint64_t id, uint32_t conn);
/* A client (session 1 at listener 0) and a node (2, at listener 1). */
void	 pair(void);
/* Auth's answer to the question it was asked last. */
void	 answer(uint32_t code, const char *node_id);
/* The node's listener has this ticket. */
void	 ticket_ok(int listener, uint64_t id);
/* The whole way; the ticket. */
uint64_t route(void);
/* The code of the route that this listener was given. */
uint32_t route_code(int listener);
/* A stream by that ticket, at listener 0; and its end. */
void	 stream_up(uint64_t id, uint64_t session, uint64_t ticket);
void	 stream_down(uint64_t id, uint32_t code, uint64_t in, uint64_t out);
/* Auth revokes this, enum revoke_what. */
void	 revoke(uint32_t what, const char *id);
/* What was sent next: a session is to be ended, a line of the audit log. */
void	 expect_kill(int listener, uint64_t session, uint32_t code);
void	 expect_audit(uint32_t what, struct audit_event *);

#endif /* ROUTER_STEPS_H */
