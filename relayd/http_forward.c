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
 * The fields that say where a request came from.
 */

#include "compat.h"

#include <sys/socket.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "forwarded.h"
#include "http_forward.h"

#define VALUE_MAX	4096	/* of a field that grows from hop to hop */
#define FOR_MAX		(ADDR_STRLEN + 16)	/* for="[...]" */

static void	forward_list(const struct http_head *, const char *,
		    const char *, const char *, char[VALUE_MAX]);
static const char *forward_proto(const struct http_head *,
		    const struct http_from *);
static void	forward_value(const struct http_head *, const char *, int,
		    const char *, char *, size_t);
static void	forward_via(const struct http_head *, const struct http_from *,
		    struct http_set *);
static void	forward_for(const struct sockaddr_storage *, char[FOR_MAX]);
static void	forward_element(const struct sockaddr_storage *,
		    const struct http_from *, const char *, char *, size_t);

/*
 * All fields of that name, and what we add.  Instead of too much of it there
 * is only what we go by ourselves (NULL: nothing): whoever makes the list too
 * long must not look like the proxy.
 */
static void
forward_list(const struct http_head *head, const char *name,
    const char *instead, const char *ours, char list[VALUE_MAX])
{
	const struct http_field	*f;
	size_t			 i, len = 0, add = strlen(ours);

	for (i = 0; head != NULL && i < head->nfields; i++) {
		f = &head->fields[i];
		if (!http_str_caseeq(&f->name, name) || f->value.len == 0)
			continue;
		if (len + f->value.len + add + 5 > VALUE_MAX) {
			len = instead == NULL ? 0 : snprintf(list, VALUE_MAX,
			    "%s, ", instead);
			break;
		}
		memcpy(list + len, f->value.s, f->value.len);
		len += f->value.len;
		memcpy(list + len, ", ", 2);
		len += 2;
	}
	strlcpy(list + len, ours, VALUE_MAX - len);
}

/* How the client came, as far as anybody knows who is believed. */
static const char *
forward_proto(const struct http_head *head, const struct http_from *f)
{
	struct http_str	 proto = { NULL, 0 };

	if (head != NULL && f->proxy != NULL)
		forwarded_proto(head, f->rfc7239 ? FORWARDED_RFC7239 :
		    FORWARDED_X, f->hop, &proto);
	if (http_str_caseeq(&proto, "https"))
		return ("https");
	if (http_str_caseeq(&proto, "http"))
		return ("http");
	return (f->tls ? "https" : "http");
}

/* What a trusted proxy says, if that is short and plain; else ours. */
static void
forward_value(const struct http_head *head, const char *name, int trusted,
    const char *ours, char *value, size_t size)
{
	const struct http_str	*v;

	if (!trusted || (v = http_field(head, name)) == NULL || v->len == 0 ||
	    http_str_copy(v, value, size) == -1)
		strlcpy(value, ours, size);
}

/*
 * The proxies on the way (RFC 9110, 7.6.3).  To a list that a trusted one has
 * begun we are added.  None is begun: many web servers send what they could
 * compress as it is, once there is one.
 */
static void
forward_via(const struct http_head *head, const struct http_from *f,
    struct http_set *set)
{
	static char	 via[VALUE_MAX];

	*set = (struct http_set){ "Via", NULL, HTTP_SET_REPLACE };
	if (f->proxy == NULL || head == NULL ||
	    http_field(head, "via") == NULL)
		return;
	forward_list(head, "via", NULL, head->minor > 0 ? "1.1 culvert" :
	    "1.0 culvert", via);
	set->value = via;
}

/* RFC 7239, 6: for=192.0.2.1, for="[2001:db8::1]" */
static void
forward_for(const struct sockaddr_storage *from, char buf[FOR_MAX])
{
	char	 addr[ADDR_STRLEN];
	int	 v6;

	addr_format_host((const struct sockaddr *)from, addr);
	v6 = strchr(addr, ':') != NULL;
	/* An interface is of our machine alone. */
	addr[strcspn(addr, "%")] = '\0';
	snprintf(buf, FOR_MAX, "for=%s%s%s", v6 ? "\"[" : "", addr,
	    v6 ? "]\"" : "");
}

/* RFC 7239, 4: for=192.0.2.1;host="a:80";proto=https */
static void
forward_element(const struct sockaddr_storage *from,
    const struct http_from *f, const char *proto, char *buf, size_t size)
{
	char	 who[FOR_MAX], host[512];

	forward_for(from, who);
	if (strchr(f->host, ':') != NULL)
		snprintf(host, sizeof(host), "[%s]", f->host);
	else
		strlcpy(host, f->host, sizeof(host));
	if (f->port != 0)
		snprintf(host + strlen(host), sizeof(host) - strlen(host),
		    ":%u", f->port);
	snprintf(buf, size, "%s;host=\"%s\";proto=%s", who, host, proto);
}

size_t
http_forward(const struct http_head *head, const struct http_from *f,
    struct http_set set[HTTP_FORWARD_MAX])
{
	static char	 xff[VALUE_MAX], forwarded[VALUE_MAX];
	static char	 host[512], port[8], client[ADDR_STRLEN];
	static char	 last[ADDR_STRLEN], name[512], element[1024];
	char		 who[FOR_MAX];
	const char	*ours = f->tls ? "https" : "http";
	const char	*proto = forward_proto(head, f);
	int		 x = f->proxy != NULL && !f->rfc7239;
	size_t		 n = 0;

	addr_format_host((const struct sockaddr *)f->client, client);
	addr_format_host((const struct sockaddr *)(f->proxy != NULL ?
	    f->proxy : f->client), last);
	if (strchr(f->host, ':') != NULL)
		snprintf(name, sizeof(name), "[%s]", f->host);
	else
		strlcpy(name, f->host, sizeof(name));
	if (f->port != 0)
		snprintf(name + strlen(name), sizeof(name) - strlen(name),
		    ":%u", f->port);
	forward_value(head, "x-forwarded-host", x, name, host, sizeof(host));
	snprintf(element, sizeof(element), "%d", f->port != 0 ? f->port :
	    strcmp(proto, "https") == 0 ? 443 : 80);
	forward_value(head, "x-forwarded-port", x, element, port,
	    sizeof(port));
	forward_list(x ? head : NULL, "x-forwarded-for", client, x ? last :
	    client, xff);
	if (f->proxy != NULL && f->rfc7239)
		forward_element(f->proxy, f, ours, element, sizeof(element));
	else
		forward_element(f->client, f, proto, element,
		    sizeof(element));
	forward_for(f->client, who);
	forward_list(f->proxy != NULL && f->rfc7239 ? head : NULL,
	    "forwarded", who, element, forwarded);
	set[n++] = (struct http_set){ "X-Forwarded*", NULL,
	    HTTP_SET_REPLACE };
	set[n++] = (struct http_set){ "X-Forwarded-For", xff,
	    HTTP_SET_REPLACE };
	set[n++] = (struct http_set){ "X-Forwarded-Proto", proto,
	    HTTP_SET_REPLACE };
	set[n++] = (struct http_set){ "X-Forwarded-Host", host,
	    HTTP_SET_REPLACE };
	set[n++] = (struct http_set){ "X-Forwarded-Port", port,
	    HTTP_SET_REPLACE };
	set[n++] = (struct http_set){ "Forwarded", forwarded,
	    HTTP_SET_REPLACE };
	set[n++] = (struct http_set){ "X-Real-IP", client,
	    HTTP_SET_REPLACE };
	forward_via(head, f, &set[n++]);
	return (n);
}
