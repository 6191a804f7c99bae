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
 * Names, addresses and ports in relayd.conf: what it is called, where it
 * listens, whom it believes, and what may be published.
 */

#include "compat.h"

#include <sys/socket.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "config.h"
#include "conflex.h"
#include "log.h"

void
domain_conf_set(char **domain, const char *name)
{
	size_t	 i, len = strlen(name);
	int	 bad;

	bad = len >= DOMAIN_LEN || strspn(name, ".-") > 0 ||
	    (len > 0 && name[len - 1] == '.') || strstr(name, "..") != NULL;
	for (i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' &&
		    name[i] != '.')
			bad = 1;
	}
	if (bad) {
		conflex_error("domain %s: not the name of a host", name);
		return;
	}
	conflex_string(domain, name, "domain");
	for (i = 0; i < len; i++)
		(*domain)[i] = tolower((unsigned char)name[i]);
}

void
listen_conf_add(struct listen_addrs *list, const char *host, const char *port,
    int opts)
{
	struct sockaddr_storage	 ss;
	struct listen_addr	*l;

	if (port == NULL)
		port = opts & LISTEN_TLS ? "443" : "80";
	if (addr_parse(strcmp(host, "*") == 0 ? "0.0.0.0" : host, port,
	    &ss) == -1) {
		conflex_error("listen on %s port %s: not an address and a "
		    "port", host, port);
		return;
	}
	TAILQ_FOREACH(l, list, entry) {
		if (memcmp(&l->ss, &ss, sizeof(ss)) == 0) {
			conflex_error("listen on %s port %s: twice", host,
			    port);
			return;
		}
	}
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("configuration");
	l->ss = ss;
	l->tls = (opts & LISTEN_TLS) != 0;
	l->proxy = (opts & LISTEN_PROXY) != 0;
	TAILQ_INSERT_TAIL(list, l, entry);
}

struct network *
network_conf_add(struct networks *list, const char *text, const char *what)
{
	struct addr_prefix	 prefix;
	struct network		*n;
	int			 count = 0;

	TAILQ_FOREACH(n, list, entry)
		count++;
	if (count >= NETWORKS_MAX) {
		conflex_error("%s: at most %d", what, NETWORKS_MAX);
		return (NULL);
	}
	if (addr_prefix_parse(text, &prefix) == -1) {
		conflex_error("%s %s: not an address, nor a network like "
		    "192.0.2.0/24", what, text);
		return (NULL);
	}
	if ((n = calloc(1, sizeof(*n))) == NULL)
		fatal("configuration");
	n->prefix = prefix;
	TAILQ_INSERT_TAIL(list, n, entry);
	return (n);
}

/* The wildcard stands for all addresses of its family. */
static int
publish_on(struct publish_rule *r, const char *on)
{
	if (on == NULL || strcmp(on, "any") == 0) {
		r->anywhere = 1;
		return (0);
	}
	if (strcmp(on, "*") == 0)
		on = "0.0.0.0";
	if (addr_prefix_parse(on, &r->on) == -1)
		return (-1);
	if (strcmp(on, "0.0.0.0") == 0 || strcmp(on, "::") == 0)
		r->on.bits = 0;
	return (0);
}

void
publish_conf_add(struct publish_rules *rules, const char *proto,
    const char *ports, const char *on, const char *who)
{
	struct publish_rule	 r = { 0 };

	if (rules->n == PUBLISH_RULES_MAX)
		conflex_error("publish: at most %d rules", PUBLISH_RULES_MAX);
	else if (proto != NULL && strcmp(proto, "tcp") != 0 &&
	    strcmp(proto, "udp") != 0)
		conflex_error("publish %s: the protocol is tcp or udp", proto);
	else if (publish_ports_parse(ports, &r.port_min, &r.port_max) == -1)
		conflex_error("publish ports %s: a number from 1 to 65535, or "
		    "two with a - between them", ports);
	else if (publish_on(&r, on) == -1)
		conflex_error("publish on %s: not an address or a network",
		    on);
	else if (strcmp(who, "any") != 0 && (who[0] == '\0' ||
	    strlcpy(r.who, who, sizeof(r.who)) >= sizeof(r.who) ||
	    strchr(who, '@') == NULL))
		conflex_error("publish by %s: any, or a user's email", who);
	else {
		if (proto != NULL)
			r.proto = strcmp(proto, "tcp") == 0 ? MUX_KIND_TCP :
			    MUX_KIND_UDP;
		rules->list[rules->n++] = r;
	}
}
