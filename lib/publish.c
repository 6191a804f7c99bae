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
 * What is published where, what it leads to, and who may.
 */

#include "compat.h"

#include <netinet/in.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "publish.h"

static int	is_wildcard(const struct sockaddr_storage *);
static int	same_addr(const struct sockaddr_storage *,
		    const struct sockaddr_storage *);

static int
is_wildcard(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET6)
		return (IN6_IS_ADDR_UNSPECIFIED(
		    &((const struct sockaddr_in6 *)ss)->sin6_addr));
	return (((const struct sockaddr_in *)ss)->sin_addr.s_addr ==
	    htonl(INADDR_ANY));
}

static int
same_addr(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in6	*a6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in6	*b6 = (const struct sockaddr_in6 *)b;

	if (a->ss_family != b->ss_family)
		return (0);
	if (a->ss_family == AF_INET6)
		return (IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr) &&
		    a6->sin6_scope_id == b6->sin6_scope_id);
	return (((const struct sockaddr_in *)a)->sin_addr.s_addr ==
	    ((const struct sockaddr_in *)b)->sin_addr.s_addr);
}

/* ---- from text ---- */

int
publish_ports_parse(const char *s, uint16_t *min, uint16_t *max)
{
	const char	*dash = strchr(s, '-');
	char		 first[8];

	if (dash == NULL) {
		if (addr_parse_port(s, min) == -1)
			return (-1);
		*max = *min;
		return (0);
	}
	if ((size_t)(dash - s) >= sizeof(first))
		return (-1);
	memcpy(first, s, dash - s);
	first[dash - s] = '\0';
	if (addr_parse_port(first, min) == -1 ||
	    addr_parse_port(dash + 1, max) == -1 || *min > *max)
		return (-1);
	return (0);
}

int
publish_spec_parse(const char *s, struct publish_spec *spec, const char **why)
{
	char	 buf[CTL_SPEC_LEN], *p, *host = buf, *ports = buf;

	memset(spec, 0, sizeof(*spec));
	spec->proto = MUX_KIND_TCP;
	if (strlcpy(buf, s, sizeof(buf)) >= sizeof(buf)) {
		*why = "it is too long";
		return (-1);
	}
	if ((p = strrchr(buf, '/')) != NULL) {
		*p++ = '\0';
		if (strcmp(p, "udp") == 0)
			spec->proto = MUX_KIND_UDP;
		else if (strcmp(p, "tcp") != 0) {
			*why = "the protocol is tcp or udp";
			return (-1);
		}
	}
	if ((p = strrchr(buf, ':')) != NULL) {
		*p = '\0';
		ports = p + 1;
		if (strchr(host, ':') != NULL && host[0] != '[') {
			*why = "an IPv6 address goes in brackets";
			return (-1);
		}
	}
	if (ports == host || strcmp(host, "*") == 0)
		p = __DECONST(char *, "0.0.0.0");
	else
		p = host;
	if (addr_parse(p, NULL, &spec->addr) == -1) {
		*why = "the address is none";
		return (-1);
	}
	if (spec->addr.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(
	    &((struct sockaddr_in6 *)&spec->addr)->sin6_addr)) {
		*why = "an IPv4 address is written as one";
		return (-1);
	}
	if (publish_ports_parse(ports, &spec->port_min, &spec->port_max) ==
	    -1) {
		*why = "the port is a number from 1 to 65535, or two with a "
		    "- between them";
		return (-1);
	}
	if (!publish_spec_valid(spec)) {
		*why = "it has too many ports";
		return (-1);
	}
	return (0);
}

int
publish_node_parse(const char *s, size_t len, char node[MUX_NODE_MAX + 1])
{
	size_t	 i;

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
publish_target_parse(const char *s, struct publish_target *t,
    const char **why)
{
	const char	*first = strchr(s, ':'), *last = strrchr(s, ':');
	const char	*host;
	size_t		 len, i;

	memset(t, 0, sizeof(*t));
	if (first == NULL) {
		*why = "it looks like node:port or node:host:port";
		return (-1);
	}
	if (publish_node_parse(s, first - s, t->node) == -1) {
		*why = "no node can have that name";
		return (-1);
	}
	if (publish_ports_parse(last + 1, &t->port_min, &t->port_max) == -1) {
		*why = "the target's port is a number from 1 to 65535, or two "
		    "with a - between them";
		return (-1);
	}
	host = first == last ? "127.0.0.1" : first + 1;
	len = first == last ? strlen(host) : (size_t)(last - host);
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	} else if (memchr(host, ':', len) != NULL) {
		*why = "an IPv6 address goes in brackets";
		return (-1);
	}
	for (i = 0; i < len; i++) {
		if (!isalnum((unsigned char)host[i]) &&
		    strchr("-._:%", host[i]) == NULL)
			break;
	}
	if (len == 0 || len > MUX_HOST_MAX || i < len) {
		*why = "the target's host is neither an address nor a name";
		return (-1);
	}
	memcpy(t->host, host, len);
	return (0);
}

int
publish_from_parse(const char *s, struct addr_prefix from[PUBLISH_FROM_MAX],
    size_t *n, const char **why)
{
	char	 word[ADDR_STRLEN];
	size_t	 len;

	memset(from, 0, PUBLISH_FROM_MAX * sizeof(*from));
	for (*n = 0; *s != '\0'; s += len + (s[len] == ',')) {
		len = strcspn(s, ",");
		if (*n == PUBLISH_FROM_MAX) {
			*why = "too many networks";
			return (-1);
		}
		*why = "networks look like 192.0.2.0/24,2001:db8::/32";
		if (len >= sizeof(word) || (s[len] == ',' &&
		    s[len + 1] == '\0'))
			return (-1);
		memcpy(word, s, len);
		word[len] = '\0';
		if (addr_prefix_parse(word, &from[(*n)++]) == -1)
			return (-1);
	}
	return (0);
}

/* ---- to text ---- */

const char *
publish_spec_format(const struct publish_spec *spec, char buf[CTL_SPEC_LEN])
{
	char	 host[ADDR_STRLEN], ports[16];
	int	 v6 = spec->addr.ss_family == AF_INET6;

	addr_format_host((const struct sockaddr *)&spec->addr, host);
	snprintf(ports, sizeof(ports), spec->port_min == spec->port_max ?
	    "%u" : "%u-%u", spec->port_min, spec->port_max);
	snprintf(buf, CTL_SPEC_LEN, "%s%s%s:%s/%s", v6 ? "[" : "", host,
	    v6 ? "]" : "", ports,
	    spec->proto == MUX_KIND_UDP ? "udp" : "tcp");
	return (buf);
}

const char *
publish_target_format(const struct publish_target *t,
    char buf[CTL_TARGET_LEN])
{
	int	 v6 = strchr(t->host, ':') != NULL;
	char	 ports[16];

	snprintf(ports, sizeof(ports), t->port_min == t->port_max ?
	    "%u" : "%u-%u", t->port_min, t->port_max);
	snprintf(buf, CTL_TARGET_LEN, "%s:%s%s%s:%s", t->node, v6 ? "[" : "",
	    t->host, v6 ? "]" : "", ports);
	return (buf);
}

/* ---- what they mean ---- */

int
publish_spec_valid(const struct publish_spec *spec)
{
	return ((spec->proto == MUX_KIND_TCP || spec->proto == MUX_KIND_UDP) &&
	    (spec->addr.ss_family == AF_INET ||
	    spec->addr.ss_family == AF_INET6) && spec->port_min > 0 &&
	    spec->port_min <= spec->port_max &&
	    spec->port_max - spec->port_min < PUBLISH_RANGE_MAX);
}

void
publish_spec_addr(const struct publish_spec *spec, uint16_t port,
    struct sockaddr_storage *ss)
{
	*ss = spec->addr;
	if (ss->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ss)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)ss)->sin_port = htons(port);
}

int
publish_spec_overlap(const struct publish_spec *a,
    const struct publish_spec *b)
{
	if (a->proto != b->proto || a->addr.ss_family != b->addr.ss_family ||
	    a->port_max < b->port_min || b->port_max < a->port_min)
		return (0);
	return (is_wildcard(&a->addr) || is_wildcard(&b->addr) ||
	    same_addr(&a->addr, &b->addr));
}

int
publish_allowed(const struct publish_rules *rules, const char *email,
    const struct publish_spec *spec)
{
	const struct publish_rule	*r;
	size_t				 i;

	for (i = 0; i < rules->n; i++) {
		r = &rules->list[i];
		if ((r->proto != 0 && r->proto != spec->proto) ||
		    spec->port_min < r->port_min ||
		    spec->port_max > r->port_max ||
		    (r->who[0] != '\0' && strcasecmp(r->who, email) != 0))
			continue;
		if (r->anywhere || (addr_prefix_match(&r->on,
		    (const struct sockaddr *)&spec->addr) &&
		    (r->on.bits == 0 || !is_wildcard(&spec->addr))))
			return (1);
	}
	return (0);
}
