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

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "egress_http.h"
#include "http.h"

static int		bare_lf(const char *, size_t);
static size_t		connect_lines(const char *, size_t, char *);
static size_t		connect_used(const char *, size_t);
static enum connect_end	connect_refused(const struct http_head *, int,
			    struct connect_answer *);
static void	connect_wants(const struct http_head *, int,
		    struct connect_answer *);
static enum connect_end	connect_fail(struct connect_answer *,
			    enum dial_error, const char *, ...)
			    __attribute__((__format__ (printf, 3, 4)));

int
connect_request(const struct egress *e, const char *host, uint16_t port,
    const char *agent, char *buf, size_t size)
{
	char	 pair[2 * EGRESS_WORD_MAX];
	char	 auth[BASE64_LEN(2 * EGRESS_WORD_MAX) + 1] = "";
	int	 len, v6 = strchr(host, ':') != NULL;

	if (e->has_auth) {
		/* RFC 7617, 2 */
		len = snprintf(pair, sizeof(pair), "%s:%s", e->user,
		    e->password);
		len = base64_encode(auth, sizeof(auth), (uint8_t *)pair, len);
		explicit_bzero(pair, sizeof(pair));
		if (len == -1)
			return (-1);
	}
	/* Both lines are the authority, RFC 9112, 3.2.3. */
	len = snprintf(buf, size, "CONNECT %s%s%s:%u HTTP/1.1\r\n"
	    "Host: %s%s%s:%u\r\nUser-Agent: %s\r\n%s%s%s\r\n",
	    v6 ? "[" : "", host, v6 ? "]" : "", port,
	    v6 ? "[" : "", host, v6 ? "]" : "", port, agent,
	    e->has_auth ? "Proxy-Authorization: Basic " : "", auth,
	    e->has_auth ? "\r\n" : "");
	explicit_bzero(auth, sizeof(auth));
	return (len < 0 || (size_t)len >= size ? -1 : len);
}

static enum connect_end
connect_fail(struct connect_answer *a, enum dial_error error,
    const char *fmt, ...)
{
	va_list	 ap;

	a->error = error;
	va_start(ap, fmt);
	vsnprintf(a->why, sizeof(a->why), fmt, ap);
	va_end(ap);
	return (CONNECT_FAILED);
}

static int
bare_lf(const char *buf, size_t i)
{
	return (buf[i] == '\n' && (i == 0 || buf[i - 1] != '\r'));
}

/*
 * Old proxies end lines with a bare LF, which who receives may take for an
 * end (RFC 9112, 2.2).  With one hop, and nothing behind the head that is
 * HTTP, nobody is left to read it otherwise.  The length with CRLF.
 */
static size_t
connect_lines(const char *buf, size_t len, char *out)
{
	size_t	 i, n = 0;

	for (i = 0; i < len; i++) {
		if (bare_lf(buf, i))
			out[n++] = '\r';
		out[n++] = buf[i];
	}
	return (n);
}

/* How much of what came such a part of it with CRLF is. */
static size_t
connect_used(const char *buf, size_t n)
{
	size_t	 i, used = 0;

	for (i = 0; used < n; i++)
		used += bare_lf(buf, i) ? 2 : 1;
	return (i);
}

enum connect_end
connect_answer(const char *buf, size_t len, int has_auth,
    struct connect_answer *a)
{
	static struct http_head	 head;
	static char		 text[2 * CONNECT_HEAD_MAX];
	size_t			 off = 0, n;
	ssize_t			 got;
	int			 status;

	memset(a, 0, sizeof(*a));
	n = connect_lines(buf, len < CONNECT_HEAD_MAX ? len :
	    CONNECT_HEAD_MAX, text);
	for (;;) {
		got = http_parse_response(text + off, n - off, HTTP_HEAD_MAX,
		    &head, &status);
		if (got == 0 && len < CONNECT_HEAD_MAX)
			return (CONNECT_MORE);
		if (got <= 0)
			return (connect_fail(a, DIAL_UNREACHABLE,
			    "what answers there is not an HTTP proxy"));
		off += got;
		/* Interim ones, RFC 9110, 15.2, are bounded with the rest. */
		if (head.status >= 200 || head.status == 101)
			break;
	}
	if (head.status < 200 || head.status > 299)
		return (connect_refused(&head, has_auth, a));
	/* Lengths mean nothing in this one: RFC 9110, 9.3.6. */
	a->used = connect_used(buf, off);
	return (CONNECT_OK);
}

/*
 * The next way of authentication that a field names (RFC 9110, 11.6.1: a list
 * of them, each perhaps with parameters, which are a list as well), cut if
 * need be; 1, or 0 at the end.
 */
static int
connect_scheme(const struct http_str *v, size_t *pos, char *name, size_t size)
{
	size_t	 i = *pos, n;
	int	 quoted, param;

	while (i < v->len) {
		while (i < v->len && (v->s[i] == ',' || v->s[i] == ' ' ||
		    v->s[i] == '\t'))
			i++;
		for (n = 0; i < v->len && (((v->s[i] | 0x20) >= 'a' &&
		    (v->s[i] | 0x20) <= 'z') || (n > 0 && (v->s[i] == '-' ||
		    (v->s[i] >= '0' && v->s[i] <= '9')))); i++) {
			if (n + 1 < size)
				name[n++] = v->s[i];
		}
		name[n] = '\0';
		while (i < v->len && (v->s[i] == ' ' || v->s[i] == '\t'))
			i++;
		param = i < v->len && v->s[i] == '=';
		for (quoted = 0; i < v->len && (quoted || v->s[i] != ',');
		    i++) {
			if (v->s[i] == '"')
				quoted = !quoted;
			else if (quoted && v->s[i] == '\\')
				i++;
		}
		if (n > 0 && !param) {
			*pos = i;
			return (1);
		}
	}
	return (0);
}

/* What does it want, and what should be done? */
static void
connect_wants(const struct http_head *head, int has_auth,
    struct connect_answer *a)
{
	const struct http_field	*f;
	char			 name[32], list[96] = "";
	size_t			 i, pos;
	int			 basic = 0;

	for (i = 0; i < head->nfields; i++) {
		f = &head->fields[i];
		if (!http_str_caseeq(&f->name, "proxy-authenticate"))
			continue;
		for (pos = 0; connect_scheme(&f->value, &pos, name,
		    sizeof(name));) {
			basic |= strcasecmp(name, "Basic") == 0;
			if (list[0] != '\0')
				strlcat(list, ", ", sizeof(list));
			strlcat(list, name, sizeof(list));
		}
	}
	if (list[0] != '\0' && !basic)
		connect_fail(a, DIAL_DENIED, "it wants authentication by %s "
		    "(%d), and only Basic is spoken here: use a proxy "
		    "helper", list, head->status);
	else if (has_auth)
		connect_fail(a, DIAL_DENIED, "it does not accept this user "
		    "and password (%d): correct them in the proxy's URL",
		    head->status);
	else
		connect_fail(a, DIAL_DENIED, "it wants a user and a password "
		    "(%d): write http://user:password@host:port",
		    head->status);
}

static enum connect_end
connect_refused(const struct http_head *head, int has_auth,
    struct connect_answer *a)
{
	int	 status = head->status;

	switch (status) {
	case 401:		/* as some say of a wrong password */
	case 407:
		connect_wants(head, has_auth, a);
		return (CONNECT_FAILED);
	case 403:
		return (connect_fail(a, DIAL_DENIED, "it does not allow a "
		    "connection to this relay and port (403): its "
		    "administrator has to permit it"));
	case 500:
	case 502:
	case 503:
		return (connect_fail(a, DIAL_UNREACHABLE, "it can't reach the "
		    "relay (%d): is the relay's name known there, is it up?",
		    status));
	case 504:
		return (connect_fail(a, DIAL_TIMEOUT, "the relay does not "
		    "answer it (504): is it up?"));
	case 400:
	case 404:
	case 405:
	case 501:
		return (connect_fail(a, DIAL_UNREACHABLE, "it does not do "
		    "CONNECT (%d): is it a proxy, and of HTTP?", status));
	default:
		return (connect_fail(a, DIAL_UNREACHABLE, "it answers %d (%s) "
		    "to CONNECT", status, http_reason(status)));
	}
}
