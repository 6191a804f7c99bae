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

#include <event2/event.h>
#include <imsg.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "auth_fake.h"
#include "hand.h"

struct proc_peer {
	int	 kind;
	int	 instance;
};

static struct proc_peer	 peer_router = { PROC_ROUTER, 0 };
static struct proc_peer	 peer_listeners[4] = {
	{ PROC_LISTENER, 0 }, { PROC_LISTENER, 1 }, { PROC_LISTENER, 2 },
	{ PROC_LISTENER, 3 }
};

struct store		*auth_store;
struct throttle		*auth_throttle;
struct names		 auth_names = TAILQ_HEAD_INITIALIZER(auth_names);
struct relayd_bandwidth	 auth_bandwidth;
int			 auth_prefork = 1;

struct fake_sent	 fake_sent[FAKE_SENT_MAX];
size_t			 fake_nsent;
int64_t			 fake_wall, fake_wall_ms;
uint64_t		 fake_mono;
int			 fake_router_up;
size_t			 fake_queued;
int			 fake_send_fails;
int			 fake_soon;
int			 fake_trouble;
struct nonce_key	 fake_beacon_key = { "a key that auth alone has" };
struct token		 fake_token;
struct store_user	 fake_user;
struct store_token	 fake_row;

static char		 dir[64];

/* ---- auth.c ---- */

int64_t
auth_wall(void)
{
	return (fake_wall);
}

int64_t
auth_wall_ms(void)
{
	return (fake_wall * 1000 + fake_wall_ms);
}

uint64_t
auth_mono(void)
{
	return (fake_mono);
}

int
auth_expired(int64_t at)
{
	return (at != 0 && fake_wall - AUTH_CLOCK_SLACK > at);
}

void
auth_soon(void)
{
	fake_soon = 1;
}

void
auth_trouble(const char *what)
{
	fake_trouble++;
}

/* ---- proc.c ---- */

struct event_base *
proc_base(void)
{
	static struct event_base	*base;

	if (base == NULL)
		base = event_base_new();
	return (base);
}

struct proc_peer *
proc_peer(int kind, int instance)
{
	if (kind == PROC_ROUTER)
		return (fake_router_up ? &peer_router : NULL);
	assert_int_equal(kind, PROC_LISTENER);
	return (instance < (int)nitems(peer_listeners) ?
	    &peer_listeners[instance] : NULL);
}

int
proc_peer_kind(const struct proc_peer *p)
{
	return (p->kind);
}

int
proc_peer_instance(const struct proc_peer *p)
{
	return (p->instance);
}

size_t
proc_queued(const struct proc_peer *p)
{
	return (fake_queued);
}

int
proc_send(struct proc_peer *p, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	struct fake_sent	*s;

	if (p == NULL || fake_send_fails) {
		if (fd != -1)
			close(fd);
		return (-1);
	}
	assert_true(fake_nsent < FAKE_SENT_MAX);
	s = &fake_sent[fake_nsent++];
	s->kind = p->kind;
	s->instance = p->instance;
	s->type = type;
	s->id = id;
	s->len = len;
	s->fd = fd;
	assert_non_null(s->data = malloc(len + 1));
	if (len > 0)
		memcpy(s->data, data, len);
	return (0);
}

/* ---- the tests' side ---- */

void
fake_forget(void)
{
	while (fake_nsent > 0) {
		free(fake_sent[--fake_nsent].data);
		if (fake_sent[fake_nsent].fd != -1)
			close(fake_sent[fake_nsent].fd);
	}
}

size_t
fake_count(uint32_t type)
{
	size_t	 i, n = 0;

	for (i = 0; i < fake_nsent; i++)
		n += fake_sent[i].type == type;
	return (n);
}

const void *
fake_one(int kind, uint32_t type, size_t len)
{
	size_t	 i;

	assert_int_equal(fake_count(type), 1);
	for (i = 0; fake_sent[i].type != type; i++)
		;
	assert_int_equal(fake_sent[i].kind, kind);
	assert_int_equal(fake_sent[i].len, len);
	return (fake_sent[i].data);
}

int
fake_recv(int (*handler)(struct proc_peer *, struct imsg *), int kind,
    int instance, uint32_t type, uint32_t id, const void *data, size_t len)
{
	return (hand(handler, kind == PROC_ROUTER ? &peer_router :
	    &peer_listeners[instance], type, id, data, len));
}

void
fake_run(void)
{
	(void)event_base_loop(proc_base(), EVLOOP_ONCE);
}

void
fake_token_add(struct token *t, const struct store_user *u, uint32_t scopes,
    const char *nodes)
{
	struct store_token	 row;

	token_make(t);
	memset(&row, 0, sizeof(row));
	store_uuid(row.id);
	strlcpy(row.token_id, t->id, sizeof(row.token_id));
	assert_int_equal(token_public(t, row.public), 0);
	strlcpy(row.user_id, u->id, sizeof(row.user_id));
	strlcpy(row.nodes, nodes, sizeof(row.nodes));
	row.scopes = scopes;
	row.created_at = fake_wall;
	assert_int_equal(store_token_add(auth_store, &row), STORE_OK);
}

void
fake_store_close(void)
{
	store_free(auth_store);
	auth_store = store_new("nowhere/culvert.db", "/x/culvert.db");
	assert_non_null(auth_store);
}

void
fake_store_open(void)
{
	store_free(auth_store);
	auth_store = store_new("culvert.db", "/x/culvert.db");
	assert_non_null(auth_store);
	assert_int_equal(store_open(auth_store), STORE_OK);
}

void
fake_sql(const char *text)
{
	sqlite3	*db;
	char	*why = NULL;

	assert_int_equal(sqlite3_open("culvert.db", &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", text, why);
	sqlite3_close(db);
}

const char *
fake_sql_get(const char *text)
{
	static char	 buf[1024];
	sqlite3		*db;
	sqlite3_stmt	*st;
	const char	*value = NULL;

	assert_int_equal(sqlite3_open("culvert.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL),
	    SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		value = (const char *)sqlite3_column_text(st, 0);
	strlcpy(buf, value != NULL ? value : "", sizeof(buf));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return (buf);
}

int
fake_setup(void **state)
{
	fake_wall = 1800000000;
	fake_wall_ms = 0;
	fake_mono += 10000000;		/* it only goes forward */
	fake_router_up = 1;
	auth_prefork = 1;
	fake_queued = 0;
	fake_send_fails = fake_soon = fake_trouble = 0;
	strlcpy(dir, "/tmp/auth_fake.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return (-1);
	auth_nonce_conf(fake_beacon_key.key);
	fake_store_open();
	if ((auth_throttle = throttle_new(1000)) == NULL)
		return (-1);
	memset(&fake_user, 0, sizeof(fake_user));
	store_uuid(fake_user.id);
	strlcpy(fake_user.email, "me@example.org", sizeof(fake_user.email));
	fake_user.enabled = 1;
	fake_user.created_at = fake_wall;
	assert_int_equal(store_user_add(auth_store, &fake_user, NULL),
	    STORE_OK);
	fake_token_add(&fake_token, &fake_user, SCOPE_NODE | SCOPE_CONNECT,
	    "");
	assert_int_equal(store_token_find(auth_store, fake_token.id,
	    &fake_row), STORE_OK);
	fake_forget();
	return (0);
}

int
fake_teardown(void **state)
{
	char	 cmd[128];

	auth_session_drop(REVOKE_USER, fake_user.id);
	fake_mono += 1000000;
	(void)auth_audit_tick();
	(void)auth_revoke_tick();
	auth_audit_flush();
	fake_forget();
	names_clear(&auth_names);
	throttle_free(auth_throttle);
	auth_throttle = NULL;
	store_free(auth_store);
	auth_store = NULL;
	if (chdir("/") == -1)
		return (-1);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (system(cmd) == 0 ? 0 : -1);
}

void
fake_refused(uint32_t client, uint32_t code, const char *part)
{
	const struct ctl_end	*end;

	assert_int_equal(fake_nsent, 1);
	end = fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*end));
	assert_int_equal(fake_sent[0].id, client);
	if (end->code != code || strstr(end->text, part) == NULL)
		fail_msg("%u: %s, not %u: %s", end->code, end->text, code,
		    part);
}
