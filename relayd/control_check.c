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

/* The shape of a request at the control socket: 1 if it is as it should be. */

#include "compat.h"

#include <string.h>

#include "control_req.h"
#include "router.h"

int
control_check_name(const union control_payload *p)
{
	return (ROUTER_STR(p->name.name));
}

int
control_check_rename(const union control_payload *p)
{
	return (ROUTER_STR(p->rename.from) && ROUTER_STR(p->rename.to));
}

int
control_check_user(const union control_payload *p)
{
	return (ROUTER_STR(p->user.email) && ROUTER_STR(p->user.username) &&
	    ROUTER_STR(p->user.hash));
}

int
control_check_token(const union control_payload *p)
{
	return (ROUTER_STR(p->token.token_id) && ROUTER_STR(p->token.email) &&
	    ROUTER_STR(p->token.name) && ROUTER_STR(p->token.nodes));
}

int
control_check_grant(const union control_payload *p)
{
	return (ROUTER_STR(p->grant.email) && ROUTER_STR(p->grant.node) &&
	    ROUTER_STR(p->grant.targets) && ROUTER_STR(p->grant.owner) &&
	    ROUTER_STR(p->grant.granted_by));
}

int
control_check_publish(const union control_payload *p)
{
	return (ROUTER_STR(p->publish.id) && ROUTER_STR(p->publish.spec) &&
	    ROUTER_STR(p->publish.target) && ROUTER_STR(p->publish.from) &&
	    ROUTER_STR(p->publish.email) && ROUTER_STR(p->publish.node) &&
	    ROUTER_STR(p->publish.text));
}

int
control_check_site(const union control_payload *p)
{
	return (ROUTER_STR(p->site.node) && ROUTER_STR(p->site.service) &&
	    ROUTER_STR(p->site.host) && ROUTER_STR(p->site.email));
}

int
control_check_domain(const union control_payload *p)
{
	return (ROUTER_STR(p->domain.name) && ROUTER_STR(p->domain.node) &&
	    ROUTER_STR(p->domain.service) && ROUTER_STR(p->domain.email));
}

int
control_check_session(const union control_payload *p)
{
	return (ROUTER_STR(p->session.id) && ROUTER_STR(p->session.kind) &&
	    ROUTER_STR(p->session.email) && ROUTER_STR(p->session.node) &&
	    ROUTER_STR(p->session.host) && ROUTER_STR(p->session.addr) &&
	    ROUTER_STR(p->session.software));
}

int
control_check_limit(const union control_payload *p)
{
	return (ROUTER_STR(p->limit.name));
}

int
control_check_traffic(const union control_payload *p)
{
	return (ROUTER_STR(p->traffic.month) &&
	    ROUTER_STR(p->traffic.what) && ROUTER_STR(p->traffic.name));
}

int
control_check_pair(const union control_payload *p)
{
	return (ROUTER_STR(p->pair.node));
}
