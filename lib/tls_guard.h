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

#ifndef TLS_GUARD_H
#define TLS_GUARD_H

#include <stddef.h>
#include <stdint.h>

/*
 * How much memory a client that says hello may ask for: libssl makes room for
 * a message of a handshake when its head has come, and takes 128 KiB for
 * reasonable.  What a client sends in the clear is looked at as libssl reads
 * it, however it is cut into records and reads.  Pure.
 */

#define TLS_GUARD_MESSAGE_MAX	(16 * 1024)

/* How far it is; begin with zeroes. */
struct tls_guard {
	uint32_t	 record;	/* bytes of it that will come */
	uint32_t	 message;	/* likewise */
	uint32_t	 length;	/* of it, as far as it is read */
	uint8_t		 head[5];	/* of the record */
	uint8_t		 nhead;
	uint8_t		 nmessage;	/* bytes of its head */
	uint8_t		 any;		/* a message has come */
	uint8_t		 done;		/* the rest is sealed */
};

/*
 * More bytes of a client.  tls13: its version is agreed on, and that one (RFC
 * 8446, D.4: change_cipher_spec means nothing); else all is sealed behind
 * change_cipher_spec.  0; -1: a message is too long.
 */
int	 tls_guard_feed(struct tls_guard *, const uint8_t *, size_t,
	    int tls13);

#endif /* TLS_GUARD_H */
