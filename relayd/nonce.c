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

#include "compat.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <endian.h>
#include <string.h>

#include "base64.h"
#include "nonce.h"

#define NONCE_MAC_LEN	16
#define NONCE_RAW_LEN	(8 + 4 + NONCE_MAC_LEN)

static void	nonce_fill(const struct nonce_key *, uint64_t, uint32_t,
		    uint8_t[NONCE_RAW_LEN]);

static void
nonce_fill(const struct nonce_key *k, uint64_t made, uint32_t who,
    uint8_t raw[NONCE_RAW_LEN])
{
	unsigned char	 mac[EVP_MAX_MD_SIZE];
	unsigned int	 maclen = sizeof(mac);

	made = htobe64(made);
	who = htobe32(who);
	memcpy(raw, &made, 8);
	memcpy(raw + 8, &who, 4);
	memset(mac, 0, sizeof(mac));
	HMAC(EVP_sha256(), k->key, sizeof(k->key), raw, 12, mac, &maclen);
	memcpy(raw + 12, mac, NONCE_MAC_LEN);
}

void
nonce_make(const struct nonce_key *k, uint64_t now, uint32_t who,
    char out[NONCE_STRLEN])
{
	uint8_t	 raw[NONCE_RAW_LEN];

	nonce_fill(k, now, who, raw);
	base64url_encode(out, NONCE_STRLEN, raw, sizeof(raw));
}

int
nonce_check(const struct nonce_key *k, uint64_t now, uint32_t who,
    const char *s, size_t len)
{
	uint8_t		 raw[NONCE_RAW_LEN], good[NONCE_RAW_LEN];
	uint64_t	 made;

	if (base64url_decode(raw, sizeof(raw), s, len) != sizeof(raw))
		return (-1);
	memcpy(&made, raw, 8);
	made = be64toh(made);
	nonce_fill(k, made, who, good);
	if (CRYPTO_memcmp(raw, good, sizeof(raw)) != 0)
		return (-1);
	if (made > now || now - made > NONCE_AGE_MS)
		return (-1);
	return (0);
}
