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

/* link: lib/http_cookie.c lib/http_form.c lib/http.c lib/http_field.c
 * lib/http_host.c */

/*
 * Lines are fields Cookie, one after the other: whatever they hold, none of
 * ours is left, and what is not ours is as it was.  The whole is a Set-Cookie
 * and a form as well.
 */

/* max_len: 256 */

#include "compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http_cookie.h"
#include "http_form.h"

#define FIELDS	8

static int
ours(const struct http_str *name)
{
	return (http_str_caseeq(name, "ours") || name->len == 1);
}

static void
field(struct http_head *head, const char *s, size_t len)
{
	struct http_field	*f = &head->fields[head->nfields++];

	f->name.s = "Cookie";
	f->name.len = 6;
	f->value.s = s;
	f->value.len = len;
	http_str_trim(&f->value);
}

static void
try_cookies(const char *s, size_t len)
{
	static struct http_head	 head, again;
	struct http_str		 value, first;
	const char		*end = s + len, *next;
	ssize_t			 n;
	char			*buf, *other;

	head.nfields = again.nfields = 0;
	for (; s < end && head.nfields < FIELDS; s = next + 1) {
		if ((next = memchr(s, '\n', end - s)) == NULL)
			next = end;
		field(&head, s, next - s);
	}
	if ((buf = malloc(len + 2 * FIELDS + 1)) == NULL ||
	    (other = malloc(len + 2 * FIELDS + 1)) == NULL)
		abort();
	n = http_cookie_strip(&head, ours, buf, len + 2 * FIELDS + 1);
	if (n == -2)
		abort();
	if (http_cookie(&head, "ours", &first) > 0 && n == -1)
		abort();
	if (n > 0) {
		field(&again, buf, n);
		if (http_cookie(&again, "ours", &value) != 0 ||
		    http_cookie_strip(&again, ours, other,
		    len + 2 * FIELDS + 1) != -1)
			abort();
		if (http_cookie(&again, "theirs", &value) !=
		    http_cookie(&head, "theirs", &first))
			abort();
		if (value.len != first.len &&
		    http_cookie(&again, "theirs", &value) > 0)
			abort();
	}
	free(buf);
	free(other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_str	 f = { (const char *)data, size }, name, domain;
	char		*text, *out, *back;
	size_t		 i;

	if ((text = malloc(size + 1)) == NULL ||
	    (out = malloc(6 * size + 8)) == NULL ||
	    (back = malloc(size + 1)) == NULL)
		abort();
	try_cookies((const char *)data, size);
	(void)http_cookie_set(&f, &name, &domain);
	for (i = 0; i < name.len; i++) {
		if (name.s[i] == '=' || name.s[i] == ';')
			abort();
	}
	/* A value that was escaped comes back as it was. */
	if (http_form_get((const char *)data, size, "a", text, size + 1) ==
	    1) {
		strlcpy(out, "a=", 3);
		if (http_form_escape(text, out + 2, 6 * size + 6) == -1)
			abort();
		if (http_form_get(out, strlen(out), "a", back, size + 1) !=
		    1 || strcmp(back, text) != 0)
			abort();
		if (http_html_escape(text, out, 6 * size + 8) == -1 ||
		    strpbrk(out, "<>\"'") != NULL)
			abort();
	}
	free(text);
	free(out);
	free(back);
	return (0);
}
