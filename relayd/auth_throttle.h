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


#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

/*
 * Who guesses has to wait.  Only failures count: by network (an IPv4
 * address, the /64 of an IPv6 one) and by token id.  Pure; time is the
 * caller's, ms of a clock that only goes forward.
 *
 * From one network THROTTLE_NETWORK failures pass in a burst and as many in
 * each minute.  At one token, from all networks together,
 * THROTTLE_STRANGERS from those that have no failure on record yet and
 * THROTTLE_SUSPECTS from the others, each as a burst and in each minute: so
 * a flood does not keep out a newcomer who is right at the first attempt.
 * The network a token logged in from last is held to its own limit only.
 */

#define THROTTLE_NETWORK	10
#define THROTTLE_STRANGERS	60
#define THROTTLE_SUSPECTS	40

struct throttle;

/* Room for so many networks and tokens; the least recent is forgotten. */
struct throttle	*throttle_new(size_t);
void		 throttle_free(struct throttle *);

/* 0: check the signature; else refuse, and say to wait so many seconds. */
uint32_t	 throttle_wait(struct throttle *, const struct sockaddr *,
		    const char *token_id, uint64_t now);
/* What came of it. */
void		 throttle_failed(struct throttle *, const struct sockaddr *,
		    const char *token_id, uint64_t now);
void		 throttle_passed(struct throttle *, const struct sockaddr *,
		    const char *token_id, uint64_t now);
/* What it takes, bytes, and how many it knows. */
size_t	throttle_memory(const struct throttle *, size_t *);

#endif /* AUTH_THROTTLE_H */
