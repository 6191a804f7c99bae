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


#ifndef RECORD_SIDES_H
#define RECORD_SIDES_H

#include <stddef.h>
#include <stdint.h>

#include "tls_peer.h"
#include "tls_record.h"

/*
 * One tls_record and its peer (tls_peer.h).  Buffers are just as large as
 * tls_record.h asks for, so that a byte too many is found.
 */

#define RECORD(n)	((n) + TLS_RECORD_OVERHEAD)
#define KEY_UPDATE	24		/* a message (RFC 8446, 4) */

enum alert {
	UNEXPECTED = 10, BAD_MAC = 20, OVERFLOW = 22, ILLEGAL = 47,
	DECODE = 50, INTERNAL = 80
};

/* Ours, and the peer's two directions. */
extern struct tls_record	*r;
extern struct tls_peer		 to_us, from_us;
extern uint8_t			 wire[70000], plain[4 * TLS_RECORD_MAX];
/* By the last record, and what it gave. */
extern size_t			 took, gave;
extern uint8_t			*got;
extern const uint16_t		 suites[3];

/* Another connection, with the same secrets each time. */
void	 record_begin(uint16_t, int);
/* Of each case. */
int	 record_end(void **);
void	 record_fill(uint8_t *, size_t, unsigned int);
/* Open n bytes, of a buffer that ends with them. */
enum tls_record_what record_open_bytes(const uint8_t *, size_t);
/* The peer has sealed this on the wire; it is opened whole. */
enum tls_record_what record_opened(size_t);
/* The same, after the peer has sealed it. */
enum tls_record_what record_sent(int, const void *, size_t);
/* Data with so much padding. */
enum tls_record_what record_padded(const void *, size_t, size_t);
/* Seal n bytes into no more than is said, and open them as the peer. */
void	 record_seal(size_t);
/* Opens the first of what we sealed, which has this inside; its length. */
size_t	 record_peer_opens(const uint8_t *, size_t);

#define assert_data(what, n) do {					\
	assert_int_equal((what), TLS_RECORD_DATA);			\
	assert_int_equal(gave, (n));					\
} while (0)
/* We gave up, for good, say so with this alert, and why in such words. */
void	 assert_refused(enum tls_record_what, enum alert, const char *);
/* It works as if nothing had been. */
void	 assert_well(void);

#endif /* RECORD_SIDES_H */
