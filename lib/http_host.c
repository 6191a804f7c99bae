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
 * Which host a request is for.  Routing, policy and the name that goes to
 * the backend must all rest on the same reading of it.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "http.h"

#define NAME_MAX_LEN	253	/* RFC 1035, 2.3.4, as text */
#define LABEL_MAX_LEN	63

static const struct scheme {
	const char	*prefix;
	uint16_t	 port;
} schemes[] = {
	{ "http://",	80 },
	{ "https://",	443 },
	{ "ws://",	80 },
	{ "wss://",	443 }
};

static ssize_t	host_address(const struct http_str *, char[HTTP_HOST_MAX]);
static ssize_t	host_name(const struct http_str *, char[HTTP_HOST_MAX]);
static int	host_port(const char *, size_t, uint16_t *);
static const struct scheme *absolute_form(const struct http_str *,
		    struct http_str *, struct http_str *);

/* "[v6]": returns how many bytes of the text it takes, or -1. */
static ssize_t
host_address(const struct http_str *text, char host[HTTP_HOST_MAX])
{
	struct in6_addr	 addr;
	struct http_str	 inner;
	const char	*end;

	if ((end = memchr(text->s, ']', text->len)) == NULL)
		return (-1);
	inner.s = text->s + 1;
	inner.len = (size_t)(end - inner.s);
	if (http_str_copy(&inner, host, HTTP_HOST_MAX) == -1 ||
	    inet_pton(AF_INET6, host, &addr) != 1 ||
	    inet_ntop(AF_INET6, &addr, host, HTTP_HOST_MAX) == NULL)
		return (-1);
	return ((ssize_t)inner.len + 2);
}

/* A name or an IPv4 address, up to the colon. */
static ssize_t
host_name(const struct http_str *text, char host[HTTP_HOST_MAX])
{
	size_t	 i, label = 0;
	char	 c;

	for (i = 0; i < text->len && text->s[i] != ':'; i++) {
		c = text->s[i];
		if (i > NAME_MAX_LEN)
			return (-1);
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (c == '.') {
			if (label == 0)
				return (-1);
			label = 0;
		} else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '-' || c == '_') {
			if (++label > LABEL_MAX_LEN)
				return (-1);
		} else
			return (-1);
		host[i] = c;
	}
	if (i == 0)
		return (-1);
	host[i] = '\0';
	if (label == 0)
		host[i - 1] = '\0';
	if (strlen(host) > NAME_MAX_LEN)
		return (-1);
	return ((ssize_t)i);
}

static int
host_port(const char *s, size_t len, uint16_t *port)
{
	uint32_t	 v = 0;
	size_t		 i;

	*port = 0;
	if (len == 0)
		return (0);
	if (s[0] != ':' || len < 2 || len > 6)
		return (-1);
	for (i = 1; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return (-1);
		v = v * 10 + (uint32_t)(s[i] - '0');
	}
	if (v == 0 || v > UINT16_MAX)
		return (-1);
	*port = v;
	return (0);
}

int
http_hostport(const struct http_str *text, char host[HTTP_HOST_MAX],
    uint16_t *port)
{
	ssize_t	 n;

	if (text->len > 0 && text->s[0] == '[')
		n = host_address(text, host);
	else
		n = host_name(text, host);
	if (n == -1)
		return (-1);
	return (host_port(text->s + n, text->len - (size_t)n, port));
}

/* Split a target in absolute-form; NULL if it is not. */
static const struct scheme *
absolute_form(const struct http_str *target, struct http_str *authority,
    struct http_str *rest)
{
	struct http_str	 prefix = *target;
	size_t		 i, n;

	for (i = 0; i < nitems(schemes); i++) {
		prefix.len = strlen(schemes[i].prefix);
		if (prefix.len > target->len ||
		    !http_str_caseeq(&prefix, schemes[i].prefix))
			continue;
		authority->s = target->s + prefix.len;
		for (n = prefix.len; n < target->len; n++)
			if (target->s[n] == '/' || target->s[n] == '?')
				break;
		authority->len = n - prefix.len;
		rest->s = target->s + n;
		rest->len = target->len - n;
		return (&schemes[i]);
	}
	return (NULL);
}

int
http_authority(const struct http_head *h, char host[HTTP_HOST_MAX],
    uint16_t *port)
{
	const struct http_str	*field = http_field(h, "host");
	const struct scheme	*scheme;
	struct http_str		 authority, rest;
	char			 named[HTTP_HOST_MAX];
	uint16_t		 named_port, usual;

	if (http_str_eq(&h->method, "CONNECT")) {
		authority = h->target;
		usual = 443;
	} else if ((scheme = absolute_form(&h->target, &authority,
	    &rest)) != NULL)
		usual = scheme->port;
	else if (field != NULL)
		return (http_hostport(field, host, port));
	else {
		host[0] = '\0';
		*port = 0;
		return (0);
	}

	if (http_hostport(&authority, host, port) == -1)
		return (-1);
	if (field == NULL)
		return (0);
	if (http_hostport(field, named, &named_port) == -1 ||
	    strcmp(host, named) != 0 ||
	    (*port ? *port : usual) != (named_port ? named_port : usual))
		return (-1);
	return (0);
}

int
http_origin(const struct http_head *h, struct http_str *path,
    struct http_str *query)
{
	struct http_str	 authority, rest;
	const char	*q;

	if (h->path.len > 0) {
		*path = h->path;
		*query = h->query;
		return (0);
	}
	if (absolute_form(&h->target, &authority, &rest) == NULL)
		return (-1);
	*path = rest;
	query->s = NULL;
	query->len = 0;
	if (rest.len > 0 && (q = memchr(rest.s, '?', rest.len)) != NULL) {
		path->len = (size_t)(q - rest.s);
		query->s = q + 1;
		query->len = rest.len - path->len - 1;
	}
	if (path->len == 0) {
		path->s = "/";
		path->len = 1;
	}
	return (0);
}
