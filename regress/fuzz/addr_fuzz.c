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

/* link: lib/addr.c */

/*
 * "host\0port": what is taken must come out and go in again the same; the
 * whole as a prefix must match the address it was made from.
 */

/* max_len: 96 */

#include "compat.h"

#include <sys/socket.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "fuzz.h"

static void
try_addr(const char *host, const char *port)
{
	struct sockaddr_storage	 ss, again;
	struct addr_key		 key, key2;
	char			 h[ADDR_STRLEN], p[8], s[ADDR_STRLEN];
	char			 s2[ADDR_STRLEN];

	if (addr_parse(host, port, &ss) == -1)
		return;
	addr_format_host((struct sockaddr *)&ss, h);
	addr_format((struct sockaddr *)&ss, s);
	snprintf(p, sizeof(p), "%u", addr_port((struct sockaddr *)&ss));
	if (addr_parse(h, p, &again) == -1)
		abort();
	addr_format((struct sockaddr *)&again, s2);
	addr_key((struct sockaddr *)&ss, &key);
	addr_key((struct sockaddr *)&again, &key2);
	if (strcmp(s, s2) != 0 || memcmp(&key, &key2, sizeof(key)) != 0)
		abort();
	(void)addr_is_loopback((struct sockaddr *)&ss);
}

static void
try_prefix(char *s)
{
	struct addr_prefix	 p;
	struct sockaddr_storage	 ss;
	char			*slash;

	if (addr_prefix_parse(s, &p) == -1)
		return;
	if ((slash = strchr(s, '/')) != NULL)
		*slash = '\0';
	if (addr_parse(s, NULL, &ss) == -1 ||
	    !addr_prefix_match(&p, (struct sockaddr *)&ss))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	*s, *port;

	if ((s = malloc(size + 1)) == NULL)
		abort();
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	port = memchr(s, '\0', size);
	if (port != NULL)
		try_addr(s, port + 1);
	else
		try_prefix(s);
	free(s);
	return (0);
}
