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

#include <string.h>

#include "http_prologue.h"

#define FLAG_ANNOUNCED	0x01

static int	host_ok(const char *, size_t);

static int
host_ok(const char *s, size_t len)
{
	struct http_str	 text = { s, len };
	char		 host[HTTP_HOST_MAX];
	uint16_t	 port;

	return (http_hostport(&text, host, &port) == 0);
}

ssize_t
http_prologue_put(uint8_t *buf, size_t size, const struct http_prologue *p)
{
	size_t	 len = strnlen(p->host, sizeof(p->host));

	if (len == sizeof(p->host) || len + 2 > size ||
	    (len > 0 && !host_ok(p->host, len)))
		return (-1);
	buf[0] = len + 1;
	buf[1] = p->announced ? FLAG_ANNOUNCED : 0;
	memcpy(buf + 2, p->host, len);
	return ((ssize_t)len + 2);
}

ssize_t
http_prologue_get(const uint8_t *buf, size_t len, struct http_prologue *p)
{
	size_t	 n;

	memset(p, 0, sizeof(*p));
	if (len == 0)
		return (0);
	if ((n = buf[0]) == 0)
		return (-1);
	if (len < n + 1)
		return (0);
	p->announced = (buf[1] & FLAG_ANNOUNCED) != 0;
	if (n > 1 && !host_ok((const char *)buf + 2, n - 1))
		return (-1);
	memcpy(p->host, buf + 2, n - 1);
	return ((ssize_t)n + 1);
}
