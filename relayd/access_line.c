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
 * The lines of the access log, in the Combined Log Format with more fields
 * behind it, or in JSON.
 */

#include "compat.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "access_log.h"
#include "addr.h"
#include "hex.h"

/* Bytes of a field, as it came. */
#define METHOD_MAX	32
#define TARGET_MAX	4096
#define REFERER_MAX	1024
#define AGENT_MAX	512
#define WORD_MAX	256

/* The most that a byte becomes: "\u00ff", and U+FFFD in UTF-8. */
#define GROWS		6

_Static_assert(GROWS * (METHOD_MAX + TARGET_MAX + REFERER_MAX + AGENT_MAX +
    7 * WORD_MAX) < ACCESS_LINE_MAX, "a line may be too long");

#define MASK		"***"

struct line {
	char	*s;
	size_t	 len;
};

static void	put(struct line *, const char *, size_t);
static void	put_text(struct line *, const char *, ...)
		    __attribute__((__format__ (printf, 2, 3)));
static struct http_str	 cut(const char *, size_t, size_t, int *);
static int	is_secret(const char *, size_t);
static size_t	mask(const struct http_str *, size_t, char *, int *);
static size_t	utf8_length(const char *, size_t);
static int	utf8_control(const char *, size_t);
static void	put_quoted(struct line *, const struct http_str *, size_t);
static void	put_word(struct line *, const char *);
static void	put_json(struct line *, const char *, const char *, size_t,
		    size_t);
static void	put_json_str(struct line *, const char *,
		    const struct http_str *, size_t);
static void	put_json_number(struct line *, const char *, uint64_t);
static const char *client(const struct access_line *);
static const char *door(const struct access_line *);
static const char *error(const struct access_line *);
static void	format_combined(struct line *, const struct access_line *,
		    time_t);
static void	format_json(struct line *, const struct access_line *,
		    time_t, int);

static void
put(struct line *l, const char *s, size_t len)
{
	if (len > ACCESS_LINE_MAX - l->len)
		len = ACCESS_LINE_MAX - l->len;
	memcpy(l->s + l->len, s, len);
	l->len += len;
}

static void
put_text(struct line *l, const char *fmt, ...)
{
	char	 buf[512];
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n > 0)
		put(l, buf, (size_t)n < sizeof(buf) ? (size_t)n :
		    sizeof(buf) - 1);
}

/* As much of it as there is room for, and whether that is not all. */
static struct http_str
cut(const char *s, size_t len, size_t max, int *more)
{
	struct http_str	 str = { .s = s, .len = len };

	if ((*more = len > max))
		str.len = max;
	return (str);
}

/* ---- secrets ---- */

/* The name of a parameter, which may be written with escapes. */
static int
is_secret(const char *s, size_t len)
{
	static const char *const names[] = {
		"token", "ticket", "access_token", "code", "key"
	};
	char	 name[16];
	size_t	 i, n = 0;

	for (i = 0; i < len; i++) {
		if (n >= sizeof(name) - 1)
			return (0);
		name[n++] = s[i];
		if (s[i] == '%' && i + 2 < len && hex_value(s[i + 1]) != -1 &&
		    hex_value(s[i + 2]) != -1) {
			name[n - 1] = hex_value(s[i + 1]) << 4 |
			    hex_value(s[i + 2]);
			i += 2;
		}
	}
	name[n] = '\0';
	for (i = 0; i < nitems(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return (1);
	return (0);
}

/*
 * A target or a referer without what it holds of secrets, and no longer than
 * max.  Names begin behind ?, & and ; and the value of one ends at & alone,
 * so that no part of it is left.
 */
static size_t
mask(const struct http_str *str, size_t max, char *out, int *more)
{
	const char	*s = str->s, *end, *name = NULL;
	size_t		 n = 0;

	*more = 0;
	if (str->len == 0)
		return (0);
	for (end = s + str->len; s < end;) {
		if (n + sizeof(MASK) > max) {
			*more = 1;
			break;
		}
		out[n++] = *s++;
		switch (s[-1]) {
		case '?':
		case '&':
		case ';':
		case '#':
			name = s;
			break;
		case '=':
			if (name == NULL || !is_secret(name, s - 1 - name)) {
				name = NULL;
				break;
			}
			memcpy(out + n, MASK, strlen(MASK));
			n += strlen(MASK);
			while (s < end && *s != '&')
				s++;
			name = NULL;
			break;
		}
	}
	return (n);
}

/* ---- combined ---- */

/* In quotes, as servers do it: what could be mistaken is \xHH. */
static void
put_quoted(struct line *l, const struct http_str *str, size_t max)
{
	struct http_str	 c;
	char		 hexed[5];
	size_t		 i;
	int		 more;

	c = cut(str->s, str->len, max, &more);
	for (i = 0; i < c.len; i++) {
		if (c.s[i] >= ' ' && c.s[i] <= '~' && c.s[i] != '"' &&
		    c.s[i] != '\\') {
			put(l, c.s + i, 1);
			continue;
		}
		snprintf(hexed, sizeof(hexed), "\\x%02X",
		    (unsigned char)c.s[i]);
		put(l, hexed, 4);
	}
	if (more)
		put(l, "...", 3);
}

/* Without quotes: no white space either. */
static void
put_word(struct line *l, const char *word)
{
	struct http_str	 str = { .len = 1 };
	size_t		 i;

	if (word[0] == '\0')
		put(l, "-", 1);
	for (i = 0; i < WORD_MAX && word[i] != '\0'; i++) {
		str.s = word + i;
		if (word[i] == ' ')
			put(l, "\\x20", 4);
		else
			put_quoted(l, &str, 1);
	}
}

static const char *
client(const struct access_line *a)
{
	static char	 buf[ADDR_STRLEN];
	char		*p;

	if (a->client->ss_family == 0)
		return ("-");
	addr_format((const struct sockaddr *)a->client, buf);
	/* "192.0.2.1:443", "[2001:db8::1]:443": the address alone. */
	if (buf[0] == '[' && (p = strchr(buf, ']')) != NULL) {
		*p = '\0';
		return (buf + 1);
	}
	if ((p = strrchr(buf, ':')) != NULL)
		*p = '\0';
	return (buf);
}

static const char *
door(const struct access_line *a)
{
	return (a->door == NULL ? "http" : a->door);
}

static const char *
error(const struct access_line *a)
{
	return (a->error[0] == '\0' && a->cut ? "cut" : a->error);
}

static void
format_combined(struct line *l, const struct access_line *a, time_t now)
{
	static char	 masked[TARGET_MAX];
	struct http_str	 m = { .s = masked };
	struct tm	 tm;
	char		 date[64] = "-";
	int		 more;

	if (localtime_r(&now, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%d/%b/%Y:%H:%M:%S %z",
		    &tm);
	put_text(l, "%s - ", client(a));
	put_word(l, a->email);
	put_text(l, " [%s] \"", date);
	if (a->method.len == 0)
		put(l, "-", 1);
	else {
		put_quoted(l, &a->method, METHOD_MAX);
		put(l, " ", 1);
		m.len = mask(&a->target, TARGET_MAX, masked, &more);
		put_quoted(l, &m, TARGET_MAX);
		put_text(l, "%s HTTP/1.%d", more ? "..." : "", a->minor);
	}
	/* Who went away before there was an answer: as nginx has it. */
	put_text(l, "\" %d %llu \"", a->status == 0 ? 499 : a->status,
	    (unsigned long long)a->out);
	m.len = mask(&a->referer, REFERER_MAX, masked, &more);
	put_quoted(l, &m, REFERER_MAX);
	put_text(l, "%s\" \"", m.len == 0 ? "-" : more ? "..." : "");
	put_quoted(l, &a->agent, AGENT_MAX);
	put_text(l, "%s\" ", a->agent.len == 0 ? "-" : "");
	put_word(l, a->node);
	if (a->service[0] != '\0') {
		put(l, "/", 1);
		put_word(l, a->service);
	}
	put(l, " ", 1);
	put_word(l, a->request_id);
	if (a->head_us == 0)
		put_text(l, " -");
	else
		put_text(l, " %llu", (unsigned long long)a->head_us / 1000);
	put_text(l, " %llu %llu ", (unsigned long long)a->us / 1000,
	    (unsigned long long)a->in);
	put_word(l, a->host);
	put_text(l, " %s ", door(a));
	put_word(l, error(a));
	put(l, "\n", 1);
}

/* ---- JSON ---- */

/* How long the character is, RFC 3629; 0: it is none. */
static size_t
utf8_length(const char *s, size_t len)
{
	const unsigned char	*p = (const unsigned char *)s;
	size_t			 n, i;

	if (p[0] < 0x80)
		return (1);
	n = p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 :
	    p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
	if (n == 0 || n > len)
		return (0);
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return (0);
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
		return (0);
	return (n);
}

/*
 * What this character does to a terminal, or to who reads by the line: C0,
 * DEL and C1, and the two separators of Unicode.  -1: it prints.
 */
static int
utf8_control(const char *s, size_t n)
{
	const unsigned char	*p = (const unsigned char *)s;

	if (n == 1 && (p[0] < ' ' || p[0] == 0x7f))
		return (p[0]);
	if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
		return (p[1]);
	if (n == 3 && p[0] == 0xe2 && p[1] == 0x80 &&
	    (p[2] == 0xa8 || p[2] == 0xa9))
		return (0x2000 + p[2] - 0x80);
	return (-1);
}

static void
put_json(struct line *l, const char *key, const char *s, size_t len,
    size_t max)
{
	struct http_str	 c;
	char		 buf[16];
	size_t		 i, n;
	int		 control, more;

	c = cut(s, len, max, &more);
	put_text(l, "%s\"%s\":\"", l->s[l->len - 1] == '{' ? "" : ",", key);
	for (i = 0; i < c.len; i += n) {
		n = utf8_length(c.s + i, c.len - i);
		if (n == 0) {
			put(l, "\xef\xbf\xbd", 3);
			n = 1;
		} else if ((control = utf8_control(c.s + i, n)) != -1) {
			snprintf(buf, sizeof(buf), "\\u%04x",
			    (unsigned int)control);
			put(l, buf, 6);
		} else {
			if (c.s[i] == '"' || c.s[i] == '\\')
				put(l, "\\", 1);
			put(l, c.s + i, n);
		}
	}
	put_text(l, "%s\"", more ? "..." : "");
}

static void
put_json_str(struct line *l, const char *key, const struct http_str *str,
    size_t max)
{
	static char	 masked[TARGET_MAX];
	size_t		 n;
	int		 more;

	n = mask(str, max - 3, masked, &more);
	if (more) {
		memcpy(masked + n, "...", 3);
		n += 3;
	}
	put_json(l, key, masked, n, max);
}

static void
put_json_number(struct line *l, const char *key, uint64_t v)
{
	put_text(l, ",\"%s\":%llu", key, (unsigned long long)v);
}

static void
format_json(struct line *l, const struct access_line *a, time_t now, int ms)
{
	struct tm	 tm;
	const char	*s;
	char		 date[64] = "", text[80];

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03dZ", date, ms);
	put(l, "{", 1);
	put_json(l, "time", text, strlen(text), sizeof(text));
	s = client(a);
	put_json(l, "client", s, strlen(s), WORD_MAX);
	put_json(l, "user", a->email, strlen(a->email), WORD_MAX);
	put_json(l, "method", a->method.s, a->method.len, METHOD_MAX);
	put_json_str(l, "target", &a->target, TARGET_MAX);
	snprintf(text, sizeof(text), "HTTP/1.%d", a->minor);
	put_json(l, "protocol", text, a->method.len == 0 ? 0 : strlen(text),
	    sizeof(text));
	put_json_number(l, "status", a->status);
	put_json_number(l, "bytes_out", a->out);
	put_json_str(l, "referer", &a->referer, REFERER_MAX);
	put_json(l, "user_agent", a->agent.s, a->agent.len, AGENT_MAX);
	put_json(l, "node", a->node, strlen(a->node), WORD_MAX);
	put_json(l, "service", a->service, strlen(a->service), WORD_MAX);
	put_json(l, "request_id", a->request_id, strlen(a->request_id),
	    WORD_MAX);
	if (a->head_us != 0)
		put_json_number(l, "ms_first", a->head_us / 1000);
	put_json_number(l, "ms", a->us / 1000);
	put_json_number(l, "bytes_in", a->in);
	put_json(l, "host", a->host, strlen(a->host), WORD_MAX);
	put_json(l, "door", door(a), strlen(door(a)), WORD_MAX);
	put_json(l, "error", error(a), strlen(error(a)), WORD_MAX);
	put_text(l, ",\"cut\":%s,\"tls\":%s}\n", a->cut ? "true" : "false",
	    a->tls ? "true" : "false");
}

size_t
access_format(char *buf, enum access_format format,
    const struct access_line *a, time_t now, int ms)
{
	struct line	 l = { .s = buf };

	if (format == ACCESS_JSON)
		format_json(&l, a, now, ms);
	else
		format_combined(&l, a, now);
	return (l.len);
}
