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

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "target.h"

#define HOST_MAX	255
#define ENTRY_MAX	(HOST_MAX + 16)
#define PATH_MAX_LEN	107		/* of a socket, on all systems */

static int	 target_parse(char *, struct targets *, const char **);
static int	 ports_parse(char *, struct target *);
static int	 prefix_parse(char *, struct target *);
static int	 name_ok(const char *);
static int	 path_ok(const char *);
static int	 text_add(struct targets *, struct target *, const char *);
static size_t	 target_format(const struct targets *, const struct target *,
		    char *, size_t);
static int	 host_number(const char *, struct sockaddr_storage *);
static int	 list_format(const struct targets *, char [TARGETS_LEN]);

/* "22", "8000-8100" or "*". */
static int
ports_parse(char *s, struct target *t)
{
	char	*dash;

	if (strcmp(s, "*") == 0) {
		t->port_min = 1;
		t->port_max = UINT16_MAX;
		return (0);
	}
	if ((dash = strchr(s, '-')) != NULL)
		*dash++ = '\0';
	if (addr_parse_port(s, &t->port_min) == -1 ||
	    addr_parse_port(dash != NULL ? dash : s, &t->port_max) == -1)
		return (-1);
	return (t->port_min <= t->port_max ? 0 : -1);
}

/* "192.0.2.0/24", "[fd00::/8]" or "[fd00::]/8". */
static int
prefix_parse(char *s, struct target *t)
{
	char	 buf[ADDR_STRLEN + 8], *close;

	if (s[0] != '[')
		return (strchr(s, ':') != NULL ? -1 :
		    addr_prefix_parse(s, &t->prefix));
	if ((close = strchr(++s, ']')) == NULL)
		return (-1);
	*close++ = '\0';
	if (strchr(s, ':') == NULL || (*close != '\0' && *close != '/') ||
	    (size_t)snprintf(buf, sizeof(buf), "%s%s", s, close) >=
	    sizeof(buf))
		return (-1);
	return (addr_prefix_parse(buf, &t->prefix));
}

/*
 * A name that can't be taken for an address: resolvers still read "127.1"
 * and "0177.1" as such.
 */
static int
name_ok(const char *s)
{
	const char	*label;
	size_t		 i, digits;

	for (i = 0; s[i] != '\0'; i++) {
		if (!isalnum((unsigned char)s[i]) && s[i] != '_' &&
		    (i == 0 || strchr("-.", s[i]) == NULL))
			return (0);
	}
	if (i == 0 || i > HOST_MAX || strstr(s, "..") != NULL ||
	    s[i - 1] == '.')
		return (0);
	label = (label = strrchr(s, '.')) != NULL ? label + 1 : s;
	digits = strspn(label, "0123456789");
	return (label[digits] != '\0' && strncasecmp(label, "0x", 2) != 0);
}

/* What needs no quotes where lists are kept. */
static int
path_ok(const char *s)
{
	size_t	 i;

	for (i = 0; s[i] != '\0'; i++) {
		if (!isgraph((unsigned char)s[i]) || s[i] == '"' ||
		    s[i] == '\\')
			return (0);
	}
	return (i > 1 && i <= PATH_MAX_LEN);
}

/* Keep a name or path behind those that are there. */
static int
text_add(struct targets *ts, struct target *t, const char *s)
{
	size_t	 off = 0, i;

	for (i = 0; i < ts->n; i++) {
		if (ts->list[i].what == TARGET_NAME ||
		    ts->list[i].what == TARGET_PATH)
			off = ts->list[i].text +
			    strlen(ts->text + ts->list[i].text) + 1;
	}
	if (off >= sizeof(ts->text) ||
	    strlcpy(ts->text + off, s, sizeof(ts->text) - off) >=
	    sizeof(ts->text) - off)
		return (-1);
	t->text = off;
	if (t->what == TARGET_NAME) {
		for (; ts->text[off] != '\0'; off++)
			ts->text[off] = tolower((unsigned char)ts->text[off]);
	}
	return (0);
}

static int
target_parse(char *s, struct targets *ts, const char **why)
{
	struct target	*t = &ts->list[ts->n];
	char		*colon;

	if (s[0] == '/') {
		if (!path_ok(s)) {
			*why = "the path of a socket is too long, or has "
			    "characters that it can't have here";
			return (-1);
		}
		t->what = TARGET_PATH;
	} else {
		if ((colon = strrchr(s, ':')) == NULL || colon == s) {
			*why = "an entry looks like 127.0.0.1:22, "
			    "192.168.1.0/24:80, [fd00::/8]:443, name:8000-8080 "
			    "or /path";
			return (-1);
		}
		*colon++ = '\0';
		if (ports_parse(colon, t) == -1) {
			*why = "a port is a number from 1 to 65535, two with "
			    "a - between, or *";
			return (-1);
		}
		if (strcmp(s, "*") == 0)
			t->what = TARGET_ANY;
		else if (name_ok(s))
			t->what = TARGET_NAME;
		else if (prefix_parse(s, t) == 0)
			t->what = TARGET_PREFIX;
		else {
			*why = strchr(s, ':') != NULL && s[0] != '[' ?
			    "an IPv6 address goes in brackets" :
			    "a host is an address, an address and the length "
			    "of its prefix, a name, or *";
			return (-1);
		}
	}
	if ((t->what == TARGET_NAME || t->what == TARGET_PATH) &&
	    text_add(ts, t, s) == -1) {
		*why = "the list is too long";
		return (-1);
	}
	ts->n++;
	return (0);
}

int
targets_parse(const char *list, struct targets *ts, const char **why)
{
	char	 entry[ENTRY_MAX], text[TARGETS_LEN];
	size_t	 len;

	memset(ts, 0, sizeof(*ts));
	if (list[0] == '\0')
		return (0);
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		if (ts->n == TARGETS_MAX) {
			*why = "there are more than 16 entries";
			return (-1);
		}
		if (len >= sizeof(entry)) {
			*why = "an entry is too long";
			return (-1);
		}
		memcpy(entry, list, len);
		entry[len] = '\0';
		if (target_parse(entry, ts, why) == -1)
			return (-1);
		if (list[len] == '\0')
			break;
	}
	/* An address may be longer in the way it is shown. */
	if (list_format(ts, text) == -1) {
		*why = "the list is too long";
		return (-1);
	}
	return (0);
}

static size_t
target_format(const struct targets *ts, const struct target *t, char *buf,
    size_t size)
{
	char	 host[HOST_MAX + 1], ports[16];

	if (t->what == TARGET_PATH)
		return (strlcpy(buf, ts->text + t->text, size));
	if (t->what == TARGET_NAME)
		strlcpy(host, ts->text + t->text, sizeof(host));
	else if (t->what == TARGET_PREFIX)
		addr_prefix_format(&t->prefix, host);
	else
		strlcpy(host, "*", sizeof(host));
	if (t->port_min == 1 && t->port_max == UINT16_MAX)
		strlcpy(ports, "*", sizeof(ports));
	else if (t->port_min == t->port_max)
		snprintf(ports, sizeof(ports), "%u", t->port_min);
	else
		snprintf(ports, sizeof(ports), "%u-%u", t->port_min,
		    t->port_max);
	return (snprintf(buf, size, strchr(host, ':') != NULL ? "[%s]:%s" :
	    "%s:%s", host, ports));
}

/* 0, or -1 if it does not fit. */
static int
list_format(const struct targets *ts, char buf[TARGETS_LEN])
{
	size_t	 i, off = 0;

	buf[0] = '\0';
	for (i = 0; i < ts->n; i++) {
		if (i > 0)
			buf[off++] = ',';
		off += target_format(ts, &ts->list[i], buf + off,
		    TARGETS_LEN - off);
		if (off + 1 >= TARGETS_LEN)
			return (-1);
	}
	return (0);
}

void
targets_format(const struct targets *ts, char buf[TARGETS_LEN])
{
	(void)list_format(ts, buf);
}

/*
 * An address that is asked for, without its zone: which interface it is seen
 * through, by name or number, is the node's affair (RFC 4007, 11).  0 or -1.
 */
static int
host_number(const char *host, struct sockaddr_storage *ss)
{
	const char	*zone = strchr(host, '%');
	char		 buf[ADDR_STRLEN];
	size_t		 i;

	if (zone == NULL)
		return (addr_parse(host, NULL, ss));
	for (i = 1; zone[i] != '\0'; i++) {
		if (!isgraph((unsigned char)zone[i]) ||
		    strchr("%/[]", zone[i]) != NULL)
			return (-1);
	}
	if (i == 1 || (size_t)(zone - host) >= sizeof(buf))
		return (-1);
	memcpy(buf, host, zone - host);
	buf[zone - host] = '\0';
	return (addr_parse(buf, NULL, ss) == 0 &&
	    ss->ss_family == AF_INET6 ? 0 : -1);
}

int
targets_cover(const struct targets *ts, const char *host, uint16_t port)
{
	const struct target	*t;
	struct sockaddr_storage	 ss;
	int			 numeric, match;
	size_t			 i;

	if (ts->n == 0)
		return (1);
	numeric = host_number(host, &ss) == 0;
	for (i = 0; i < ts->n; i++) {
		t = &ts->list[i];
		if (t->what == TARGET_PATH) {
			if (strcmp(ts->text + t->text, host) == 0)
				return (1);
			continue;
		}
		if (host[0] == '/' || port < t->port_min ||
		    port > t->port_max)
			continue;
		switch (t->what) {
		case TARGET_ANY:
			match = 1;
			break;
		case TARGET_NAME:
			match = strcasecmp(ts->text + t->text, host) == 0;
			break;
		default:
			match = numeric && addr_prefix_match(&t->prefix,
			    (struct sockaddr *)&ss);
			break;
		}
		if (match)
			return (1);
	}
	return (0);
}
