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
 * Connections on libevent.  All work is done in passes, each a call from
 * libevent: a reading one takes what one recv(2) gives, opens it record by
 * record and shows it to the owner; a writing one pulls from the owner,
 * seals and sends.  Functions that owners call only take notes and wake a
 * pass, so the buffers of the process always belong to one connection.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtls_internal.h"

#define CLOSE_MS	3000		/* to send what is left */

static struct evtls	*conn_new(struct event_base *, int,
			    const struct evtls_ops *, void *);
static void		 conn_destroy(struct evtls *);
static void		 on_timer(int, short, void *);

/* Not every system has all of them, and a socket pair has none. */
static const struct {
	int	option;
	int	value;
} tcp_options[] = {
	{ TCP_NODELAY, 1 },
#ifdef TCP_NOTSENT_LOWAT
	{ TCP_NOTSENT_LOWAT, EVTLS_BATCH },
#endif
#ifdef TCP_USER_TIMEOUT
	{ TCP_USER_TIMEOUT, 45000 },
#endif
};

/* That it is still there its system says, once a minute. */
static const struct {
	int	level;
	int	option;
	int	value;
} patient_options[] = {
#ifdef TCP_USER_TIMEOUT
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 0 },
#endif
#ifdef TCP_KEEPIDLE
	{ IPPROTO_TCP, TCP_KEEPIDLE, 60 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 15 },
	{ IPPROTO_TCP, TCP_KEEPCNT, 4 },
#endif
	{ SOL_SOCKET, SO_KEEPALIVE, 1 },
};

/* ---- Making and ending ---- */

static struct evtls *
conn_new(struct event_base *base, int fd, const struct evtls_ops *ops,
    void *arg)
{
	struct evtls	*c;
	size_t		 i;

	if (evtls_bufs() == NULL || (c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return (NULL);
	}
	c->base = base;
	c->fd = fd;
	c->ops = ops;
	c->arg = arg;
	c->rd = event_new(base, fd, EV_READ | EV_PERSIST, evtls_on_read, c);
	c->wr = event_new(base, fd, EV_WRITE | EV_PERSIST, evtls_on_write, c);
	if (c->rd == NULL || c->wr == NULL || event_add(c->rd, NULL) == -1) {
		conn_destroy(c);
		return (NULL);
	}
	for (i = 0; i < nitems(tcp_options); i++)
		(void)setsockopt(fd, IPPROTO_TCP, tcp_options[i].option,
		    &tcp_options[i].value, sizeof(tcp_options[i].value));
	return (c);
}

struct evtls *
evtls_accept(struct event_base *base, int fd, struct evtls_server *server,
    const struct evtls_ops *ops, void *arg)
{
	struct evtls	*c;

	if ((c = conn_new(base, fd, ops, arg)) == NULL)
		return (NULL);
	if (server == NULL) {
		event_active(c->wr, EV_WRITE, 1);
		return (c);
	}
	evtls_server_ref(server);
	c->server = server;
	c->secure = 1;
	return (c);
}

struct evtls *
evtls_connect(struct event_base *base, int fd, struct evtls_client *client,
    const char *host, const struct evtls_ops *ops, void *arg)
{
	struct evtls	*c;

	if ((c = conn_new(base, fd, ops, arg)) == NULL)
		return (NULL);
	if (client != NULL) {
		evtls_client_ref(client);
		c->client = client;
		c->secure = 1;
		if ((host != NULL && (c->host = strdup(host)) == NULL) ||
		    evtls_tls_connect(c, host) == -1) {
			conn_destroy(c);
			return (NULL);
		}
	}
	event_active(c->wr, EV_WRITE, 1);
	return (c);
}

static void
conn_destroy(struct evtls *c)
{
	if (c->rd != NULL)
		event_free(c->rd);
	if (c->wr != NULL)
		event_free(c->wr);
	if (c->timer != NULL)
		event_free(c->timer);
	if (c->fd != -1)
		close(c->fd);
	evtls_tls_free(c);
	evtls_forget(c);
	free(c->host);
	free(c->servername);
	free(c->text);
	free(c);
}

void
evtls_free(struct evtls *c)
{
	if (c == NULL || c->dead)
		return;
	c->dead = 1;
	/* What the owner has said in this pass goes before its end. */
	if (c->pulling)
		(void)evtls_flush(c);
	if (!c->busy) {
		conn_destroy(c);
		return;
	}
	/* A pass of it is under way: evtls_leave() does the rest. */
	event_del(c->rd);
	event_del(c->wr);
	if (c->timer != NULL)
		event_del(c->timer);
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

void
evtls_abort(struct evtls *c)
{
	struct linger	 linger = { .l_onoff = 1, .l_linger = 0 };

	if (c != NULL && !c->dead)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger,
		    sizeof(linger));
	evtls_free(c);
}

int
evtls_broken(const struct evtls *c)
{
	socklen_t	 len = sizeof(int);
	int		 error = 0;

	return (c->neterr != 0 || getsockopt(c->fd, SOL_SOCKET, SO_ERROR,
	    &error, &len) == -1 || error != 0);
}

int
evtls_ended(const struct evtls *c)
{
	struct pollfd	 pfd = { .fd = c->fd };

#ifdef POLLRDHUP
	pfd.events = POLLRDHUP;
#endif
	return (c->neterr != 0 || poll(&pfd, 1, 0) == 1);
}

int
evtls_paused(const struct evtls *c)
{
	return (c->paused);
}

void
evtls_leave(struct evtls *c)
{
	c->busy = 0;
	evtls_bufs()->wire_len = 0;
	if (c->dead)
		conn_destroy(c);
}

/* Only inside a pass. */
void
evtls_finish(struct evtls *c, enum evtls_why why, const char *text)
{
	if (evtls_gone(c))
		return;
	c->over = 1;
	event_del(c->rd);
	event_del(c->wr);
	if (c->timer != NULL)
		event_del(c->timer);
	evtls_forget(c);
	c->ops->closed(c, c->arg, c->closing ? EVTLS_CLOSED : why, text);
}

void
evtls_forget(struct evtls *c)
{
	evtls_kept_drain(&c->in, c->in.len);
	evtls_kept_drain(&c->left, c->left.len);
	evtls_kept_drain(&c->out, c->out.len);
}

int
evtls_gone(const struct evtls *c)
{
	return (c->over || c->dead);
}

/* The owner takes no input: it paused, or has left. */
int
evtls_stopped(const struct evtls *c)
{
	return (c->paused || c->closing || evtls_gone(c));
}

/*
 * event_add(3) does nothing for an event that event_active(3) has woken and
 * that has not run yet; a call or two later nobody would wait for the socket.
 */
void
evtls_add_event(struct event *ev)
{
	event_del(ev);
	event_add(ev, NULL);
}

void
evtls_start_reading(struct evtls *c)
{
	if (!c->eof)
		evtls_add_event(c->rd);
	/* With a broken one nothing need come: its end is to be found. */
	if (evtls_left(c) || c->neterr != 0 || c->found)
		event_active(c->rd, EV_READ, 1);
}

void
evtls_set_timer(struct evtls *c, unsigned int ms)
{
	struct timeval	tv = { ms / 1000, ms % 1000 * 1000 };

	if (c->timer == NULL && (c->timer = event_new(c->base, -1, 0,
	    on_timer, c)) == NULL)
		return;
	event_add(c->timer, &tv);
}

static void
on_timer(int fd, short what, void *arg)
{
	struct evtls	*c = arg;

	c->busy = 1;
	if (c->closing)
		evtls_finish(c, EVTLS_CLOSED, c->shut ? "closed" :
		    "closed before the peer took all");
	else if (c->ready && c->ops->timeout != NULL)
		c->ops->timeout(c, c->arg);
	else
		evtls_finish(c, EVTLS_TIMEOUT, c->ready ? "timed out" :
		    "no TLS handshake in time");
	evtls_leave(c);
}

/* ---- What owners ask for ---- */

void
evtls_close(struct evtls *c)
{
	if (c->closing || evtls_gone(c))
		return;
	c->closing = 1;
	c->want = 1;
	event_del(c->rd);
	evtls_set_timer(c, CLOSE_MS);
	event_active(c->wr, EV_WRITE, 1);
}

void
evtls_shutdown(struct evtls *c)
{
	if (c->ending || c->closing || evtls_gone(c))
		return;
	c->ending = 1;
	evtls_want_output(c);
}

void
evtls_preface(struct evtls *c, ssize_t (*preface)(struct evtls *, void *,
    const uint8_t *, size_t), size_t max)
{
	c->preface = preface;
	c->preface_max = max;
}

int
evtls_release(struct evtls *c, uint8_t **buf, size_t *len)
{
	int	 fd = c->fd, ms = 0;

	*len = c->in.len;
	if (c->in.off > 0)
		memmove(c->in.data, c->in.data + c->in.off, c->in.len);
	*buf = c->in.data;
	memset(&c->in, 0, sizeof(c->in));
	/* Its next owner may have a peer that reads when it likes. */
#ifdef TCP_USER_TIMEOUT
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
#endif
	event_del(c->rd);
	event_del(c->wr);
	c->fd = -1;
	evtls_free(c);
	return (fd);
}

void
evtls_set_ops(struct evtls *c, const struct evtls_ops *ops, void *arg)
{
	c->ops = ops;
	c->arg = arg;
	if (evtls_gone(c))
		return;
	/* What the owner before it left is now its own. */
	c->offer = 1;
	if (c->left.len > 0 && !evtls_stopped(c))
		event_active(c->rd, EV_READ, 1);
}

void
evtls_want_output(struct evtls *c)
{
	/* Behind its end there is none. */
	if (evtls_gone(c) || c->notified)
		return;
	c->want = 1;
	if (c->ready && !c->armed && !c->pulling)
		event_active(c->wr, EV_WRITE, 1);
}

void
evtls_pause(struct evtls *c)
{
	if (c->paused || evtls_gone(c))
		return;
	c->paused = 1;
	if (!c->closing)
		event_del(c->rd);
}

void
evtls_resume(struct evtls *c)
{
	if (!c->paused || evtls_gone(c))
		return;
	c->paused = 0;
	if (c->closing)
		return;
	c->offer = 1;
	evtls_start_reading(c);
}

void
evtls_patient(struct evtls *c)
{
	size_t	 i;

	if (evtls_gone(c))
		return;
	for (i = 0; i < nitems(patient_options); i++)
		(void)setsockopt(c->fd, patient_options[i].level,
		    patient_options[i].option, &patient_options[i].value,
		    sizeof(patient_options[i].value));
}

/* A record that has come in part says nothing; libssl keeps it itself. */
int
evtls_kept_whole(const struct evtls *c)
{
	return (c->in.len > 0 && (c->record == NULL ||
	    tls_record_rest(evtls_kept_data(&c->in), c->in.len) == 0));
}

int
evtls_left(const struct evtls *c)
{
	return (c->left.len > 0 || evtls_kept_whole(c));
}

int
evtls_again(struct evtls *c)
{
	if (evtls_stopped(c))
		return (0);
	c->offer = 1;
	if (!evtls_left(c))
		return (0);
	event_active(c->rd, EV_READ, 1);
	return (1);
}

void
evtls_deadline(struct evtls *c, unsigned int ms)
{
	if (c->closing || evtls_gone(c))
		return;
	if (ms > 0)
		evtls_set_timer(c, ms);
	else if (c->timer != NULL)
		event_del(c->timer);
}

int
evtls_fd(const struct evtls *c)
{
	return (c->fd);
}

size_t
evtls_buffered(const struct evtls *c)
{
	return (c->in.len + c->left.len + c->out.len);
}

size_t
evtls_memory(const struct evtls *c)
{
	size_t	 n = 2;

	if (c->timer != NULL)
		n++;
	return (sizeof(*c) + n * event_get_struct_event_size() +
	    (c->record != NULL ? tls_record_memory() : 0) +
	    (c->host != NULL ? strlen(c->host) + 1 : 0) +
	    (c->servername != NULL ? strlen(c->servername) + 1 : 0) +
	    (c->text != NULL ? strlen(c->text) + 1 : 0));
}

size_t
evtls_memory_shared(void)
{
	return (evtls_bufs() == NULL ? 0 : sizeof(struct evtls_bufs));
}
