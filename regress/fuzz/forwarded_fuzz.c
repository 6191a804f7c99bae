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

/* link: lib/forwarded.c lib/addr.c lib/http.c lib/http_field.c
 * lib/http_host.c */

/*
 * A field's value.  Whatever stands before it, what a proxy has added is the
 * first that is found, unless it can't be told apart.
 */

/* max_len: 512 */

#include "compat.h"

#include <sys/socket.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "forwarded.h"
#include "fuzz.h"
#include "http.h"

static void
try_field(const char *name, const char *added, enum forwarded_field field,
    const uint8_t *data, size_t size)
{
	static struct http_head	 head;
	struct sockaddr_storage	 hops[FORWARDED_HOPS_MAX];
	char			*buf, text[ADDR_STRLEN];
	ssize_t			 n;

	if ((buf = malloc(size + strlen(added))) == NULL)
		abort();
	memcpy(buf, data, size);
	memcpy(buf + size, added, strlen(added));
	head.nfields = 1;
	head.fields[0].name.s = name;
	head.fields[0].name.len = strlen(name);
	head.fields[0].value.s = buf;
	head.fields[0].value.len = size + strlen(added);
	n = forwarded_hops(&head, field, hops);
	if (n == -1 && field == FORWARDED_RFC7239) {
		free(buf);
		return;
	}
	if (n < 1 || n > FORWARDED_HOPS_MAX || strcmp(addr_format(
	    (struct sockaddr *)&hops[0], text), "192.0.2.1:0") != 0)
		abort();
	free(buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return (0);
	try_field("x-forwarded-for", ",192.0.2.1", FORWARDED_X, data, size);
	try_field("Forwarded", ", for=192.0.2.1", FORWARDED_RFC7239, data,
	    size);
	return (0);
}
