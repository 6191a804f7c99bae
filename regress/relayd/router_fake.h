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

#ifndef ROUTER_FAKE_H
#define ROUTER_FAKE_H

#include <stddef.h>
#include <stdint.h>

#include "msg_login.h"

/*
 * The router without the rest: proc(3)'s part is played here.  What the
 * router sends is kept until a test takes it; what it is sent goes through
 * its table of rules as the dispatcher would do it.
 */

void	 fake_start(void);
/* After that: the router starts, and is told that it is the first to serve. */
void	 fake_serve(void);
/* A peer is there, or gone; router hears of it. */
void	 fake_up(int kind, int instance);
void	 fake_down(int kind, int instance);
/* A peer's queue is full: bytes that lie in it. */
void	 fake_queued(int kind, int instance, size_t);
/* Forget all that was sent. */
void	 fake_clear(void);
/* Send router a message.  What its handler said; -2: against the rules. */
int	 fake_say(int kind, int instance, uint32_t type, uint32_t id,
	    const void *, size_t);
/* Take the first message of this type that went to this peer; 1 or 0. */
int	 fake_took(int kind, int instance, uint32_t type, uint32_t *id, void *,
	    size_t);
/* Was the first of these written at once (1), or is it queued?  -1: none. */
int	 fake_written(int kind, int instance, uint32_t type);
/* How many of a type wait to be taken, by any peer. */
int	 fake_count(uint32_t type);
/* Let the event loop run. */
void	 fake_run(int ms);

/* ---- steps ---- */

/* For cmocka: auth and two listeners are there, and no limits. */
int	 fake_setup(void **);
/* A session, in a table of rules' eyes a good one. */
void	 fake_session(struct session *, uint64_t id, int listener,
	    uint32_t conn, enum login_door, const char *user,
	    const char *node);
/*
 * Auth makes that session; its link is there; both; it asks for a node.
 * fake_ask: the same, returning what the handler said.
 */
void	 log_in(uint64_t id, int listener, uint32_t conn, enum login_door,
	    const char *user, const char *node);
void	 link_up(uint64_t id, int listener, uint32_t conn, uint64_t epoch);
void	 link_new(uint64_t id, int listener, uint32_t conn, enum login_door,
	    const char *user, const char *node);
int	 fake_ask(uint64_t id, int listener, uint32_t conn, const char *node);
void	 ask(uint64_t id, int listener, uint32_t conn, const char *node);

/* Of control_fake.c: the last stream that the control socket heard ended. */
extern uint64_t	 fake_stream_gone;

#endif /* ROUTER_FAKE_H */
