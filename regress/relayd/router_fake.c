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

#include <sys/socket.h>

#include <event2/event.h>
#include <imsg.h>

#include <err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "router.h"
#include "router_fake.h"

#define SENT_MAX	8192

struct proc_peer {
	int	 kind, instance, up;
	size_t	 queued;
};

struct sent {
	int	 kind, instance;
	uint32_t type, id;
	size_t	 len;
	int	 written;
	void	*data;
};

static struct proc_peer	 peers[PROC_KINDS][4];
static struct sent	 sents[SENT_MAX];
static size_t		 nsents;
static struct event_base *base;
static struct imsgbuf	 in, out;

void
fake_start(void)
{
	int	 sv[2], k, i;

	log_init("router", LOG_STYLE_TERMINAL, 0);
	if ((base = event_base_new()) == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1 ||
	    imsgbuf_init(&in, sv[0]) == -1 || imsgbuf_init(&out, sv[1]) == -1)
		err(1, "fake");
	imsgbuf_allow_fdpass(&in);
	for (k = 0; k < PROC_KINDS; k++) {
		for (i = 0; i < 4; i++) {
			peers[k][i].kind = k;
			peers[k][i].instance = i;
		}
	}
	peers[PROC_PARENT][0].up = 1;
}

void
fake_serve(void)
{
	struct conf_serve	 serve = { 0 };

	router_start();
	router_serve();
	assert_int_equal(fake_say(PROC_PARENT, 0, IMSG_CONF_SERVE, 0, &serve,
	    sizeof(serve)), 0);
}

void
fake_up(int kind, int instance)
{
	peers[kind][instance].up = 1;
	router_peer_up(&peers[kind][instance]);
}

void
fake_down(int kind, int instance)
{
	if (!peers[kind][instance].up)
		return;
	peers[kind][instance].up = 0;
	router_peer_down(&peers[kind][instance]);
}

void
fake_queued(int kind, int instance, size_t n)
{
	peers[kind][instance].queued = n;
}

void
fake_clear(void)
{
	while (nsents > 0)
		free(sents[--nsents].data);
}

int
fake_say(int kind, int instance, uint32_t type, uint32_t id, const void *data,
    size_t len)
{
	const struct proc_rule	*r = NULL;
	struct imsg		 imsg;
	size_t			 i;
	int			 ret;

	for (i = 0; i < router_nrules; i++) {
		if (router_rules[i].type == type &&
		    router_rules[i].from == kind)
			r = &router_rules[i];
	}
	if (r == NULL || len < r->size || len > (r->max > 0 ? r->max :
	    r->size) || r->fd)
		return (-2);
	if (imsg_compose(&out, type, id, 0, -1, data, len) == -1 ||
	    imsgbuf_flush(&out) == -1 || imsgbuf_read(&in) != 1 ||
	    imsgbuf_get(&in, &imsg) != 1)
		err(1, "fake");
	ret = r->handler(&peers[kind][instance], &imsg);
	imsg_free(&imsg);
	return (ret);
}

int
fake_took(int kind, int instance, uint32_t type, uint32_t *id, void *data,
    size_t len)
{
	struct sent	*s;
	size_t		 i;

	for (i = 0; i < nsents; i++) {
		s = &sents[i];
		if (s->kind != kind || s->instance != instance ||
		    s->type != type)
			continue;
		if (data != NULL && s->len != len)
			errx(1, "message %u: %zu bytes, not %zu", type,
			    s->len, len);
		if (data != NULL)
			memcpy(data, s->data, len);
		if (id != NULL)
			*id = s->id;
		free(s->data);
		memmove(s, s + 1, (--nsents - i) * sizeof(*s));
		return (1);
	}
	return (0);
}

int
fake_written(int kind, int instance, uint32_t type)
{
	size_t	 i;

	for (i = 0; i < nsents; i++)
		if (sents[i].kind == kind && sents[i].instance == instance &&
		    sents[i].type == type)
			return (sents[i].written);
	return (-1);
}

void
proc_flush(void)
{
	size_t	 i;

	for (i = 0; i < nsents; i++)
		sents[i].written = 1;
}

int
fake_count(uint32_t type)
{
	size_t	 i;
	int	 n = 0;

	for (i = 0; i < nsents; i++)
		n += sents[i].type == type;
	return (n);
}

void
fake_run(int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

void
fake_session(struct session *s, uint64_t id, int listener, uint32_t conn,
    enum login_door door, const char *user, const char *node)
{
	memset(s, 0, sizeof(*s));
	s->session = id;
	s->listener = listener;
	s->conn = conn;
	s->door = door;
	s->scopes = SCOPE_NODE | SCOPE_CONNECT;
	snprintf(s->user_id, sizeof(s->user_id), "user-%s", user);
	snprintf(s->email, sizeof(s->email), "%s@example.org", user);
	snprintf(s->token_id, sizeof(s->token_id), "token%s", user);
	if (node != NULL) {
		snprintf(s->node_id, sizeof(s->node_id), "id-%.30s", node);
		strlcpy(s->node, node, sizeof(s->node));
	}
	strlcpy(s->addr, "192.0.2.1:1234", sizeof(s->addr));
}

int
fake_setup(void **state __unused)
{
	memset(&router_limits, 0, sizeof(router_limits));
	fake_up(PROC_AUTH, 0);
	fake_up(PROC_LISTENER, 0);
	fake_up(PROC_LISTENER, 1);
	fake_clear();
	return (0);
}

void
log_in(uint64_t id, int listener, uint32_t conn, enum login_door door,
    const char *user, const char *node)
{
	struct session	 s;

	fake_session(&s, id, listener, conn, door, user, node);
	assert_int_equal(fake_say(PROC_AUTH, 0, IMSG_SESSION, 0, &s,
	    sizeof(s)), 0);
}

void
link_up(uint64_t id, int listener, uint32_t conn, uint64_t epoch)
{
	struct link_up	 up;

	memset(&up, 0, sizeof(up));
	up.session = id;
	up.epoch = epoch;
	up.since = time(NULL);
	strlcpy(up.software, "agentd 0", sizeof(up.software));
	assert_int_equal(fake_say(PROC_LISTENER, listener, IMSG_LINK_UP, conn,
	    &up, sizeof(up)), 0);
}

void
link_new(uint64_t id, int listener, uint32_t conn, enum login_door door,
    const char *user, const char *node)
{
	log_in(id, listener, conn, door, user, node);
	link_up(id, listener, conn, 1);
}

int
fake_ask(uint64_t id, int listener, uint32_t conn, const char *node)
{
	struct route_ask	 a;

	memset(&a, 0, sizeof(a));
	a.session = id;
	strlcpy(a.node, node, sizeof(a.node));
	return (fake_say(PROC_LISTENER, listener, IMSG_ROUTE_ASK, conn, &a,
	    sizeof(a)));
}

void
ask(uint64_t id, int listener, uint32_t conn, const char *node)
{
	assert_int_equal(fake_ask(id, listener, conn, node), 0);
}

/* ---- proc ---- */

struct event_base *
proc_base(void)
{
	return (base);
}

struct proc_peer *
proc_peer(int kind, int instance)
{
	if (instance < 0 || instance >= 4 || !peers[kind][instance].up)
		return (NULL);
	return (&peers[kind][instance]);
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

/* Nothing here ends. */
void
proc_quit(int status)
{
}

int
proc_all_end(void)
{
	return (0);
}

void
proc_linger(int ms)
{
}

size_t
proc_queued(const struct proc_peer *p)
{
	return (p->queued);
}

int
proc_send(struct proc_peer *p, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	struct sent	*s;

	if (p == NULL || p->queued > PROC_QUEUE_MAX)
		return (-1);
	if (nsents == SENT_MAX)
		errx(1, "too many messages");
	s = &sents[nsents++];
	s->kind = p->kind;
	s->instance = p->instance;
	s->type = type;
	s->id = id;
	s->len = len;
	s->written = 0;
	if ((s->data = malloc(len + 1)) == NULL)
		err(1, NULL);
	if (len > 0)
		memcpy(s->data, data, len);
	return (0);
}
