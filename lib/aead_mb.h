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

#ifndef AEAD_MB_H
#define AEAD_MB_H

#include <stddef.h>
#include <stdint.h>

#include "aead.h"

/*
 * AES-GCM by intel-ipsec-mb.  libcrypto has no code for processors with VAES
 * before OpenSSL 3.1; there this takes 40 % of its time.
 */

/*
 * Start the library, and see whether it has code for this processor: once per
 * process, some 200 us, and before all else here.  Returns whether it has.
 */
int	 aead_mb_start(void);
/* Whether it has this one. */
int	 aead_mb_can(enum aead);

/* As those of aead.h; they can't fail. */
void	 aead_mb_seal(const struct aead_key *, const uint8_t[AEAD_NONCE_LEN],
	    const uint8_t *head, size_t nhead, const uint8_t *, size_t n,
	    uint8_t last, uint8_t *);
enum aead_opened aead_mb_open(const struct aead_key *,
	    const uint8_t[AEAD_NONCE_LEN], const uint8_t *head, size_t nhead,
	    const uint8_t *, size_t n, uint8_t *);
void	 aead_mb_forget(const struct aead_key *);

#endif /* AEAD_MB_H */
