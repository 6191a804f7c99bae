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

#ifndef TLS_RECORD_H
#define TLS_RECORD_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * The records of an established connection of TLS 1.3 (RFC 8446, 5), both
 * directions.  The handshake is the library's; behind it there are records,
 * each sealed with the next number, and new keys now and then.  A connection
 * is some 300 bytes here, where the library keeps 14 KB, and what is sealed
 * and opened goes from one buffer of the caller's into another, where the
 * library takes it through two of its own.
 *
 * The state of the ciphers, into which keys are expanded, is one of the
 * process: it is set up again when another connection uses it.
 */

#define TLS_RECORD_HEAD		5
#define TLS_RECORD_MAX		(16 * 1024)	/* bytes that one carries */
#define TLS_RECORD_OVERHEAD	22		/* head, type and tag */
/* What tls_record_open may write, though less is given. */
#define TLS_RECORD_ROOM		(TLS_RECORD_MAX + 1)
#define TLS_RECORD_SECRET_MAX	48
/*
 * Records sealed with one key before there is the next one, so far within
 * the limit of AES-GCM (RFC 8446, 5.5: 2^24.5).
 */
#define TLS_RECORD_KEY_MAX	(1U << 23)

enum tls_record_what {
	TLS_RECORD_DATA,	/* maybe none: records need not carry any */
	TLS_RECORD_MORE,	/* it has not come whole */
	/* The last ones, which are then told again and again. */
	TLS_RECORD_EOF,		/* close_notify */
	TLS_RECORD_ALERT,	/* the peer gave up */
	TLS_RECORD_ERROR	/* we do; see tls_record_error */
};

struct tls_record;

/*
 * Records of a cipher suite (RFC 8446, B.4) under these first secrets of the
 * application (7.1), which are as long as the suite's hash; they are copied.
 * client: whether we are the client.  NULL: no memory, or a suite that is not
 * one of the first three.
 */
struct tls_record *tls_record_new(uint16_t suite, int client,
		    const uint8_t *in, const uint8_t *out, size_t len);
/* Zeroes what it knew; takes NULL. */
void		 tls_record_free(struct tls_record *);

/* Bytes that one takes. */
size_t		 tls_record_memory(void);

/*
 * How many bytes are to come until the first of n are a whole record, or its
 * head.  0: it is whole, or will not be opened.
 */
size_t		 tls_record_rest(const uint8_t *, size_t n);
/*
 * Open the first record of n bytes into the buffer, which has TLS_RECORD_ROOM
 * and lies elsewhere.  How many bytes it took of those, and gave, is stored.
 * What is not data is dealt with here.
 */
enum tls_record_what tls_record_open(struct tls_record *, const uint8_t *,
		    size_t n, uint8_t *, size_t *took, size_t *gave);
/* Of the peer's alert, or of the one that it ought to get from us. */
uint8_t		 tls_record_alert(const struct tls_record *);
/* Why we gave up, for a person; a static text. */
const char	*tls_record_error(const struct tls_record *);

/*
 * Seal n bytes as data, in as many records as it takes, into a buffer with
 * room for tls_record_sealed(n).  A change of keys that is due goes first.
 * The length, or -1: the library failed, and nothing can be sealed any more.
 */
ssize_t		 tls_record_seal(struct tls_record *, uint8_t *,
		    const uint8_t *, size_t n);
/* The most that n bytes are when sealed. */
size_t		 tls_record_sealed(size_t n);
/* The next seal is under a new key, as after TLS_RECORD_KEY_MAX of them. */
void		 tls_record_rekey(struct tls_record *);
/*
 * Seal an alert: 0 is close_notify, others are fatal (RFC 8446, 6).  The
 * buffer has room for tls_record_sealed(2).  The length, or -1.
 */
ssize_t		 tls_record_say(struct tls_record *, uint8_t *, uint8_t alert);

#endif /* TLS_RECORD_H */
