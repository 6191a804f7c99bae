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
 * link: lib/http_message.c lib/http_body.c
 * link: lib/http.c lib/http_field.c lib/http_host.c
 */

/*
 * A head is parsed, written for the other side, and parsed again there: it is
 * the same message, without what is dropped, and it changes no more.
 */

/* max_len: 600 */

#include "compat.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http_message.h"

static int	framing_of(const struct http_head *,
		    const struct http_asked *, struct http_framing *);
static void	clean(const char *, size_t);
static int	dropped(const struct http_str *);
static int	equal(const struct http_str *, const struct http_str *);
static void	same_first(const struct http_head *,
		    const struct http_head *);
static void	same_fields(const struct http_head *,
		    const struct http_head *);
static ssize_t	write_head(const struct http_head *,
		    const struct http_rewrite *, char *, size_t);

static const struct http_set	 ours[] = {
	{ "Forwarded", NULL, HTTP_SET_REPLACE },
	{ "X-Forwarded-Proto", "https", HTTP_SET_REPLACE },
	{ "X-Culvert-*", NULL, HTTP_SET_REPLACE },
	{ "X-Forwarded-For", "::1", HTTP_SET_APPEND },
	{ "X-Forwarded-Host", "a", HTTP_SET_DEFAULT }
};

/* Requests have nothing asked.  Returns 0 or -1. */
static int
framing_of(const struct http_head *h, const struct http_asked *asked,
    struct http_framing *f)
{
	int	 status = -1, r;

	if (asked != NULL)
		r = http_response_framing(h, asked, f, &status);
	else
		r = http_request_framing(h, f, &status);
	if (r == 0)
		must(status == 0 && f->length <= INT64_MAX &&
		    (f->told || f->length == 0));
	else if (asked != NULL)
		must(status == 502);
	else
		must(status == 400 || status == 501);
	return (r);
}

/* Lines that end with CRLF and have no other CR, LF or NUL, then no more. */
static void
clean(const char *s, size_t len)
{
	size_t	 i, start = 0;

	for (i = 0; i < len; i++) {
		must(s[i] != '\0' && s[i] != '\n');
		if (s[i] != '\r')
			continue;
		must(++i < len && s[i] == '\n');
		if (i - start == 1)
			break;
		start = i + 1;
	}
	must(len > 4 && i + 1 == len);
}

/* Of what is never sent on, whoever sent it. */
static int
dropped(const struct http_str *name)
{
	static const char *const names[] = { "keep-alive", "proxy*",
	    "http2-settings", "forwarded", "x-culvert-*", "close" };
	size_t	 i;

	for (i = 0; i < nitems(names); i++)
		if (http_name_matches(name, names[i]) &&
		    (i != 1 || name->len == 5 || name->s[5] == '-' ||
		    name->s[5] == '_'))
			return (1);
	return (memchr(name->s, '_', name->len) != NULL &&
	    (http_name_matches(name, "content-length") ||
	    http_name_matches(name, "transfer-encoding")));
}

static int
equal(const struct http_str *a, const struct http_str *b)
{
	return (a->len == b->len &&
	    (a->len == 0 || memcmp(a->s, b->s, a->len) == 0));
}

/* The first lines, and where a request goes. */
static void
same_first(const struct http_head *a, const struct http_head *b)
{
	struct http_str	 path[2], query[2];
	char		 host[2][HTTP_HOST_MAX];
	uint16_t	 port[2];

	must(a->status == b->status && equal(&a->reason, &b->reason));
	must(equal(&a->method, &b->method) && b->minor == 1);
	if (a->status != 0)
		return;
	must(http_authority(a, host[0], &port[0]) == 0);
	must(http_authority(b, host[1], &port[1]) == 0);
	must(strcmp(host[0], host[1]) == 0 && port[0] == port[1]);
	if (http_origin(a, &path[0], &query[0]) == -1 ||
	    http_str_eq(&b->target, "*")) {
		must(http_str_eq(&b->target, "*"));
		must(http_str_eq(&b->method, "OPTIONS"));
		return;
	}
	must(http_origin(b, &path[1], &query[1]) == 0);
	must(equal(&path[0], &path[1]) && equal(&query[0], &query[1]));
	must((query[0].s == NULL) == (query[1].s == NULL));
}

/* What is there now was there before, in this order, or is ours. */
static void
same_fields(const struct http_head *a, const struct http_head *b)
{
	static const char *const written[] = { "host", "content-length",
	    "transfer-encoding", "connection", "te", "x-forwarded-proto",
	    "x-forwarded-for", "x-forwarded-host" };
	const struct http_field	*f;
	size_t			 i, j, k;

	for (i = j = 0; i < b->nfields; i++) {
		f = &b->fields[i];
		must(!dropped(&f->name));
		for (k = 0; k < nitems(written); k++)
			if (http_str_caseeq(&f->name, written[k]))
				break;
		if (k < nitems(written))
			continue;
		for (k = j; k < a->nfields; k++)
			if (equal(&a->fields[k].name, &f->name) &&
			    equal(&a->fields[k].value, &f->value))
				break;
		must(k < a->nfields);
		j = k + 1;
	}
	must(http_field_count(b, "x-forwarded-proto") == 1);
	must(http_field_count(b, "x-forwarded-for") ==
	    http_field_count(a, "x-forwarded-for") + 1);
	must(http_field_count(b, "connection") <= 1);
}

static ssize_t
write_head(const struct http_head *h, const struct http_rewrite *rw,
    char *buf, size_t size)
{
	ssize_t	 n;

	n = h->status != 0 ? http_response_write(h, rw, buf, size) :
	    http_request_write(h, rw, buf, size);
	if (n != -1)
		clean(buf, (size_t)n);
	return (n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_limits	 wide = { HTTP_HEAD_MAX,
					    HTTP_LINE_MAX,
					    HTTP_RESPONSE_FIELD_MAX,
					    HTTP_FIELDS_ROOM };
	static struct http_head		 a, b;
	static char			 first[8192], second[8192];
	struct http_framing		 f, g;
	struct http_asked		 asked;
	struct http_rewrite		 rw = { .framing = &f, .set = ours,
					    .nset = nitems(ours) };
	struct http_str			 protocol;
	ssize_t				 n, m;
	char				*copy;
	int				 status, response;

	if (size < 1 || size > 4096)
		return (0);
	response = data[0] & 1;
	asked.head = data[0] >> 1 & 1;
	asked.connect = data[0] >> 2 & 1;
	asked.upgrade = data[0] >> 3 & 1;
	must((copy = malloc(size)) != NULL);
	memcpy(copy, data + 1, size - 1);
	if (response)
		n = http_parse_response_in(copy, size - 1,
		    &http_response_limits, &a, &status);
	else
		n = http_parse_request_in(copy, size - 1,
		    &http_request_limits, &a, &status);
	if (n <= 0 || framing_of(&a, response ? &asked : NULL, &f) == -1) {
		free(copy);
		return (0);
	}

	http_expect(&a);
	if (response)
		rw.upgrade = a.status == 101;
	else
		rw.upgrade = asked.upgrade && http_upgrade(&a, &protocol);
	rw.keepalive = data[0] >> 4 & 1;
	n = write_head(&a, &rw, first, sizeof(first));
	if (n == -1) {
		/* CONNECT, or HTTP/1.0 without a host. */
		must(!response && (http_str_eq(&a.method, "CONNECT") ||
		    (a.minor == 0 && http_field(&a, "host") == NULL)));
		free(copy);
		return (0);
	}
	m = response ? http_parse_response_in(first, (size_t)n, &wide, &b,
	    &status) : http_parse_request_in(first, (size_t)n, &wide, &b,
	    &status);
	must(m == n);
	must(framing_of(&b, response ? &asked : NULL, &g) == 0);
	must(f.kind == g.kind && f.told == g.told && f.length == g.length);
	must(rw.upgrade == http_upgrade(&b, &protocol));
	same_first(&a, &b);
	same_fields(&a, &b);

	/* And now it stays as it is. */
	rw.framing = &g;
	rw.nset = 0;
	m = write_head(&b, &rw, second, sizeof(second));
	must(m == n && memcmp(first, second, (size_t)n) == 0);
	free(copy);
	return (0);
}
