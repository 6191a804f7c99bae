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

#include <sys/types.h>
#include <sys/socket.h>

#include <string.h>

#include "addr.h"
#include "forwarded.h"
#include "http.h"

/* The hops so far, the latest at the end; n counts those left out, too. */
struct hops {
	struct sockaddr_storage	*ss;
	size_t			 n;
	struct http_str		*proto;	/* of each, or NULL */
};

static void	hop_add(struct hops *, const struct http_str *);
static int	hop_parse(const struct http_str *, struct sockaddr_storage *);
static void	list_x(const struct http_str *, struct hops *);
static int	list_rfc7239(const struct http_str *, struct hops *);
static int	pair_next(struct http_str *, struct http_str *,
		    struct http_str *);
static int	is_token(char);

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80". */
static int
hop_parse(const struct http_str *s, struct sockaddr_storage *ss)
{
	char	 buf[ADDR_STRLEN], *port = NULL, *p;

	if (http_str_copy(s, buf, sizeof(buf)) == -1 ||
	    strchr(buf, '%') != NULL)
		return (-1);
	if (buf[0] == '[') {
		if ((p = strchr(buf, ']')) == NULL)
			return (-1);
		if (p[1] == ':')
			port = p + 2;
		else if (p[1] != '\0')
			return (-1);
		p[1] = '\0';
	} else if ((p = strchr(buf, ':')) != NULL &&
	    strchr(p + 1, ':') == NULL) {
		*p = '\0';
		port = p + 1;
	}
	return (addr_parse(buf, port, ss));
}

static void
hop_add(struct hops *h, const struct http_str *s)
{
	struct sockaddr_storage	*ss = &h->ss[h->n++ % FORWARDED_HOPS_MAX];

	if (hop_parse(s, ss) == -1)
		memset(ss, 0, sizeof(*ss));
}

static void
list_x(const struct http_str *value, struct hops *h)
{
	struct http_str	 rest = *value, one;
	const char	*comma;

	while (rest.len > 0) {
		one = rest;
		if ((comma = memchr(rest.s, ',', rest.len)) != NULL)
			one.len = (size_t)(comma - rest.s);
		rest.s += one.len + (comma != NULL);
		rest.len -= one.len + (comma != NULL);
		http_str_trim(&one);
		if (one.len > 0)
			hop_add(h, &one);
	}
}

/* RFC 9110, 5.6.2. */
static int
is_token(char c)
{
	return ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL));
}

/*
 * Take name=value or name="value" off the front.  0, or -1.  A backslash
 * within quotes is none we could mean: neither addresses nor names of
 * protocols have one.
 */
static int
pair_next(struct http_str *rest, struct http_str *name,
    struct http_str *value)
{
	size_t	 i = 0;

	name->s = rest->s;
	while (i < rest->len && is_token(rest->s[i]))
		i++;
	name->len = i;
	if (i == 0 || i == rest->len || rest->s[i++] != '=')
		return (-1);
	if (i < rest->len && rest->s[i] == '"') {
		value->s = rest->s + ++i;
		while (i < rest->len && rest->s[i] != '"') {
			if (rest->s[i++] == '\\')
				return (-1);
		}
		value->len = (size_t)(rest->s + i - value->s);
		if (i++ == rest->len)
			return (-1);
	} else {
		value->s = rest->s + i;
		/* Some leave out the quotes that colons want. */
		while (i < rest->len && (is_token(rest->s[i]) ||
		    memchr(":[]", rest->s[i], 3) != NULL))
			i++;
		value->len = (size_t)(rest->s + i - value->s);
		if (value->len == 0)
			return (-1);
	}
	rest->s += i;
	rest->len -= i;
	return (0);
}

/* for=...;by=...;proto=..., for=...  Returns 0 or -1. */
static int
list_rfc7239(const struct http_str *value, struct hops *h)
{
	struct http_str	 rest = *value, name, v, from = { NULL, 0 };
	struct http_str	 proto = { NULL, 0 };
	int		 pairs = 0;

	for (;;) {
		http_str_trim(&rest);
		if (rest.len == 0 || rest.s[0] == ',') {
			/* The end of an element; an empty one is none. */
			if (pairs > 0) {
				if (h->proto != NULL)
					h->proto[h->n % FORWARDED_HOPS_MAX] =
					    proto;
				hop_add(h, &from);
			}
			pairs = 0;
			from.s = proto.s = NULL;
			from.len = proto.len = 0;
			if (rest.len == 0)
				return (0);
		} else if (rest.s[0] != ';') {
			if (pair_next(&rest, &name, &v) == -1)
				return (-1);
			if (http_str_caseeq(&name, "for")) {
				if (from.s != NULL)
					return (-1);
				from = v;
			} else if (http_str_caseeq(&name, "proto")) {
				if (proto.s != NULL)
					return (-1);
				proto = v;
			}
			pairs++;
			http_str_trim(&rest);
			if (rest.len > 0 && rest.s[0] != ';' &&
			    rest.s[0] != ',')
				return (-1);
			continue;
		}
		rest.s++;
		rest.len--;
	}
}

ssize_t
forwarded_hops(const struct http_head *head, enum forwarded_field field,
    struct sockaddr_storage hops[FORWARDED_HOPS_MAX])
{
	struct sockaddr_storage	 ring[FORWARDED_HOPS_MAX];
	struct hops		 h = { .ss = ring };
	const char		*name;
	size_t			 i, n;

	name = field == FORWARDED_X ? "x-forwarded-for" : "forwarded";
	for (i = 0; i < head->nfields; i++) {
		if (!http_str_caseeq(&head->fields[i].name, name))
			continue;
		if (field == FORWARDED_X)
			list_x(&head->fields[i].value, &h);
		else if (list_rfc7239(&head->fields[i].value, &h) == -1)
			return (-1);
	}
	n = h.n < FORWARDED_HOPS_MAX ? h.n : FORWARDED_HOPS_MAX;
	for (i = 0; i < n; i++)
		hops[i] = ring[(h.n - 1 - i) % FORWARDED_HOPS_MAX];
	return ((ssize_t)n);
}

void
forwarded_proto(const struct http_head *head, enum forwarded_field field,
    size_t hop, struct http_str *proto)
{
	struct sockaddr_storage	 ring[FORWARDED_HOPS_MAX];
	struct http_str		 protos[FORWARDED_HOPS_MAX];
	struct hops		 h = { .ss = ring, .proto = protos };
	struct http_str		 rest;
	const char		*name;
	size_t			 i;

	proto->s = NULL;
	proto->len = 0;
	name = field == FORWARDED_X ? "x-forwarded-proto" : "forwarded";
	for (i = 0; i < head->nfields; i++) {
		if (!http_str_caseeq(&head->fields[i].name, name))
			continue;
		rest = head->fields[i].value;
		if (field == FORWARDED_RFC7239) {
			if (list_rfc7239(&rest, &h) == -1)
				return;
			continue;
		}
		while (http_list_next(&rest, proto))
			;
	}
	if (hop < h.n && hop < FORWARDED_HOPS_MAX)
		*proto = protos[(h.n - 1 - hop) % FORWARDED_HOPS_MAX];
}
