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
 * What the option -L says.
 */

#include "compat.h"

#include <ctype.h>
#include <string.h>

#include "addr.h"
#include "forward_spec.h"

#define FIELDS_MAX	5
#define SPEC_MAX	640

static int	split(char *, char **, const char **);
static int	node_name(const char *, char[MUX_NODE_MAX + 1]);

/*
 * Cut at colons that are not in brackets, which go.  How many fields there
 * are, or -1.
 */
static int
split(char *s, char **fields, const char **why)
{
	int	 n = 0;

	for (;;) {
		if (n == FIELDS_MAX) {
			*why = "it has too many colons (an IPv6 address goes "
			    "in brackets)";
			return (-1);
		}
		if (*s == '[') {
			fields[n++] = ++s;
			if ((s = strchr(s, ']')) == NULL) {
				*why = "a bracket is not closed";
				return (-1);
			}
			*s++ = '\0';
			if (*s != ':' && *s != '\0') {
				*why = "something follows a bracket";
				return (-1);
			}
		} else {
			fields[n++] = s;
			s += strcspn(s, ":");
		}
		if (*s == '\0')
			return (n);
		*s++ = '\0';
	}
}

/* The relay knows exactly; this is against slips like host for node. */
static int
node_name(const char *s, char node[MUX_NODE_MAX + 1])
{
	size_t	 i, len = strlen(s);

	if (len == 0 || len > MUX_NODE_MAX)
		return (-1);
	for (i = 0; i < len; i++) {
		if (!isalnum((unsigned char)s[i]) && s[i] != '-')
			return (-1);
		node[i] = tolower((unsigned char)s[i]);
	}
	node[len] = '\0';
	return (0);
}

int
forward_spec_parse(const char *arg, struct forward_spec *spec,
    const char **why)
{
	char	 buf[SPEC_MAX], *fields[FIELDS_MAX], **f = fields;
	size_t	 digits;
	int	 n;

	memset(spec, 0, sizeof(*spec));
	if (strlcpy(buf, arg, sizeof(buf)) >= sizeof(buf)) {
		*why = "it is too long";
		return (-1);
	}
	if ((n = split(buf, fields, why)) == -1)
		return (-1);
	/* Of four fields the first is a port, or else an address. */
	digits = strspn(f[0], "0123456789");
	if (n == 5 || (n == 4 && (digits == 0 || f[0][digits] != '\0'))) {
		if (strlcpy(spec->bind, f[0][0] == '\0' ? "*" : f[0],
		    sizeof(spec->bind)) >= sizeof(spec->bind)) {
			*why = "the local address is too long";
			return (-1);
		}
		f++;
		n--;
	}
	if (n != 3 && n != 4) {
		*why = "it looks like 8080:node:80, 8080:node:host:80 or "
		    "[::1]:8080:node:host:80";
		return (-1);
	}
	if (strcmp(f[0], "0") != 0 &&
	    addr_parse_port(f[0], &spec->listen_port) == -1) {
		*why = "the local port is a number up to 65535";
		return (-1);
	}
	if (node_name(f[1], spec->node) == -1) {
		*why = "no node can have that name";
		return (-1);
	}
	if (strlcpy(spec->host, n == 4 ? f[2] : "127.0.0.1",
	    sizeof(spec->host)) >= sizeof(spec->host) ||
	    spec->host[0] == '\0') {
		*why = "the target's host is empty or too long";
		return (-1);
	}
	if (addr_parse_port(f[n - 1], &spec->port) == -1) {
		*why = "the target's port is a number from 1 to 65535";
		return (-1);
	}
	return (0);
}
