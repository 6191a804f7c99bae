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

#ifndef AEAD_H
#define AEAD_H

#include <stddef.h>
#include <stdint.h>

/*
 * The AEADs of TLS 1.3 (RFC 5116; RFC 8446, B.4) by libcrypto.  Where
 * another library is quicker (aead_mb.h), it takes over in a process that
 * carries much.
 *
 * The state of a cipher, into which a key is expanded, is one of the process
 * for each direction: it is set up again when another key is used.
 */

enum aead { AEAD_AES_128_GCM, AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305 };

#define AEAD_KEY_MAX	32	/* bytes */
#define AEAD_NONCE_LEN	12
#define AEAD_TAG_LEN	16

struct aead_key {
	uint64_t	 id;	/* each key of the process has another */
	enum aead	 aead;
	uint8_t		 key[AEAD_KEY_MAX];
};

/* Bytes of its keys. */
size_t	 aead_key_len(enum aead);
/* So many bytes, which may be its own, become the key. */
void	 aead_key_set(struct aead_key *, enum aead, const uint8_t *);
/* Nothing of it stays in the process, but in the struct itself. */
void	 aead_key_forget(const struct aead_key *);

/*
 * Seal n bytes and one more, last, into n + 1 + AEAD_TAG_LEN bytes, which lie
 * elsewhere; head is not among them, but vouched for.  With one key no nonce
 * may be used twice.  0, or -1: the library failed.
 */
int	 aead_seal(const struct aead_key *, const uint8_t[AEAD_NONCE_LEN],
	    const uint8_t *head, size_t nhead, const uint8_t *, size_t n,
	    uint8_t last, uint8_t *);

enum aead_opened {
	AEAD_OPENED,
	AEAD_CHANGED,	/* this is not what was sealed; drop what was written */
	AEAD_FAILED	/* the library */
};

/* Open n + AEAD_TAG_LEN bytes into n, which lie elsewhere. */
enum aead_opened aead_open(const struct aead_key *,
	    const uint8_t[AEAD_NONCE_LEN], const uint8_t *head, size_t nhead,
	    const uint8_t *, size_t n, uint8_t *);

#endif /* AEAD_H */
