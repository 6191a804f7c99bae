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

#include <string.h>

#include "addr.h"
#include "forward_spec.h"
#include "publish.h"
#include "target_spec.h"

#define SPEC_MAX	640

static const char	 looks[] = "it looks like 8080:node:80, "
			    "8080:node:host:80, [::1]:5353:node:53/udp or "
			    "/run/x.sock:node:/run/y.sock";

static char	*field(char **, const char **);
static int	 local_parse(char **, struct forward_spec *, const char **);

/* What is before the next colon that is not in brackets, which go; or NULL. */
static char *
field(char **s, const char **why)
{
	char	*start = *s, *end;

	if (*start == '[') {
		if ((end = strchr(++start, ']')) == NULL) {
			*why = "a bracket is not closed";
			return (NULL);
		}
		*end++ = '\0';
		if (*end != ':') {
			*why = "something follows a bracket";
			return (NULL);
		}
	} else if ((end = strchr(start, ':')) == NULL) {
		*why = looks;
		return (NULL);
	}
	*end++ = '\0';
	if (*start != '/' && strpbrk(start, "[]") != NULL) {
		*why = "brackets go around an IPv6 address, and nothing else";
		return (NULL);
	}
	*s = end;
	return (start);
}

/* A path, or a port, which an address may precede. */
static int
local_parse(char **s, struct forward_spec *spec, const char **why)
{
	const char	*f;

	if ((f = field(s, why)) == NULL)
		return (-1);
	if (f[0] == '/') {
		spec->listen_unix = 1;
		if (target_spec_path(f, why) == -1)
			return (-1);
		strlcpy(spec->bind, f, sizeof(spec->bind));
		return (0);
	}
	if (f[0] == '\0' || f[strspn(f, "0123456789")] != '\0') {
		if (strlcpy(spec->bind, f[0] == '\0' ? "*" : f,
		    sizeof(spec->bind)) >= sizeof(spec->bind)) {
			*why = "the local address is too long";
			return (-1);
		}
		if ((f = field(s, why)) == NULL)
			return (-1);
	}
	if (strcmp(f, "0") != 0 &&
	    addr_parse_port(f, &spec->listen_port) == -1) {
		*why = "the local port is a number up to 65535, and the path "
		    "of a Unix socket begins with /";
		return (-1);
	}
	return (0);
}

int
forward_spec_parse(const char *arg, struct forward_spec *spec,
    const char **why)
{
	struct mux_open	 target;
	char		 buf[SPEC_MAX], *s = buf, *node;

	memset(spec, 0, sizeof(*spec));
	if (strlcpy(buf, arg, sizeof(buf)) >= sizeof(buf)) {
		*why = "it is too long";
		return (-1);
	}
	if (local_parse(&s, spec, why) == -1 ||
	    (node = field(&s, why)) == NULL)
		return (-1);
	if (publish_node_parse(node, strlen(node), spec->node) == -1) {
		*why = "no node can have that name";
		return (-1);
	}
	if (target_spec_parse(s, &target, why) == -1)
		return (-1);
	if (target.kind == MUX_KIND_UDP && spec->listen_unix) {
		*why = "a Unix socket here takes no datagrams: UDP goes from "
		    "port to port";
		return (-1);
	}
	spec->kind = target.kind;
	spec->port = target.port;
	strlcpy(spec->host, target.host, sizeof(spec->host));
	return (0);
}

int
forward_spec_same(const struct forward_spec *a, const struct forward_spec *b)
{
	if (a->listen_unix != b->listen_unix ||
	    a->listen_port != b->listen_port ||
	    strcmp(a->bind, b->bind) != 0)
		return (0);
	/* Of UDP and TCP each has a port of that number. */
	return (a->listen_unix || (a->listen_port != 0 &&
	    (a->kind == MUX_KIND_UDP) == (b->kind == MUX_KIND_UDP)));
}
