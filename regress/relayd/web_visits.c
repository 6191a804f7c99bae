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

#include <crypt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "web_visits.h"

#define ASK	33

struct store_node	 pi, pa;
struct store_user	 you;
char			 web_hash[CTL_HASH_LEN];

static void
node(struct store_node *n, const char *name)
{
	memset(n, 0, sizeof(*n));
	store_uuid(n->id);
	strlcpy(n->name, name, sizeof(n->name));
	strlcpy(n->user_id, fake_user.id, sizeof(n->user_id));
	strlcpy(n->token, fake_row.id, sizeof(n->token));
	assert_int_equal(store_node_add(auth_store, n), STORE_OK);
}

int
web_setup(void **state)
{
	struct crypt_data	 data;

	if (fake_setup(state) == -1)
		return (-1);
	if (web_hash[0] == '\0') {
		/* What hash it is tells its own text: a quick one. */
		memset(&data, 0, sizeof(data));
		strlcpy(web_hash, crypt_r("secret",
		    "$2b$04$abcdefghijklmnopqrstu.", &data),
		    sizeof(web_hash));
		assert_int_equal(auth_password_init(), 0);
	}
	assert_int_equal(store_user_password(auth_store, fake_user.id,
	    web_hash), STORE_OK);
	memset(&you, 0, sizeof(you));
	store_uuid(you.id);
	strlcpy(you.email, "you@example.org", sizeof(you.email));
	you.enabled = 1;
	assert_int_equal(store_user_add(auth_store, &you, web_hash), STORE_OK);
	node(&pi, "pi");
	node(&pa, "pa");
	auth_site_conf("relay.example.org");
	fake_forget();
	return (0);
}

void
address(struct sockaddr_storage *ss, unsigned int n)
{
	struct sockaddr_in	*sin = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	sin->sin_family = AF_INET;
	sin->sin_port = htons(1234);
	sin->sin_addr.s_addr = htonl(0xc0000200 + n);
}

/* A question; secrets are filled with a number each. */
void
question(struct web_ask *q, uint32_t what, int secret, int make, int way,
    const char *host)
{
	memset(q, 0, sizeof(*q));
	q->what = what;
	memset(q->secret, secret, sizeof(q->secret));
	memset(q->make, make, sizeof(q->make));
	memset(q->way, way, sizeof(q->way));
	strlcpy(q->host, host, sizeof(q->host));
	strlcpy(q->software, "browser", sizeof(q->software));
	address(&q->peer, 1);
}

void
deliver(const struct web_ask *q, int listener)
{
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_web_ask, PROC_LISTENER, listener,
	    IMSG_WEB_ASK, ASK, q, sizeof(*q)), 0);
}

const struct web_answer *
answer(uint32_t status, const char *part)
{
	const struct web_answer	*w;

	w = fake_one(PROC_LISTENER, IMSG_WEB_ANSWER, sizeof(*w));
	if (w->status != status || strstr(w->text, part) == NULL)
		fail_msg("%u %s, not %u %s", w->status, w->text, status,
		    part);
	return (w);
}

/* Log in with the form, from there. */
const struct web_answer *
log_in(const char *email, const char *password, int make, unsigned int from,
    uint32_t status)
{
	struct web_ask	 q;

	question(&q, WEB_LOGIN, 0, make, 0, "");
	strlcpy(q.email, email, sizeof(q.email));
	strlcpy(q.password, password, sizeof(q.password));
	address(&q.peer, from);
	deliver(&q, 0);
	if (fake_count(IMSG_WEB_ANSWER) == 0)
		fake_run();
	return (answer(status, ""));
}

void
ask(uint32_t what, int secret, int make, int way, const char *host,
    int listener, uint32_t status, const char *part)
{
	struct web_ask	 q;

	question(&q, what, secret, make, way, host);
	deliver(&q, listener);
	(void)answer(status, part);
}

/* What a log-in at the http door by the secret of a session comes to. */
uint32_t
visit(int secret, const char *host, struct session *s)
{
	const struct login_denied	*d;
	struct login			 req;

	memset(&req, 0, sizeof(req));
	req.door = DOOR_HTTP;
	req.method = LOGIN_SECRET;
	memset(req.seed, secret, sizeof(req.seed));
	strlcpy(req.host, host, sizeof(req.host));
	address(&req.peer, 1);
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_login, PROC_LISTENER, 1,
	    IMSG_LOGIN, 5, &req, sizeof(req)), 0);
	if (fake_count(IMSG_SESSION) == 1) {
		assert_int_equal(fake_count(IMSG_LOGIN_DENIED), 0);
		memcpy(s, fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s)),
		    sizeof(*s));
		return (0);
	}
	d = fake_one(PROC_LISTENER, IMSG_LOGIN_DENIED, sizeof(*d));
	return (d->status);
}
