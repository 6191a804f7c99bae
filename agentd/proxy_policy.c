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
#include "proxy_policy.h"

static const struct sockaddr *policy_addr(const struct sockaddr *);
static int	rule_matches(const struct rule *, uint32_t, const char *,
		    const struct sockaddr *, uint16_t);

static int
rule_matches(const struct rule *r, uint32_t kind, const char *host,
    const struct sockaddr *sa, uint16_t port)
{
	if (r->kind != 0 && r->kind != kind)
		return (0);
	if (port < r->port_min || port > r->port_max)
		return (0);
	switch (r->what) {
	case RULE_ANY:
		return (1);
	case RULE_LOOPBACK:
		return (addr_is_loopback(sa));
	case RULE_PREFIX:
		return (addr_prefix_match(&r->prefix, sa));
	case RULE_HOST:
		return (strcasecmp(r->host, host) == 0);
	case RULE_PATH:
		break;
	}
	return (0);
}

/*
 * Where a connection to this address goes: systems take 0.0.0.0 and :: for
 * themselves, and no rule for loopback is to be led around by that.
 */
static const struct sockaddr *
policy_addr(const struct sockaddr *sa)
{
	static struct sockaddr_storage	 self;
	int				 family = addr_is_any(sa);

	if (family == 0 || addr_parse(family == 4 ? "127.0.0.1" : "::1", NULL,
	    &self) == -1)
		return (sa);
	return ((const struct sockaddr *)&self);
}

int
policy_pass(const struct rule *rules, size_t n, uint32_t kind,
    const char *host, const struct sockaddr *sa, uint16_t port)
{
	size_t	 i;
	int	 pass;

	sa = policy_addr(sa);
	pass = addr_is_loopback(sa);
	for (i = 0; i < n; i++) {
		if (!rule_matches(&rules[i], kind, host, sa, port))
			continue;
		pass = rules[i].action == RULE_PASS;
		if (rules[i].quick)
			break;
	}
	return (pass);
}

int
policy_path_plain(const char *path)
{
	size_t	 len;

	do {
		if (*path++ != '/')
			return (0);
		len = strcspn(path, "/");
		if (len == 0 || (len == 1 && path[0] == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.'))
			return (0);
		path += len;
	} while (*path != '\0');
	return (1);
}

int
policy_pass_unix(const struct rules *rules, const char *path)
{
	const struct rule_entry	*e;
	const struct rule	*r;
	int			 pass = 0;

	if (!policy_path_plain(path))
		return (0);
	TAILQ_FOREACH(e, rules, entry) {
		r = &e->rule;
		if (r->kind != MUX_KIND_UNIX || (r->what != RULE_ANY &&
		    (r->what != RULE_PATH || strcmp(r->host, path) != 0)))
			continue;
		pass = r->action == RULE_PASS;
		if (r->quick)
			break;
	}
	return (pass);
}
