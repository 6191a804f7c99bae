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

#include <netinet/in.h>
#include <arpa/inet.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http.h"
#include "relay_url.h"

#define PORT_TLS	443
#define PORT_PLAIN	80

static int	scheme(const char **, struct relay_url *);
static int	known_path(const char *);
static int	loopback(const char *);

static const struct {
	const char	*prefix;
	int		 tls;
} schemes[] = {
	{ "wss://",	1 },
	{ "https://",	1 },
	{ "ws://",	0 },
	{ "http://",	0 }
};

/* Where relays answer, ours and those whose agents and clients we speak to. */
static const char *const paths[] = {
	"", "/ws/connect", "/ws_for_edge_agents", "/ws_for_access_clients",
	"/api/nodes/ws", "/api/access/ws"
};

/* Step over the scheme, if there is one. */
static int
scheme(const char **s, struct relay_url *url)
{
	size_t	 i, n;

	url->tls = 1;
	for (i = 0; i < nitems(schemes); i++) {
		n = strlen(schemes[i].prefix);
		if (strncasecmp(*s, schemes[i].prefix, n) != 0)
			continue;
		url->tls = schemes[i].tls;
		*s += n;
		return (0);
	}
	return (strstr(*s, "://") == NULL ? 0 : -1);
}

static int
known_path(const char *path)
{
	size_t	 i, n;

	for (i = 0; i < nitems(paths); i++) {
		n = strlen(paths[i]);
		if (strncmp(path, paths[i], n) == 0 &&
		    (path[n] == '\0' || strcmp(path + n, "/") == 0))
			return (1);
	}
	return (0);
}

/* By its name: a resolver that says otherwise is not asked. */
static int
loopback(const char *host)
{
	static const char	 suffix[] = ".localhost";
	struct in6_addr		 v6;
	struct in_addr		 v4;
	size_t			 len = strlen(host), n = sizeof(suffix) - 1;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24 == 127);
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return (IN6_IS_ADDR_LOOPBACK(&v6));
	return (strcmp(host, "localhost") == 0 ||
	    (len > n && strcmp(host + len - n, suffix) == 0));
}

int
relay_url_parse(const char *s, struct relay_url *url, const char **errstr)
{
	struct http_str	 authority;
	char		 host[HTTP_HOST_MAX];

	memset(url, 0, sizeof(*url));
	if (strchr(s, '#') != NULL || strchr(s, '?') != NULL) {
		*errstr = "a relay's address has no query or fragment";
		return (-1);
	}
	if (scheme(&s, url) == -1) {
		*errstr = "the scheme must be wss, https, ws or http";
		return (-1);
	}
	authority.s = s;
	authority.len = strcspn(s, "/");
	if (authority.len == 0) {
		*errstr = "no host";
		return (-1);
	}
	if (memchr(s, '@', authority.len) != NULL) {
		*errstr = "a relay's address holds no user or password";
		return (-1);
	}
	if (http_hostport(&authority, host, &url->port) == -1) {
		*errstr = "malformed host or port";
		return (-1);
	}
	if (!known_path(s + authority.len)) {
		*errstr = "a relay's address needs no path, and not this one";
		return (-1);
	}
	/* It may be sent whole: nothing is left behind the NUL. */
	strlcpy(url->host, host, sizeof(url->host));
	if (url->port == 0)
		url->port = url->tls ? PORT_TLS : PORT_PLAIN;
	url->loopback = loopback(url->host);
	return (0);
}

int
relay_url_plain_ok(const struct relay_url *url, int explicit)
{
	return (url->tls || url->loopback || explicit);
}

int
relay_url_format(const struct relay_url *url, char *dst, size_t size)
{
	const char	*prefix = url->tls ? "wss://" : "ws://";
	size_t		 n = strlen(prefix);

	if (size <= n)
		return (-1);
	memcpy(dst, prefix, n);
	return (relay_url_host_header(url, dst + n, size - n));
}

int
relay_url_host_header(const struct relay_url *url, char *dst, size_t size)
{
	const char	*left = "", *right = "";
	int		 n;

	if (strchr(url->host, ':') != NULL) {
		left = "[";
		right = "]";
	}
	if (url->port == (url->tls ? PORT_TLS : PORT_PLAIN))
		n = snprintf(dst, size, "%s%s%s", left, url->host, right);
	else
		n = snprintf(dst, size, "%s%s%s:%u", left, url->host, right,
		    (unsigned int)url->port);
	return (n < 0 || (size_t)n >= size ? -1 : 0);
}
