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
 * Connections of strangers: how they come, and how many there may be.
 */

#include "compat.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <imsg.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access_log.h"
#include "door_http.h"
#include "door_pass.h"
#include "doors.h"
#include "http_gate.h"
#include "listener.h"
#include "log.h"
#include "proxyproto.h"
#include "tls_hello.h"
#include "trim.h"

#define ACCEPT_PAUSE_MS		100	/* at a limit */
#define ACCEPT_BATCH		64	/* then others have a turn */
#define STRANGER_SLOW_MS	1000	/* who has not moved for so long
					   makes room for new ones */
#define MOVES_MAX		3	/* TLS, a nonce, the log-in */
#define LOG_MS			10000	/* the same warning, at most */

struct accept_socket {
	TAILQ_ENTRY(accept_socket)	 entry;
	struct conf_listen		 conf;
	struct event			*ev;
	int				 fd;
	int				 keep;	/* named in the configuration
						   that is being taken in */
};

static void	listener_accept(evutil_socket_t, short, void *);
static int	listener_room(const struct sockaddr_storage *);
static int	listener_room_addr(const struct sockaddr_storage *,
		    const struct conn *);
static void	accept_pause(void);
static void	accept_go_on(evutil_socket_t, short, void *);
static void	conn_new(int, const struct accept_socket *,
		    const struct sockaddr_storage *);
static void	conn_ready(struct evtls *, void *);
static void	conn_closed(struct evtls *, void *, enum evtls_why,
		    const char *);

struct conn_table	 conns = RB_INITIALIZER(&conns);

static TAILQ_HEAD(, accept_socket) sockets = TAILQ_HEAD_INITIALIZER(sockets);
/* Connections nobody has logged in on; who has moved last is last. */
static TAILQ_HEAD(strangers, conn) strangers =
    TAILQ_HEAD_INITIALIZER(strangers);
static uint32_t		 nstrangers, next_id;
static struct event	*accept_timer;
static int		 accept_paused = 1;	/* until we are told */
static int		 may_serve;

static const struct evtls_ops conn_ops = {
	.ready = conn_ready, .input = conn_input, .output = conn_output,
	.closed = conn_closed, .eof = conn_eof, .timeout = conn_timeout
};

static int
conn_cmp(struct conn *a, struct conn *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

RB_GENERATE(conn_table, conn, by_id, conn_cmp)

struct conn *
conn_find(uint32_t id)
{
	struct conn	 key;

	key.id = id;
	return (RB_FIND(conn_table, &conns, &key));
}

void
listener_first_id(void)
{
	next_id = arc4random();
}

uint32_t
listener_new_id(void)
{
	do
		next_id++;
	while (next_id == 0 || conn_find(next_id) != NULL ||
	    gate_has_id(next_id));
	return (next_id);
}

const char *
conn_addr(const struct conn *c)
{
	static char	 buf[ADDR_STRLEN];

	addr_format((const struct sockaddr *)&c->peer, buf);
	return (buf);
}

/* ---- accepting ---- */

void
accept_serve(void)
{
	accept_timer = evtimer_new(proc_base(), accept_go_on, NULL);
	if (accept_timer == NULL || trim_init(proc_base()) == -1)
		fatal("event");
}

void
accept_begin(void)
{
	if (may_serve && accept_timer != NULL)
		accept_go_on(-1, 0, NULL);
}

/* Now, and not before: another listener may have had our sockets. */
int
accept_recv_serve(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_serve	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	may_serve = 1;
	accept_begin();
	return (0);
}

int
listener_accept_on(int fd, const struct conf_listen *l)
{
	struct accept_socket	*s;

	TAILQ_FOREACH(s, &sockets, entry) {
		if (memcmp(&s->conf.ss, &l->ss, sizeof(l->ss)) == 0) {
			/* The same socket again: only options may differ. */
			close(fd);
			s->conf.tls = l->tls;
			s->conf.proxy = l->proxy;
			s->keep = 1;
			return (0);
		}
	}
	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal("listen");
	s->conf = *l;
	s->fd = fd;
	s->keep = 1;
	s->ev = event_new(proc_base(), fd, EV_READ | EV_PERSIST,
	    listener_accept, s);
	if (s->ev == NULL)
		fatal("event");
	/* Not before start-up is over and the sandbox closed. */
	if (accept_timer != NULL && !accept_paused)
		event_add(s->ev, NULL);
	TAILQ_INSERT_TAIL(&sockets, s, entry);
	return (0);
}

/* Before a new configuration: forget what is kept; after: close the rest. */
void
listener_accept_sweep(int end)
{
	struct accept_socket	*s, *tmp;

	TAILQ_FOREACH_SAFE(s, &sockets, entry, tmp) {
		if (!end) {
			s->keep = 0;
			continue;
		}
		if (s->keep)
			continue;
		TAILQ_REMOVE(&sockets, s, entry);
		event_free(s->ev);
		close(s->fd);
		free(s);
	}
}

/* There is no room for more: accept nothing for a moment. */
static void
accept_pause(void)
{
	struct timeval		 tv = { 0, ACCEPT_PAUSE_MS * 1000 };
	struct accept_socket	*s;

	if (accept_paused)
		return;
	accept_paused = 1;
	TAILQ_FOREACH(s, &sockets, entry)
		event_del(s->ev);
	door_port_pause(1);
	evtimer_add(accept_timer, &tv);
}

static void
accept_go_on(evutil_socket_t fd, short what, void *arg)
{
	struct accept_socket	*s;

	accept_paused = 0;
	TAILQ_FOREACH(s, &sockets, entry)
		event_add(s->ev, NULL);
	door_port_pause(0);
}

/*
 * Room for one more stranger?  At a limit the oldest makes way if it is slow;
 * otherwise the newcomer is refused, or waits in the backlog.  1: yes, 0:
 * close it, -1: wait.
 */
static int
listener_room(const struct sockaddr_storage *peer)
{
	struct conn	*c;
	uint64_t	 now = listener_ms();

	if (counts.connections >= limits.connections) {
		c = TAILQ_FIRST(&strangers);
		if (c == NULL || now - c->moved_ms < STRANGER_SLOW_MS)
			return (0);
		conn_free(c);
	}
	if (!listener_room_addr(peer, NULL))
		return (0);
	if (nstrangers >= limits.handshakes) {
		c = TAILQ_FIRST(&strangers);
		if (now - c->moved_ms < STRANGER_SLOW_MS)
			return (-1);
		conn_free(c);
	}
	return (1);
}

/* The same for its address alone; one of those there does not count. */
static int
listener_room_addr(const struct sockaddr_storage *peer,
    const struct conn *self)
{
	struct conn	*c, *slow = NULL;
	struct addr_key	 key, k;
	uint32_t	 same = 0;

	/* Whoever is behind a proxy is counted once it is known. */
	if (nstrangers < limits.connections_per_addr || proxy_trusted(peer))
		return (1);
	addr_key((const struct sockaddr *)peer, &key);
	TAILQ_FOREACH(c, &strangers, waiting) {
		addr_key((const struct sockaddr *)&c->peer, &k);
		if (c == self || memcmp(&k, &key, sizeof(k)) != 0)
			continue;
		if (slow == NULL)
			slow = c;
		if (++same >= limits.connections_per_addr)
			break;
	}
	if (same < limits.connections_per_addr)
		return (1);
	if (listener_ms() - slow->moved_ms < STRANGER_SLOW_MS)
		return (0);
	conn_free(slow);
	return (1);
}

int
listener_admit(const struct conn *c)
{
	static uint64_t	 said;

	if (!c->is_waiting || listener_room_addr(&c->peer, c))
		return (1);
	counts.refused++;
	if (listener_may_log(&said))
		log_warnx("client %s: refused: too many connections from its "
		    "address", conn_addr(c));
	return (0);
}

int
listener_may_log(uint64_t *last)
{
	uint64_t	 now = listener_ms();

	if (*last != 0 && now - *last <= LOG_MS)
		return (0);
	*last = now;
	return (1);
}

int
listener_accept_one(int lfd, struct sockaddr_storage *ss)
{
	socklen_t	 len = sizeof(*ss);
	int		 fd, error;

	memset(ss, 0, sizeof(*ss));
	fd = accept4(lfd, (struct sockaddr *)ss, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1) {
		counts.accepted++;
		return (fd);
	}
	error = errno;
	if (error == EMFILE || error == ENFILE || error == ENOBUFS ||
	    error == ENOMEM) {
		log_warn("accept: pausing");
		accept_pause();
	}
	errno = error;
	return (-1);
}

static void
listener_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct accept_socket	*s = arg;
	struct sockaddr_storage	 ss;
	static uint64_t		 said;
	int			 fd, i, room;

	for (i = 0; i < ACCEPT_BATCH; i++) {
		if (nstrangers >= limits.handshakes &&
		    listener_ms() - TAILQ_FIRST(&strangers)->moved_ms <
		    STRANGER_SLOW_MS) {
			/* A storm: the rest waits in the backlog. */
			accept_pause();
			return;
		}
		if ((fd = listener_accept_one(lfd, &ss)) == -1)
			return;
		if ((room = listener_room(&ss)) == 1) {
			conn_new(fd, s, &ss);
			continue;
		}
		close(fd);
		counts.refused++;
		if (listener_may_log(&said))
			log_warnx("connection refused: %llu connections, %u "
			    "not logged in (refused so far: %llu)",
			    (unsigned long long)counts.connections, nstrangers,
			    (unsigned long long)counts.refused);
	}
}

/* ---- connections ---- */

static void
conn_new(int fd, const struct accept_socket *s,
    const struct sockaddr_storage *peer)
{
	struct conn	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	c->id = listener_new_id();
	c->via = c->peer = *peer;
	c->moved_ms = listener_ms();
	TAILQ_INIT(&c->owner.streams);
	SLIST_INIT(&c->owner.routes);
	c->owner.routed = stream_routed;
	c->tls = evtls_accept(proc_base(), fd,
	    s->conf.tls ? listener_tls : NULL, &conn_ops, c);
	if (c->tls == NULL) {
		free(c);
		return;
	}
	if (s->conf.proxy && proxy_trusted(peer))
		evtls_preface(c->tls, proxy_preface, PROXYPROTO_V2_MAX);
	else if (s->conf.tls && door_pass_any())
		evtls_preface(c->tls, door_pass_preface, DOOR_PASS_MAX);
	evtls_deadline(c->tls, limits.handshake_ms);
	RB_INSERT(conn_table, &conns, c);
	TAILQ_INSERT_TAIL(&strangers, c, waiting);
	c->is_waiting = 1;
	nstrangers++;
	counts.connections++;
}

void
conn_settled(struct conn *c)
{
	if (!c->is_waiting)
		return;
	c->is_waiting = 0;
	TAILQ_REMOVE(&strangers, c, waiting);
	nstrangers--;
	/* Its handshake took several times what it keeps. */
	trim_free_later();
}

int
listener_guests_fit(void)
{
	return (counts.connections < limits.connections &&
	    counts.guests < limits.connections - limits.connections / 4);
}

int
conn_guest(struct conn *c)
{
	if (c->guest)
		return (0);
	/* It is one of the connections already. */
	if (counts.guests >= limits.connections - limits.connections / 4)
		return (-1);
	c->guest = 1;
	counts.guests++;
	return (0);
}

/*
 * It is the last in line to make room: in a storm those who come in order
 * wait for us, and for each other, and not for themselves.
 */
void
conn_moved(struct conn *c)
{
	if (!c->is_waiting || c->moves >= MOVES_MAX)
		return;
	c->moves++;
	c->moved_ms = listener_ms();
	TAILQ_REMOVE(&strangers, c, waiting);
	TAILQ_INSERT_TAIL(&strangers, c, waiting);
}

struct conn *
listener_newest(void)
{
	return (TAILQ_LAST(&strangers, strangers));
}

void
conn_free(struct conn *c)
{
	if (c == NULL)
		return;
	door_rpc_forget(c);
	conn_unlink(c, NULL);
	conn_settled(c);
	door_api_forget(c);
	access_end(c, 1);
	conn_body_free(c);
	door_login_forget(c);
	door_http_free(c);
	door_pass_forget(c);
	gate_forget(c);
	RB_REMOVE(conn_table, &conns, c);
	counts.connections--;
	counts.guests -= c->guest;
	evtls_free(c->tls);
	free(c->out);
	free(c->software);
	free(c->session);
	free(c);
}

static void
conn_ready(struct evtls *tls, void *arg)
{
	struct conn	*c = arg;

	c->state = CONN_REQUEST;
	conn_moved(c);
}

static void
conn_closed(struct evtls *tls, void *arg, enum evtls_why why,
    const char *text)
{
	struct conn	*c = arg;

	if (c->state == CONN_HANDSHAKE) {
		counts.handshakes_failed++;
		log_debug("client %s: %s", conn_addr(c), text);
	} else if (why == EVTLS_TIMEOUT)
		log_debug("client %s: %s", conn_addr(c), text);
	conn_free(c);
}
