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

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth_fake.h"
#include "auth_grant_steps.h"
#include "msg_list.h"

struct store_user	 you;

struct token		 yours;

struct store_node	 pi;

int
setup(void **state)
{
	if (fake_setup(state) == -1)
		return (-1);
	memset(&you, 0, sizeof(you));
	store_uuid(you.id);
	strlcpy(you.email, "you@example.org", sizeof(you.email));
	you.enabled = 1;
	assert_int_equal(store_user_add(auth_store, &you, NULL), STORE_OK);
	fake_token_add(&yours, &you, SCOPE_CONNECT, "");
	memset(&pi, 0, sizeof(pi));
	store_uuid(pi.id);
	strlcpy(pi.name, "pi", sizeof(pi.name));
	strlcpy(pi.user_id, fake_user.id, sizeof(pi.user_id));
	strlcpy(pi.token, fake_row.id, sizeof(pi.token));
	assert_int_equal(store_node_add(auth_store, &pi), STORE_OK);
	(void)auth_grant_tick();
	fake_forget();
	return (0);
}

void
request(struct ctl_grant *c)
{
	memset(c, 0, sizeof(*c));
	strlcpy(c->email, "you@example.org", sizeof(c->email));
	strlcpy(c->node, "pi", sizeof(c->node));
	c->scopes = SCOPE_CONNECT;
}

void
ask(uint32_t type, const struct ctl_grant *c)
{
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_grant, PROC_ROUTER, 0, type,
	    CLIENT, c, sizeof(*c)), 0);
}

void
give(const char *targets, int64_t until)
{
	struct ctl_grant	 c;

	request(&c);
	strlcpy(c.targets, targets, sizeof(c.targets));
	c.expires_at = until;
	ask(CTL_GRANT_SET, &c);
	assert_int_equal(fake_count(CTL_ERROR), 0);
}

uint32_t
may(struct grant *g)
{
	const struct node_answer	*a;
	struct node_ask			 q;
	uint32_t			 code;

	memset(&q, 0, sizeof(q));
	q.session = 7;
	strlcpy(q.user_id, you.id, sizeof(q.user_id));
	strlcpy(q.token_id, yours.id, sizeof(q.token_id));
	strlcpy(q.node, "pi", sizeof(q.node));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_node_ask, PROC_ROUTER, 0,
	    IMSG_NODE_ASK, 9, &q, sizeof(q)), 0);
	a = fake_one(PROC_ROUTER, IMSG_NODE_ANSWER, sizeof(*a));
	code = a->code;
	*g = a->grant;
	fake_forget();
	return (code);
}

void
revoked(uint32_t scopes, const char *targets, const char *why,
    uint32_t streams)
{
	const struct revoke	*r;
	struct ctl_end		 end;
	uint32_t		 ref;
	size_t			 i;

	assert_int_equal(fake_count(CTL_OK), 0);
	r = fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(*r));
	assert_int_equal(r->what, REVOKE_GRANT);
	assert_string_equal(r->id, r->left.id);
	assert_int_equal(r->left.scopes, scopes);
	assert_string_equal(r->left.targets, targets);
	assert_string_equal(r->text, why);
	for (i = 0; fake_sent[i].type != IMSG_REVOKE; i++)
		;
	ref = fake_sent[i].id;
	memset(&end, 0, sizeof(end));
	end.streams = streams;
	end.ms = 7;
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_revoked, PROC_ROUTER, 0,
	    IMSG_REVOKED, ref, &end, sizeof(end)), 0);
}

void
used(const char *id, const char *targets, int64_t until)
{
	struct grant	 u;

	memset(&u, 0, sizeof(u));
	strlcpy(u.id, id, sizeof(u.id));
	strlcpy(u.targets, targets, sizeof(u.targets));
	u.scopes = SCOPE_CONNECT;
	u.expires_at = until;
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_grant_used, PROC_ROUTER, 0,
	    IMSG_GRANT_USED, 0, &u, sizeof(u)), 0);
}
