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

#include <sys/socket.h>
#include <sys/un.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "backend.h"

static int	path_parse(const char *, struct backend_url *, const char **);

static const struct {
	const char		*prefix;
	enum backend_scheme	 scheme;
	uint16_t		 port;
} schemes[] = {
	{ "http://",	BACKEND_HTTP,	80 },
	{ "https://",	BACKEND_HTTPS,	443 }
};

int
backend_url_parse(const char *s, struct backend_url *url, const char **errstr)
{
	struct http_str	 authority;
	const char	*rest;
	size_t		 i, n;

	memset(url, 0, sizeof(*url));
	if (strncmp(s, "unix:", 5) == 0)
		return (path_parse(s + 5, url, errstr));
	for (i = 0; i < nitems(schemes); i++) {
		n = strlen(schemes[i].prefix);
		if (strncasecmp(s, schemes[i].prefix, n) == 0)
			break;
	}
	if (i == nitems(schemes)) {
		*errstr = "a backend begins with http://, https:// or unix:/";
		return (-1);
	}
	authority.s = s + n;
	authority.len = strcspn(s + n, "/?#");
	rest = authority.s + authority.len;
	if (memchr(authority.s, '@', authority.len) != NULL) {
		*errstr = "a backend has no user or password";
		return (-1);
	}
	if (authority.len == 0 ||
	    http_hostport(&authority, url->host, &url->port) == -1) {
		*errstr = "malformed host or port";
		return (-1);
	}
	if (rest[0] != '\0' && strcmp(rest, "/") != 0) {
		*errstr = "a backend has a host and a port and no path: "
		    "requests keep theirs";
		return (-1);
	}
	url->scheme = schemes[i].scheme;
	if (url->port == 0)
		url->port = schemes[i].port;
	return (0);
}

/* "/run/x", or "///run/x" as URLs have it. */
static int
path_parse(const char *s, struct backend_url *url, const char **errstr)
{
	struct sockaddr_un	 sun;

	if (strncmp(s, "///", 3) == 0)
		s += 2;
	if (s[0] != '/' || s[1] == '/' || s[1] == '\0') {
		*errstr = "unix: and an absolute path";
		return (-1);
	}
	if (strlen(s) >= sizeof(sun.sun_path) ||
	    strlcpy(url->host, s, sizeof(url->host)) >= sizeof(url->host)) {
		*errstr = "too long for a Unix socket";
		return (-1);
	}
	url->scheme = BACKEND_UNIX;
	return (0);
}

int
backend_url_parse_tcp(const char *s, struct backend_url *url,
    const char **errstr)
{
	struct http_str	 authority = { s, strlen(s) };

	memset(url, 0, sizeof(*url));
	if (strstr(s, "//") != NULL ||
	    http_hostport(&authority, url->host, &url->port) == -1 ||
	    url->port == 0) {
		*errstr = "a host and a port, as in 127.0.0.1:8443";
		return (-1);
	}
	url->scheme = BACKEND_TCP;
	return (0);
}

const char *
backend_url_format(const struct backend_url *url, char buf[BACKEND_URL_MAX])
{
	char	 authority[BACKEND_URL_MAX];

	if (url->scheme == BACKEND_UNIX)
		snprintf(buf, BACKEND_URL_MAX, "unix:%s", url->host);
	else
		snprintf(buf, BACKEND_URL_MAX, "%s%s",
		    url->scheme == BACKEND_HTTP ? "http://" :
		    url->scheme == BACKEND_HTTPS ? "https://" : "",
		    backend_url_authority(url, authority));
	return (buf);
}

const char *
backend_url_authority(const struct backend_url *url,
    char buf[BACKEND_URL_MAX])
{
	int	 v6 = strchr(url->host, ':') != NULL;
	char	 port[8] = "";

	if (url->scheme == BACKEND_UNIX) {
		strlcpy(buf, "localhost", BACKEND_URL_MAX);
		return (buf);
	}
	if (!(url->scheme == BACKEND_HTTP && url->port == 80) &&
	    !(url->scheme == BACKEND_HTTPS && url->port == 443))
		snprintf(port, sizeof(port), ":%u", url->port);
	snprintf(buf, BACKEND_URL_MAX, "%s%s%s%s", v6 ? "[" : "", url->host,
	    v6 ? "]" : "", port);
	return (buf);
}

int
backend_url_check(const struct backend_url *url)
{
	if (url->scheme < BACKEND_HTTP || url->scheme > BACKEND_TCP ||
	    memchr(url->host, '\0', sizeof(url->host)) == NULL ||
	    url->host[0] == '\0' ||
	    (url->scheme == BACKEND_UNIX) != (url->port == 0) ||
	    (url->scheme == BACKEND_UNIX) != (url->host[0] == '/'))
		return (-1);
	return (0);
}

int
backend_name_valid(const char *name)
{
	size_t	 i, len = strlen(name);

	if (len == 0 || len > MUX_NODE_MAX || name[0] == '-' ||
	    name[len - 1] == '-' || strstr(name, "--") != NULL)
		return (0);
	for (i = 0; i < len; i++) {
		if (!islower((unsigned char)name[i]) &&
		    !isdigit((unsigned char)name[i]) && name[i] != '-')
			return (0);
	}
	return (1);
}

const char *
backend_title(const struct backend *b, char buf[BACKEND_TITLE_MAX])
{
	if (b->name[0] == '\0')
		strlcpy(buf, "http backend", BACKEND_TITLE_MAX);
	else
		snprintf(buf, BACKEND_TITLE_MAX, "%s service %s",
		    mux_kind_name(b->kind), b->name);
	return (buf);
}

int
backend_check(const struct backend *b)
{
	int	 tls = b->kind == MUX_KIND_TLS;

	if ((b->kind != MUX_KIND_HTTP && !tls) || b->announce > 2 ||
	    backend_url_check(&b->url) == -1 ||
	    tls != (b->url.scheme == BACKEND_TCP) ||
	    memchr(b->name, '\0', sizeof(b->name)) == NULL ||
	    memchr(b->rewrite, '\0', sizeof(b->rewrite)) == NULL ||
	    memchr(b->health, '\0', sizeof(b->health)) == NULL ||
	    (b->name[0] == '\0' ? tls : !backend_name_valid(b->name)) ||
	    (b->health_ms != 0) != (b->health[0] == '/'))
		return (-1);
	return (0);
}
