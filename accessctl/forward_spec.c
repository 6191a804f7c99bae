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

#include <string.h>

#include "addr.h"
#include "forward_spec.h"

#define PARTS_MAX	5
#define PART_LEN	(MUX_HOST_MAX + 1)

static int	split(const char *, char[PARTS_MAX][PART_LEN]);

/* At colons outside of brackets, which are dropped; how many parts, or -1. */
static int
split(const char *s, char parts[PARTS_MAX][PART_LEN])
{
	size_t	 len = 0;
	int	 n = 0, bracket = 0;

	for (;; s++) {
		if (*s == '[' && len == 0 && !bracket) {
			bracket = 1;
			continue;
		}
		if (*s == ']' && bracket) {
			if (s[1] != ':' && s[1] != '\0')
				return (-1);
			bracket = 0;
			continue;
		}
		if (*s == '\0' || (*s == ':' && !bracket)) {
			parts[n++][len] = '\0';
			if (*s == '\0')
				return (bracket || len == 0 ? -1 : n);
			if (len == 0 || n == PARTS_MAX)
				return (-1);
			len = 0;
			continue;
		}
		if (len + 1 >= PART_LEN)
			return (-1);
		parts[n][len++] = *s;
	}
}

int
forward_spec_parse(const char *s, struct forward_spec *spec,
    const char **why)
{
	char		 parts[PARTS_MAX][PART_LEN];
	const char	*bind = "127.0.0.1", *port, *node, *host = "127.0.0.1",
			*hostport;
	uint16_t	 p;
	int		 n, i = 0;

	memset(spec, 0, sizeof(*spec));
	*why = "it looks like 8080:node:80, 8080:node:host:80 or "
	    "[::1]:8080:node:host:80";
	if ((n = split(s, parts)) < 3)
		return (-1);
	/* Of four parts the first is a port, or else an address. */
	if (n == 5 || (n == 4 && addr_parse_port(parts[0], &p) == -1))
		bind = strcmp(parts[i], "*") == 0 ? "0.0.0.0" : parts[i], i++;
	port = parts[i++];
	node = parts[i++];
	if (n - i == 2)
		host = parts[i++];
	if (n - i != 1)
		return (-1);
	hostport = parts[i];
	if (addr_parse_port(port, &p) == -1 ||
	    addr_parse_port(hostport, &spec->port) == -1) {
		*why = "a port is a number from 1 to 65535";
		return (-1);
	}
	if (addr_parse(bind, port, &spec->bind) == -1) {
		*why = "the local address is not one";
		return (-1);
	}
	if (strlcpy(spec->node, node, sizeof(spec->node)) >=
	    sizeof(spec->node)) {
		*why = "the node's name is too long";
		return (-1);
	}
	strlcpy(spec->host, host, sizeof(spec->host));
	return (0);
}
