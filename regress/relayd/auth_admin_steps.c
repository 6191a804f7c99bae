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

#include "auth_admin_steps.h"
#include "auth_fake.h"

int
ask(int (*handler)(struct proc_peer *, struct imsg *), uint32_t type,
    const void *data, size_t len)
{
	fake_forget();
	return (fake_recv(handler, PROC_ROUTER, 0, type, CLIENT, data, len));
}

void
ask_name(uint32_t type, const char *name)
{
	struct ctl_name	 c;

	memset(&c, 0, sizeof(c));
	strlcpy(c.name, name, sizeof(c.name));
	assert_int_equal(ask(auth_recv_ctl_name, type, &c, sizeof(c)), 0);
}

void
ask_user(uint32_t type, const char *email, const char *hash, int admin)
{
	struct ctl_user	 c;

	memset(&c, 0, sizeof(c));
	strlcpy(c.email, email, sizeof(c.email));
	strlcpy(c.hash, hash, sizeof(c.hash));
	c.admin = admin;
	assert_int_equal(ask(auth_recv_ctl_user, type, &c, sizeof(c)), 0);
}

void
ask_rename(const char *from, const char *to)
{
	struct ctl_rename	 c;

	memset(&c, 0, sizeof(c));
	strlcpy(c.from, from, sizeof(c.from));
	strlcpy(c.to, to, sizeof(c.to));
	assert_int_equal(ask(auth_recv_ctl_rename, CTL_NODE_RENAME, &c,
	    sizeof(c)), 0);
}

void
token_request(struct ctl_token *c, const char *email)
{
	struct token	 t;

	memset(c, 0, sizeof(*c));
	token_make(&t);
	strlcpy(c->token_id, t.id, sizeof(c->token_id));
	assert_int_equal(token_public(&t, c->public), 0);
	strlcpy(c->email, email, sizeof(c->email));
	strlcpy(c->name, "laptop", sizeof(c->name));
	c->scopes = SCOPE_CONNECT;
}

void
ask_token(const struct ctl_token *c)
{
	assert_int_equal(ask(auth_recv_ctl_token, CTL_TOKEN_CREATE, c,
	    sizeof(*c)), 0);
}

const struct ctl_end *
assert_ok(void)
{
	const struct ctl_end	*end;
	size_t			 i;

	for (i = 0; i < fake_nsent; i++) {
		if (fake_sent[i].type != IMSG_SITES_CHANGED)
			assert_int_equal(fake_sent[i].id, CLIENT);
	}
	if (fake_count(CTL_ERROR) > 0) {
		end = fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*end));
		fail_msg("%u: %s", end->code, end->text);
	}
	end = fake_one(PROC_ROUTER, CTL_OK, sizeof(*end));
	assert_int_equal(end->code, CTL_CODE_OK);
	assert_int_equal(fake_sent[fake_nsent - 1].type, CTL_OK);
	return (end);
}

void
revoked(uint32_t what, const char *id, uint32_t links)
{
	const struct revoke	*r;
	struct ctl_end		 end;
	uint32_t		 ref;
	size_t			 i;

	assert_int_equal(fake_count(CTL_OK), 0);
	r = fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(*r));
	assert_int_equal(r->what, what);
	assert_string_equal(r->id, id);
	assert_int_not_equal(r->text[0], '\0');
	for (i = 0; fake_sent[i].type != IMSG_REVOKE; i++)
		;
	ref = fake_sent[i].id;
	memset(&end, 0, sizeof(end));
	end.links = links;
	end.streams = 5;
	end.ms = 7;
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_revoked, PROC_ROUTER, 0,
	    IMSG_REVOKED, ref, &end, sizeof(end)), 0);
}

uint64_t
session(const char *node)
{
	struct session		 s;
	struct store_node	 n;

	memset(&s, 0, sizeof(s));
	s.door = node[0] == '\0' ? DOOR_ACCESS : DOOR_NODE;
	strlcpy(s.user_id, fake_user.id, sizeof(s.user_id));
	strlcpy(s.token_id, fake_token.id, sizeof(s.token_id));
	if (node[0] != '\0') {
		if (store_node_find(auth_store, node, &n) != STORE_OK) {
			memset(&n, 0, sizeof(n));
			store_uuid(n.id);
			strlcpy(n.name, node, sizeof(n.name));
			strlcpy(n.user_id, fake_user.id, sizeof(n.user_id));
			strlcpy(n.token, fake_row.id, sizeof(n.token));
			n.created_at = fake_wall;
			assert_int_equal(store_node_add(auth_store, &n),
			    STORE_OK);
		}
		strlcpy(s.node_id, n.id, sizeof(s.node_id));
		strlcpy(s.node, node, sizeof(s.node));
	}
	assert_int_equal(auth_session_new(&s), 0);
	return (s.session);
}
