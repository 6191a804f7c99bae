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

#include <endian.h>
#include <string.h>

#include "pairing.h"

#define VERSION	1

void
pairing_ask_put(uint8_t buf[PAIRING_ASK_LEN], const uint8_t hash[32],
    uint32_t ttl)
{
	uint32_t	 n = htobe32(ttl);

	buf[0] = VERSION;
	memcpy(buf + 1, hash, 32);
	memcpy(buf + 33, &n, sizeof(n));
}

int
pairing_ask_get(const uint8_t *buf, size_t len, uint8_t hash[32],
    uint32_t *ttl)
{
	uint32_t	 n;

	if (len != PAIRING_ASK_LEN || buf[0] != VERSION)
		return (-1);
	memcpy(hash, buf + 1, 32);
	memcpy(&n, buf + 33, sizeof(n));
	*ttl = be32toh(n);
	return (0);
}

size_t
pairing_answer_put(uint8_t buf[PAIRING_ANSWER_MAX], uint8_t result,
    int64_t expires_at, const char *url)
{
	uint64_t	 n = htobe64((uint64_t)expires_at);
	size_t		 len = strlen(url);

	if (len > 255)
		len = 0;
	buf[0] = result;
	memcpy(buf + 1, &n, sizeof(n));
	buf[9] = len;
	memcpy(buf + 10, url, len);
	return (10 + len);
}

int
pairing_answer_get(const uint8_t *buf, size_t len, uint8_t *result,
    int64_t *expires_at, char url[256])
{
	uint64_t	 n;

	if (len < 10 || len != 10 + (size_t)buf[9] ||
	    memchr(buf + 10, '\0', buf[9]) != NULL)
		return (-1);
	*result = buf[0];
	memcpy(&n, buf + 1, sizeof(n));
	if (be64toh(n) > INT64_MAX)
		return (-1);
	*expires_at = (int64_t)be64toh(n);
	memcpy(url, buf + 10, buf[9]);
	url[buf[9]] = '\0';
	return (0);
}
