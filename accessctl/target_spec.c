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
 * Targets as people type them.
 */

#include "compat.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <string.h>

#include "addr.h"
#include "target_spec.h"

#define PORT_TEXT	16	/* "65535/udp" and some more, to be refused */

int
target_spec_path(const char *path, const char **why)
{
	struct sockaddr_un	 sun;

	if (path[0] != '/' || path[1] == '\0') {
		*why = "the path of a Unix socket begins with / and goes on";
		return (-1);
	}
	if (strlen(path) >= sizeof(sun.sun_path)) {
		*why = "the path is too long for a Unix socket";
		return (-1);
	}
	return (0);
}

/* "80", "53/udp" */
static int
port_parse(const char *s, struct mux_open *o, const char **why)
{
	char	 port[PORT_TEXT], *kind;

	o->kind = MUX_KIND_TCP;
	(void)strlcpy(port, s, sizeof(port));
	if ((kind = strchr(port, '/')) != NULL)
		*kind++ = '\0';
	if (strlen(s) >= sizeof(port) ||
	    addr_parse_port(port, &o->port) == -1) {
		*why = "the target's port is a number from 1 to 65535, and "
		    "the path of a Unix socket begins with /";
		return (-1);
	}
	if (kind != NULL && strcmp(kind, "udp") == 0)
		o->kind = MUX_KIND_UDP;
	else if (kind != NULL && strcmp(kind, "tcp") != 0) {
		*why = "behind the port may be /tcp or /udp";
		return (-1);
	}
	return (0);
}

int
target_spec_parse(const char *s, struct mux_open *o, const char **why)
{
	const char	*host = "127.0.0.1", *end;
	size_t		 len = strlen(host);

	if (!mux_text_valid(s)) {
		*why = "it holds a control character, or is not UTF-8";
		return (-1);
	}
	if (s[0] == '/') {
		if (target_spec_path(s, why) == -1)
			return (-1);
		o->kind = MUX_KIND_UNIX;
		o->port = 0;
		strlcpy(o->host, s, sizeof(o->host));
		return (0);
	}
	if (s[0] == '[') {
		host = s + 1;
		if ((end = strchr(host, ']')) == NULL || end[1] != ':') {
			*why = end == NULL ? "a bracket is not closed" :
			    "a port follows the bracket";
			return (-1);
		}
		len = end - host;
		s = end + 2;
	} else if ((end = strchr(s, ':')) != NULL) {
		host = s;
		len = end - host;
		s = end + 1;
		if (strchr(s, ':') != NULL) {
			*why = "it has too many colons (an IPv6 address goes "
			    "in brackets)";
			return (-1);
		}
	}
	if (len == 0 || len >= sizeof(o->host)) {
		*why = "the target's host is empty or too long";
		return (-1);
	}
	if (memchr(host, '[', len) != NULL || memchr(host, ']', len) != NULL) {
		*why = "brackets go around an IPv6 address, and nothing else";
		return (-1);
	}
	memcpy(o->host, host, len);
	o->host[len] = '\0';
	return (port_parse(s, o, why));
}
