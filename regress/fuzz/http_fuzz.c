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


/* link: lib/http.c lib/http_field.c lib/http_host.c */

/*
 * Heads, whole and cut at every byte: both must agree, and what was parsed
 * must lie in the input.  Then all that reads a parsed head.
 */

/* max_len: 600 */
/* max_len_cuts: 200 */

#include "compat.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http.h"

static ssize_t	parse(const char *, size_t, size_t, int, struct http_head *,
		    int *);
static void	inside(const struct http_str *, const char *, size_t);
static void	readers(const struct http_head *, int);

/* *status is 0 unless it fails. */
static ssize_t
parse(const char *buf, size_t len, size_t limit, int response,
    struct http_head *h, int *status)
{
	ssize_t	 n;

	*status = 0;
	if (response)
		n = http_parse_response(buf, len, limit, h, status);
	else
		n = http_parse_request(buf, len, limit, h, status);
	must(n >= -1 && n <= (ssize_t)len && n <= (ssize_t)limit);
	if (n != -1)
		must(*status == 0);
	else if (response)
		must(*status == 502);
	else
		must(*status == 400 || *status == 414 || *status == 431 ||
		    *status == 505);
	return (n);
}

static void
inside(const struct http_str *str, const char *buf, size_t len)
{
	size_t	 i;

	if (str->len == 0)
		return;
	must(str->s >= buf && str->s + str->len <= buf + len);
	for (i = 0; i < str->len; i++)
		must(str->s[i] != '\0' && str->s[i] != '\r' &&
		    str->s[i] != '\n' && str->s[i] != 0x7f);
}

static void
readers(const struct http_head *h, int response)
{
	static const char *const names[] = { "connection", "upgrade", "host",
	    "authorization", "accept", "x" };
	const struct http_str	*field;
	struct http_str		 value, path, query;
	char			 host[HTTP_HOST_MAX], again[HTTP_HOST_MAX];
	uint16_t		 port, port_again;
	size_t			 i;

	for (i = 0; i < nitems(names); i++) {
		field = http_field(h, names[i]);
		must((field != NULL) == (http_field_count(h, names[i]) > 0));
		http_field_has_token(h, names[i], "close");
		if (field != NULL && http_param(field, "nonce", &value) == 0)
			must(value.len == 0 || (value.s >= field->s &&
			    value.s + value.len <= field->s + field->len));
	}
	http_accepts_html(h);
	if (response)
		return;

	must(http_field_count(h, "host") == 1 || h->minor == 0);
	must(http_authority(h, host, &port) == 0);
	if (host[0] != '\0' && strchr(host, ':') == NULL) {
		/* What is canonical stays as it is. */
		value.s = host;
		value.len = strlen(host);
		must(http_hostport(&value, again, &port_again) == 0);
		must(strcmp(host, again) == 0 && port_again == 0);
	}
	if (http_origin(h, &path, &query) == 0)
		must(path.len > 0 && path.s[0] == '/' &&
		    memchr(path.s, '?', path.len) == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t	 limits[] = { HTTP_HEAD_MAX, 512, 40, 1 };
	struct http_head	 h;
	ssize_t			 whole, n;
	size_t			 len, i, limit;
	char			*copy;
	int			 response, status, status_cut = 0;

	/* The first byte says what is parsed, the rest is. */
	if (size < 1 || size > 4096)
		return (0);
	response = data[0] & 1;
	limit = limits[data[0] >> 1 & 3];
	len = size - 1;

	for (n = 0, i = 0; fuzz_cuts() && n == 0 && i <= len; i++) {
		copy = fuzz_copy(data + 1, i);
		n = parse(copy, i, limit, response, &h, &status_cut);
		free(copy);
	}
	copy = fuzz_copy(data + 1, len);
	whole = parse(copy, len, limit, response, &h, &status);
	if (fuzz_cuts())
		must(n == whole && status == status_cut);
	if (whole > 0) {
		inside(&h.method, copy, len);
		inside(&h.target, copy, len);
		inside(&h.path, copy, len);
		inside(&h.query, copy, len);
		inside(&h.reason, copy, len);
		must(h.nfields <= HTTP_FIELDS_MAX);
		for (i = 0; i < h.nfields; i++) {
			must(h.fields[i].name.len > 0);
			inside(&h.fields[i].name, copy, len);
			inside(&h.fields[i].value, copy, len);
		}
		readers(&h, response);
	}
	free(copy);
	return (0);
}
