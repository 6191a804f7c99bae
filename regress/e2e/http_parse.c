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


/*
 * link: lib/http_message.c lib/http_body.c lib/http_chunk.c
 * link: lib/http.c lib/http_field.c lib/http_host.c
 */

/*
 * http_parse: the requests of connections, as our parser reads them.  Each
 * input is a 4-byte length, network byte order, and what a visitor sent.  For
 * each, prints a line: method, target (both in hexadecimal), length of the
 * body (-1: not all of it is there) and minor version of each request, then
 * "more", "upgrade" or the status of what is wrong.
 */

#include "compat.h"

#include <sys/types.h>

#include <arpa/inet.h>

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "http_body.h"
#include "http_message.h"

static void	print_hex(const struct http_str *);
static ssize_t	read_body(const struct http_framing *, const char *, size_t,
		    uint64_t *, int *);
static size_t	read_request(const char *, size_t, const char **);
static void	read_all(const char *, size_t);

static void
print_hex(const struct http_str *str)
{
	size_t	 i;

	for (i = 0; i < str->len; i++)
		printf("%02x", (unsigned char)str->s[i]);
	putchar(' ');
}

/* Returns how long it is on the wire, -2 if it is not whole, -1 if bad. */
static ssize_t
read_body(const struct http_framing *framing, const char *s, size_t len,
    uint64_t *total, int *status)
{
	struct http_body	 body;
	struct http_body_event	 ev;
	size_t			 off = 0;

	http_body_init(&body, framing, HTTP_REQUEST, UINT64_MAX);
	do {
		off += http_body_read(&body, s + off, len - off, &ev);
		if (ev.what == HTTP_BODY_ERROR) {
			*status = ev.status;
			return (-1);
		}
		if (ev.what == HTTP_BODY_MORE)
			return (-2);
	} while (ev.what != HTTP_BODY_END);
	*total = body.total;
	return ((ssize_t)off);
}

/* Returns its length; 0 at the end, and why. */
static size_t
read_request(const char *s, size_t len, const char **why)
{
	static struct http_head	 h;
	static char		 number[16];
	struct http_framing	 framing;
	struct http_str		 protocol;
	uint64_t		 total;
	ssize_t			 n, body;
	int			 status;

	*why = "more";
	n = http_parse_request_in(s, len, &http_request_limits, &h, &status);
	if (n == 0)
		return (0);
	if (n == -1 || http_request_framing(&h, &framing, &status) == -1)
		body = -1;
	else
		body = read_body(&framing, s + n, len - (size_t)n, &total,
		    &status);
	if (body == -1) {
		snprintf(number, sizeof(number), "%d", status);
		*why = number;
		return (0);
	}
	print_hex(&h.method);
	print_hex(&h.target);
	printf("%lld %d ", body == -2 ? -1 : (long long)total, h.minor);
	if (body == -2)
		return (0);
	if (http_upgrade(&h, &protocol)) {
		*why = "upgrade";
		return (0);
	}
	return ((size_t)(n + body));
}

static void
read_all(const char *s, size_t len)
{
	const char	*why;
	size_t		 n, off = 0;

	while ((n = read_request(s + off, len - off, &why)) > 0)
		off += n;
	puts(why);
}

int
main(void)
{
	uint32_t	 len;
	char		*s;

	while (fread(&len, sizeof(len), 1, stdin) == 1) {
		len = ntohl(len);
		if (len > 1 << 20 || (s = malloc(len + 1)) == NULL)
			errx(1, "an input of %u bytes", len);
		if (fread(s, 1, len, stdin) != len)
			errx(1, "an input is cut off");
		read_all(s, len);
		free(s);
	}
	return (0);
}
