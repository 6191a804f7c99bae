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
 * connection (or one client of a proxy) and NONCE_AGE_MS.  Pure.
 */

#define NONCE_AGE_MS	60000
#define NONCE_STRLEN	40	/* base64url of 28 bytes is 38, and NUL */

struct nonce_key {
	uint8_t		 key[32];
};

/* now: monotonic ms of this machine; who: the connection's id. */
void	nonce_make(const struct nonce_key *, uint64_t, uint32_t,
	    char[NONCE_STRLEN]);
/* 0 if it was made with this key for this connection, not too long ago. */
int	nonce_check(const struct nonce_key *, uint64_t, uint32_t,
	    const char *, size_t);

#endif /* NONCE_H */
