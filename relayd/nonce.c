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
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "nonce.h"

#define NONCE_SALT_LEN	8	/* one connection asks twice in a ms */
#define NONCE_MAC_LEN	16
#define NONCE_OPEN_LEN	(NONCE_BEACON_LEN + 8 + 4 + NONCE_SALT_LEN)
#define NONCE_RAW_LEN	(NONCE_OPEN_LEN + NONCE_MAC_LEN)
#define NONCE_MADE_AT	NONCE_BEACON_LEN
#define NONCE_WHO_AT	(NONCE_MADE_AT + 8)
#define NONCE_SALT_AT	(NONCE_WHO_AT + 4)

static void	nonce_mac(const struct nonce_key *, const void *, size_t,
		    uint8_t[NONCE_MAC_LEN]);

static void
nonce_mac(const struct nonce_key *k, const void *p, size_t n,
    uint8_t out[NONCE_MAC_LEN])
{
	unsigned char	 mac[EVP_MAX_MD_SIZE];
	unsigned int	 maclen = sizeof(mac);

	memset(mac, 0, sizeof(mac));
	HMAC(EVP_sha256(), k->key, sizeof(k->key), p, n, mac, &maclen);
	memcpy(out, mac, NONCE_MAC_LEN);
}

void
nonce_beacon(const struct nonce_key *k, uint64_t which,
    uint8_t out[NONCE_BEACON_LEN])
{
	which = htobe64(which);
	nonce_mac(k, &which, sizeof(which), out);
}

int
nonce_shows(const char *s, size_t len, uint8_t beacon[NONCE_BEACON_LEN])
{
	uint8_t	 raw[NONCE_RAW_LEN];

	if (base64url_decode(raw, sizeof(raw), s, len) != sizeof(raw))
		return (-1);
	memcpy(beacon, raw, NONCE_BEACON_LEN);
	return (0);
}

void
nonce_make(const struct nonce_key *k, const uint8_t beacon[NONCE_BEACON_LEN],
    uint64_t now, uint32_t who, char out[NONCE_STRLEN])
{
	uint8_t	 raw[NONCE_RAW_LEN];

	now = htobe64(now);
	who = htobe32(who);
	memcpy(raw, beacon, NONCE_BEACON_LEN);
	memcpy(raw + NONCE_MADE_AT, &now, 8);
	memcpy(raw + NONCE_WHO_AT, &who, 4);
	arc4random_buf(raw + NONCE_SALT_AT, NONCE_SALT_LEN);
	nonce_mac(k, raw, NONCE_OPEN_LEN, raw + NONCE_OPEN_LEN);
	base64url_encode(out, NONCE_STRLEN, raw, sizeof(raw));
}

int
nonce_check(const struct nonce_key *k, uint64_t now, uint32_t who,
    const char *s, size_t len)
{
	uint8_t		 raw[NONCE_RAW_LEN], mac[NONCE_MAC_LEN];
	uint64_t	 made;

	if (base64url_decode(raw, sizeof(raw), s, len) != sizeof(raw))
		return (-1);
	nonce_mac(k, raw, NONCE_OPEN_LEN, mac);
	if (CRYPTO_memcmp(raw + NONCE_OPEN_LEN, mac, sizeof(mac)) != 0)
		return (-1);
	who = htobe32(who);
	memcpy(&made, raw + NONCE_MADE_AT, 8);
	made = be64toh(made);
	if (memcmp(raw + NONCE_WHO_AT, &who, 4) != 0 || made > now ||
	    now - made > NONCE_AGE_MS)
		return (-1);
	return (0);
}
