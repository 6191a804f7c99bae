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


#ifndef TLS_PEER_H
#define TLS_PEER_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * The other side of records of TLS 1.3, by other means than lib/tls_record.c:
 * it also seals what no honest peer would.  It aborts if libcrypto fails.
 */

/* Types of content (RFC 8446, 5.1). */
enum tls_peer_type {
	PEER_CCS = 20, PEER_ALERT = 21, PEER_HANDSHAKE = 22, PEER_DATA = 23
};

#define PEER_SECRET_MAX	48

struct tls_peer {
	uint16_t	 suite;
	uint64_t	 number;		/* of the next record */
	uint8_t		 secret[PEER_SECRET_MAX];
	uint8_t		 key[32];
	uint8_t		 iv[12];
};

/* How long its secrets are. */
size_t	 tls_peer_secret_len(uint16_t);
void	 tls_peer_begin(struct tls_peer *, uint16_t, const uint8_t *);
/* The next secret (RFC 8446, 7.2). */
void	 tls_peer_next(struct tls_peer *);
/* What is inside is all given; the length of the record. */
size_t	 tls_peer_seal_inner(struct tls_peer *, uint8_t *, const uint8_t *,
	    size_t);
/* Content, its type, and so much padding. */
size_t	 tls_peer_seal(struct tls_peer *, uint8_t *, int, const void *,
	    size_t, size_t);
/* What is inside, with type and padding; -1: it is not sealed so. */
ssize_t	 tls_peer_open(struct tls_peer *, uint8_t *, const uint8_t *,
	    size_t);

#endif /* TLS_PEER_H */
