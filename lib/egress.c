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

#include <netinet/in.h>
#include <arpa/inet.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "egress.h"
#include "http.h"
#include "log.h"

#define PORT_DEFAULT	1080	/* curl's, for every scheme */

static const struct {
	const char	*prefix;
	int		 kind;		/* -1: known, but not spoken */
	const char	*why_not;
} schemes[] = {
	{ "http://",	EGRESS_HTTP,	NULL },
	{ "socks5://",	EGRESS_SOCKS5,	NULL },
	{ "socks5h://",	EGRESS_SOCKS5H,	NULL },
	{ "https://",	-1,
	    "https:// to a proxy is not spoken: use its http:// port (what "
	    "flows is encrypted up to the relay), or a helper" },
	{ "socks4://",	-1, "SOCKS4 is not spoken: use socks5://" },
	{ "socks4a://",	-1, "SOCKS4 is not spoken: use socks5h://" },
	{ "socks://",	-1, "SOCKS4 is not spoken: use socks5://" }
};

static const char *const	 variables_tls[] = {
	"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL
};
/* HTTP_PROXY could be a header that a client sent to a CGI program. */
static const char *const	 variables_plain[] = {
	"http_proxy", "all_proxy", "ALL_PROXY", NULL
};
static const char *const	 variables_no[] = {
	"no_proxy", "NO_PROXY", NULL
};

static int	scheme(const char **, struct egress *, const char **);
static int	userinfo(const char *, size_t, struct egress *,
		    const char **);
static int	percent_decode(const char *, size_t, char *, size_t);
static int	bypass_port(const char **, size_t *, uint16_t);
static int	bypass_name(const char *, size_t, const char *, size_t);
static int	bypass_addr(const char *, size_t, const struct sockaddr *);
static const char *environment(const char *const *, const char **);

/* What the environment said once; all variables of the lists above. */
static struct {
	const char	*name;
	char		*value;		/* NULL: not set */
} kept[] = {
	{ "https_proxy", NULL }, { "HTTPS_PROXY", NULL },
	{ "http_proxy", NULL }, { "all_proxy", NULL }, { "ALL_PROXY", NULL },
	{ "no_proxy", NULL }, { "NO_PROXY", NULL }
};
static int	 is_kept;

/* ---- URLs ---- */

static int
scheme(const char **s, struct egress *e, const char **errstr)
{
	size_t	 i, n;

	e->kind = EGRESS_HTTP;
	for (i = 0; i < nitems(schemes); i++) {
		n = strlen(schemes[i].prefix);
		if (strncasecmp(*s, schemes[i].prefix, n) != 0)
			continue;
		if (schemes[i].kind == -1) {
			*errstr = schemes[i].why_not;
			return (-1);
		}
		e->kind = schemes[i].kind;
		*s += n;
		return (0);
	}
	if (strstr(*s, "://") == NULL)
		return (0);
	*errstr = "the scheme of a proxy is http, socks5 or socks5h";
	return (-1);
}

static int
percent_decode(const char *s, size_t len, char *dst, size_t size)
{
	char	 hex[3] = { 0 };
	size_t	 i, n = 0;

	for (i = 0; i < len; i++) {
		if (n + 1 >= size)
			return (-1);
		if (s[i] != '%') {
			dst[n++] = s[i];
			continue;
		}
		if (len - i < 3 || !isxdigit((unsigned char)s[i + 1]) ||
		    !isxdigit((unsigned char)s[i + 2]))
			return (-1);
		memcpy(hex, s + i + 1, 2);
		if ((dst[n++] = strtol(hex, NULL, 16)) == '\0')
			return (-1);
		i += 2;
	}
	dst[n] = '\0';
	return (0);
}

static int
userinfo(const char *s, size_t len, struct egress *e, const char **errstr)
{
	const char	*colon = memchr(s, ':', len);
	size_t		 n = colon == NULL ? len : (size_t)(colon - s);

	e->has_auth = 1;
	if (percent_decode(s, n, e->user, sizeof(e->user)) == -1 ||
	    (colon != NULL && percent_decode(colon + 1, len - n - 1,
	    e->password, sizeof(e->password)) == -1)) {
		*errstr = "user and password are of at most 255 bytes, with "
		    "%XX for what has a meaning in a URL";
		return (-1);
	}
	if (e->user[0] == '\0') {
		*errstr = "no user before the @";
		return (-1);
	}
	/* RFC 7617, 2 */
	if (e->kind == EGRESS_HTTP && strchr(e->user, ':') != NULL) {
		*errstr = "a user's name can't hold a colon";
		return (-1);
	}
	return (0);
}

int
egress_parse(const char *s, struct egress *e, const char **errstr)
{
	struct http_str	 authority;
	const char	*at;
	char		 host[HTTP_HOST_MAX];
	size_t		 len, i;

	memset(e, 0, sizeof(*e));
	if (scheme(&s, e, errstr) == -1)
		goto fail;
	len = strcspn(s, "/?#");
	if (s[len] != '\0' && strcmp(s + len, "/") != 0) {
		*errstr = "a proxy's address ends with its host and port";
		goto fail;
	}
	/* The last @: in a password it need not be escaped, as in curl(1). */
	for (at = NULL, i = 0; i < len; i++) {
		if (s[i] == '@')
			at = s + i;
	}
	if (at != NULL) {
		if (userinfo(s, at - s, e, errstr) == -1)
			goto fail;
		len -= at + 1 - s;
		s = at + 1;
	}
	authority.s = s;
	authority.len = len;
	if (len == 0 || http_hostport(&authority, host, &e->port) == -1) {
		*errstr = "malformed host or port of a proxy";
		goto fail;
	}
	strlcpy(e->host, host, sizeof(e->host));
	if (e->port == 0)
		e->port = PORT_DEFAULT;
	return (0);
 fail:
	explicit_bzero(e, sizeof(*e));
	return (-1);
}

int
egress_check(const struct egress *e)
{
	if (e->kind > EGRESS_HELPER || e->has_auth > 1 ||
	    memchr(e->host, '\0', sizeof(e->host)) == NULL ||
	    memchr(e->user, '\0', sizeof(e->user)) == NULL ||
	    memchr(e->password, '\0', sizeof(e->password)) == NULL)
		return (-1);
	if (e->kind == EGRESS_DIRECT)
		return (0);
	return (e->host[0] != '\0' && (e->kind == EGRESS_HELPER ||
	    e->port != 0) ? 0 : -1);
}

void
egress_name(const struct egress *e, char name[EGRESS_NAME_MAX])
{
	static const char *const	 prefixes[] = {
		[EGRESS_HTTP] = "http", [EGRESS_SOCKS5] = "socks5",
		[EGRESS_SOCKS5H] = "socks5h"
	};
	int				 v6 = strchr(e->host, ':') != NULL;

	if (e->kind == EGRESS_DIRECT)
		name[0] = '\0';
	else if (e->kind == EGRESS_HELPER)
		snprintf(name, EGRESS_NAME_MAX, "helper %s", e->host);
	else
		snprintf(name, EGRESS_NAME_MAX, "%s://%s%s%s:%u",
		    prefixes[e->kind], v6 ? "[" : "", e->host, v6 ? "]" : "",
		    e->port);
}

const char *
egress_why(const char *way, const char *text, char buf[EGRESS_WHY_MAX])
{
	int	 straight = way[0] == '\0';

	snprintf(buf, EGRESS_WHY_MAX, "%s%s%s%s", straight ? "" : "through ",
	    way, straight ? "" : ": ", text);
	return (buf);
}

void
egress_redact(struct egress *e)
{
	explicit_bzero(e->user, sizeof(e->user));
	explicit_bzero(e->password, sizeof(e->password));
	e->has_auth = 0;
}

/* ---- NO_PROXY ---- */

/*
 * Take brackets and a port off a word; -1: another port than that.  More than
 * one colon without brackets is an address of IPv6.
 */
static int
bypass_port(const char **word, size_t *len, uint16_t port)
{
	const char	*colon, *w = *word;
	char		 text[6];
	size_t		 n = *len, host;
	uint16_t	 p;

	colon = memrchr(w, ':', n);
	if (colon != NULL && colon > w && colon[-1] != ']' &&
	    memchr(w, ':', colon - w) != NULL)
		colon = NULL;
	host = colon == NULL ? n : (size_t)(colon - w);
	if (host < n) {
		n -= host + 1;
		if (n >= sizeof(text))
			return (-1);
		memcpy(text, colon + 1, n);
		text[n] = '\0';
		if (addr_parse_port(text, &p) == -1 || p != port)
			return (-1);
	}
	if (host > 1 && w[0] == '[' && w[host - 1] == ']') {
		w++;
		host -= 2;
	}
	*word = w;
	*len = host;
	return (0);
}

/* example.org, .example.org and *.example.org: www.example.org, too. */
static int
bypass_name(const char *word, size_t len, const char *host, size_t hostlen)
{
	if (len > 0 && word[len - 1] == '.')
		len--;
	if (len > 1 && word[0] == '*' && word[1] == '.') {
		word++;
		len--;
	}
	if (len > 0 && word[0] == '.') {
		word++;
		len--;
	}
	if (len == 0 || len > hostlen ||
	    strncasecmp(word, host + hostlen - len, len) != 0)
		return (0);
	return (len == hostlen || host[hostlen - len - 1] == '.');
}

static int
bypass_addr(const char *word, size_t len, const struct sockaddr *sa)
{
	struct addr_prefix	 prefix;
	char			 text[ADDR_STRLEN + 4];

	if (len >= sizeof(text))
		return (0);
	memcpy(text, word, len);
	text[len] = '\0';
	return (addr_prefix_parse(text, &prefix) == 0 &&
	    addr_prefix_match(&prefix, sa));
}

int
egress_bypass(const char *list, const char *host, uint16_t port)
{
	struct sockaddr_storage	 ss;
	const char		*word;
	size_t			 len, wordlen, hostlen = strlen(host);
	int			 numeric;

	if (strcmp(list, "*") == 0)
		return (1);
	if (hostlen > 0 && host[hostlen - 1] == '.')
		hostlen--;
	numeric = addr_parse(host, NULL, &ss) == 0;
	for (; *list != '\0'; list += len) {
		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		word = list;
		wordlen = len;
		if (len == 0 || bypass_port(&word, &wordlen, port) == -1)
			continue;
		if (numeric ? bypass_addr(word, wordlen,
		    (struct sockaddr *)&ss) : bypass_name(word, wordlen, host,
		    hostlen))
			return (1);
	}
	return (0);
}

/* ---- the choice ---- */

static const char *
variable(const char *name)
{
	size_t	 i;

	if (!is_kept)
		return (getenv(name));
	for (i = 0; i < nitems(kept); i++) {
		if (strcmp(kept[i].name, name) == 0)
			return (kept[i].value);
	}
	return (NULL);
}

/* The first of these variables that is set and not empty, and its name. */
static const char *
environment(const char *const *names, const char **name)
{
	const char	*value;

	for (; *names != NULL; names++) {
		*name = *names;
		if ((value = variable(*names)) != NULL && value[0] != '\0')
			return (value);
	}
	return (NULL);
}

int
egress_choose(const struct egress_conf *conf, const struct relay_url *url,
    struct egress *e, char *err, size_t size)
{
	const char	*name = "proxy", *value = conf->proxy, *list, *why;

	memset(e, 0, sizeof(*e));
	if (value != NULL && strcmp(value, "none") == 0)
		return (0);
	if (value == NULL && conf->helper == NULL)
		value = environment(url->tls ? variables_tls :
		    variables_plain, &name);
	if (value != NULL && egress_parse(value, e, &why) == -1) {
		snprintf(err, size, "%s: %s", name, why);
		return (-1);
	}
	if (value == NULL && conf->helper != NULL) {
		if (conf->helper[0] != '/' || strlcpy(e->host, conf->helper,
		    sizeof(e->host)) >= sizeof(e->host)) {
			snprintf(err, size, "proxy helper: an absolute path "
			    "of at most %zu bytes", sizeof(e->host) - 1);
			memset(e, 0, sizeof(*e));
			return (-1);
		}
		e->kind = EGRESS_HELPER;
	}
	list = environment(variables_no, &name);
	if (list != NULL && egress_bypass(list, url->host, url->port))
		explicit_bzero(e, sizeof(*e));
	return (0);
}

void
egress_keep_environment(void)
{
	char	*p;
	size_t	 i;

	for (i = 0; i < nitems(kept); i++) {
		if ((p = getenv(kept[i].name)) == NULL)
			continue;
		if (!is_kept && (kept[i].value = strdup(p)) == NULL)
			fatal("environment");
		if (strchr(p, '@') == NULL)
			continue;
		explicit_bzero(p, strlen(p));
		unsetenv(kept[i].name);
	}
	is_kept = 1;
}
