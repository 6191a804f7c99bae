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

#include "http_cookie.h"

static int	str_split(struct http_str *, char, struct http_str *);
static void	str_trim(struct http_str *);
static void	cookie_name(const struct http_str *, struct http_str *,
		    struct http_str *);
static int	str_caseeq(const struct http_str *, const struct http_str *);

/* Take what stands before the next of these off the front; 0 at the end. */
static int
str_split(struct http_str *rest, char c, struct http_str *part)
{
	const char	*p;

	if (rest->s == NULL)
		return (0);
	part->s = rest->s;
	if ((p = memchr(rest->s, c, rest->len)) == NULL) {
		part->len = rest->len;
		rest->s = NULL;
		rest->len = 0;
		return (1);
	}
	part->len = p - rest->s;
	rest->len -= part->len + 1;
	rest->s = p + 1;
	return (1);
}

/* Whatever any browser takes for white space. */
static void
str_trim(struct http_str *s)
{
	while (s->len > 0 && (s->s[0] == ' ' || s->s[0] == '\t')) {
		s->s++;
		s->len--;
	}
	while (s->len > 0 && (s->s[s->len - 1] == ' ' ||
	    s->s[s->len - 1] == '\t'))
		s->len--;
}

/* A pair without '=' is a value without a name: it comes back as it is. */
static void
cookie_name(const struct http_str *pair, struct http_str *name,
    struct http_str *value)
{
	struct http_str	 rest = *pair;

	(void)str_split(&rest, '=', name);
	if (rest.s == NULL) {
		*value = *name;
		name->len = 0;
	} else
		*value = rest;
	str_trim(name);
	str_trim(value);
}

size_t
http_cookie(const struct http_head *head, const char *name,
    struct http_str *value)
{
	struct http_str	 rest, pair, n, v;
	size_t		 i, found = 0;

	for (i = 0; i < head->nfields; i++) {
		if (!http_str_caseeq(&head->fields[i].name, "cookie"))
			continue;
		rest = head->fields[i].value;
		while (str_split(&rest, ';', &pair)) {
			cookie_name(&pair, &n, &v);
			if (!http_str_eq(&n, name))
				continue;
			if (found++ == 0)
				*value = v;
		}
	}
	return (found);
}

ssize_t
http_cookie_strip(const struct http_head *head,
    int (*ours)(const struct http_str *), char *buf, size_t size)
{
	struct http_str	 rest, pair, n, v;
	size_t		 i, len = 0;
	int		 any = 0, fits = 1, begin;

	for (i = 0; i < head->nfields; i++) {
		if (!http_str_caseeq(&head->fields[i].name, "cookie"))
			continue;
		rest = head->fields[i].value;
		begin = 1;
		while (str_split(&rest, ';', &pair)) {
			cookie_name(&pair, &n, &v);
			if (ours(&n)) {
				any = 1;
				continue;
			}
			/* The first of a field begins it. */
			if (len == 0 || begin) {
				while (pair.len > 0 && pair.s[0] == ' ') {
					pair.s++;
					pair.len--;
				}
			}
			if (len + pair.len + 2 > size) {
				fits = 0;
				continue;
			}
			if (len > 0)
				buf[len++] = ';';
			if (len > 0 && begin)
				buf[len++] = ' ';
			begin = 0;
			memcpy(buf + len, pair.s, pair.len);
			len += pair.len;
		}
	}
	if (!any)
		return (-1);
	return (fits ? (ssize_t)len : -2);
}

static int
str_caseeq(const struct http_str *a, const struct http_str *b)
{
	return (a->len == b->len && strncasecmp(a->s, b->s, a->len) == 0);
}

int
http_cookie_set(const struct http_str *field, struct http_str *name,
    struct http_str *domain)
{
	struct http_str	 rest = *field, pair = { "", 0 }, n, v;
	int		 seen = 0, differ = 0;

	(void)str_split(&rest, ';', &pair);
	cookie_name(&pair, name, &v);
	/* Without a name it is sent as its value, whatever that looks like. */
	while (name->len == 0 && v.len > 0 &&
	    memchr(v.s, '=', v.len) != NULL) {
		pair = v;
		cookie_name(&pair, name, &v);
	}
	domain->s = "";
	domain->len = 0;
	while (str_split(&rest, ';', &pair)) {
		cookie_name(&pair, &n, &v);
		if (!http_str_caseeq(&n, "domain"))
			continue;
		if (v.len > 0 && v.s[0] == '.') {
			v.s++;
			v.len--;
		}
		differ |= seen && !str_caseeq(&v, domain);
		seen = 1;
		*domain = v;
	}
	return (differ);
}
