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

#include <arpa/inet.h>
#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth_ask.h"

void
ask_from(struct login *req, unsigned int n)
{
	struct sockaddr_in	*sin = (struct sockaddr_in *)&req->peer;

	memset(&req->peer, 0, sizeof(req->peer));
	sin->sin_family = AF_INET;
	sin->sin_port = htons(1234);
	sin->sin_addr.s_addr = htonl(0xc0000200 + n);
}

void
ask_nonce(struct login *req, uint64_t when)
{
	static const struct nonce_key	 listeners = { "all listeners'" };
	uint8_t				 beacon[NONCE_BEACON_LEN];

	nonce_beacon(&fake_beacon_key, when / NONCE_BEACON_MS, beacon);
	nonce_make(&listeners, beacon, when, ASK_CONN, req->nonce);
}

void
ask_make(struct login *req, const struct token *t, uint32_t door,
    const char *node)
{
	memset(req, 0, sizeof(*req));
	req->door = door;
	req->method = LOGIN_SIGNATURE;
	strlcpy(req->token_id, t->id, sizeof(req->token_id));
	strlcpy(req->host, "localhost", sizeof(req->host));
	ask_nonce(req, fake_mono);
	strlcpy(req->path, door == DOOR_NODE ? "/api/nodes/ws" :
	    "/api/access/ws", sizeof(req->path));
	strlcpy(req->node, node, sizeof(req->node));
	ask_from(req, 1);
}

void
ask_sign(struct login *req, const struct token *t)
{
	struct token_challenge	 c = { req->host, req->nonce, req->path,
				    req->node };

	assert_int_equal(token_sign(t, &c, req->sig), 0);
}

int
ask_deliver(const struct login *req)
{
	return (fake_recv(auth_recv_login, PROC_LISTENER, ASK_LISTENER,
	    IMSG_LOGIN, ASK_CONN, req, sizeof(*req)));
}

uint64_t
ask_log_in(const struct token *t, uint32_t door, const char *node)
{
	struct login		 req;
	const struct session	*s;

	fake_forget();
	ask_make(&req, t, door, node);
	ask_sign(&req, t);
	assert_int_equal(ask_deliver(&req), 0);
	if (fake_count(IMSG_SESSION) == 0)
		return (0);
	s = fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s));
	return (s->session);
}

void
ask_denied(uint32_t status, const char *part)
{
	const struct login_denied	*d;

	assert_int_equal(fake_count(IMSG_SESSION), 0);
	d = fake_one(PROC_LISTENER, IMSG_LOGIN_DENIED, sizeof(*d));
	assert_int_equal(fake_sent[0].instance, ASK_LISTENER);
	assert_int_equal(fake_sent[0].id, ASK_CONN);
	if (d->status != status || strstr(d->text, part) == NULL)
		fail_msg("%u %s, not %u %s", d->status, d->text, status, part);
}

void
ask_user(struct store_user *u, const char *email)
{
	memset(u, 0, sizeof(*u));
	store_uuid(u->id);
	strlcpy(u->email, email, sizeof(u->email));
	u->enabled = 1;
	assert_int_equal(store_user_add(auth_store, u, NULL), STORE_OK);
}
