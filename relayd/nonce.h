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

#ifndef NONCE_H
#define NONCE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Log-in nonces without state: the time and the connection they were made
 * for, under a key that only the listeners have.  A nonce is good for one
 * connection (or one client of a proxy) and NONCE_AGE_MS.
 *
 * It begins with a beacon: what nobody but auth, which has another key, can
 * know before its time.  So a listener that was broken into can't have log-ins
 * signed that are good later.  Pure, but for the random source.
 */

#ifndef NONCE_AGE_MS		/* make soak has a day in minutes */
#define NONCE_AGE_MS	60000
#endif
#define NONCE_STRLEN	71	/* base64url of 52 bytes is 70, and NUL */
#define NONCE_BEACON_LEN 16
#ifndef NONCE_BEACON_MS
#define NONCE_BEACON_MS	30000	/* then comes the next beacon */
#endif
/*
 * How many count: a nonce is made with one to the end of its time, used
 * NONCE_AGE_MS later, and auth takes a while to tell, and to ask.
 */
#define NONCE_BEACONS	(NONCE_AGE_MS / NONCE_BEACON_MS + 2)

struct nonce_key {
	uint8_t		 key[32];
};

/* The beacon of a time, monotonic ms of this machine / NONCE_BEACON_MS. */
void	nonce_beacon(const struct nonce_key *, uint64_t,
	    uint8_t[NONCE_BEACON_LEN]);
/* That of a nonce, whoever made it; 0, or -1: it is no nonce. */
int	nonce_shows(const char *, size_t, uint8_t[NONCE_BEACON_LEN]);

/* now: monotonic ms of this machine; who: the connection's id. */
void	nonce_make(const struct nonce_key *,
	    const uint8_t beacon[NONCE_BEACON_LEN], uint64_t, uint32_t,
	    char[NONCE_STRLEN]);
/* 0 if it was made with this key for this connection, not too long ago. */
int	nonce_check(const struct nonce_key *, uint64_t, uint32_t,
	    const char *, size_t);

#endif /* NONCE_H */
