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
 * Sessions are in a tree, by whom they are with, and in a list, the one that
 * was active last at its end: its head is the next to be idle too long.  Who
 * makes room is by another order, see udp_rank.h.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/tree.h>
#include <sys/uio.h>

#include <event2/event.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "clock.h"
#include "udp_key.h"
#include "udp_rank.h"
#include "udp_sessions.h"

#define SESSIONS_BATCH	64	/* datagrams in a pass of the event loop */

struct udp_waiting {
	STAILQ_ENTRY(udp_waiting) entry;
	uint64_t		 at;	/* ms */
	size_t			 len;
	uint8_t			 data[];
};

struct udp_session {
	RB_ENTRY(udp_session)	 by_key;
	TAILQ_ENTRY(udp_session) entry;
	struct udp_rank		 rank;
	struct udp_sessions	*us;
	struct udp_key		 key;
	struct sockaddr_storage	 source;
	struct mux_stream	*stream;	/* NULL: it has none yet */
	int			 accepted;	/* and nothing waits any more */
	STAILQ_HEAD(, udp_waiting) waiting;
	unsigned int		 nwaiting;
	uint64_t		 active;	/* ms */
	uint64_t		 got, given;	/* bytes */
	void			*user;
};

RB_HEAD(udp_tree, udp_session);

struct udp_sessions {
	struct event		*ev;
	struct event		*timer;
	const struct udp_sessions_ops *ops;
	void			*arg;
	int			 fd;
	unsigned int		 max;
	unsigned int		 idle_ms;
	unsigned int		 n;
	int			 paused;
	struct udp_tree		 tree;
	TAILQ_HEAD(, udp_session) list;
	struct udp_ranks	 ranks;
};

static uint8_t	 buffer[MUX_DGRAM_MAX + 1];

static int	key_cmp(struct udp_session *, struct udp_session *);
static void	sessions_read(evutil_socket_t, short, void *);
static void	sessions_idle(evutil_socket_t, short, void *);
static void	session_active(struct udp_session *);
static void	session_end(struct udp_session *, uint16_t, const char *);
static void	session_wait(struct udp_session *, const uint8_t *, size_t);
static void	session_forget(struct udp_session *);
static void	session_accepted(struct mux_stream *, void *);
static size_t	session_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static void	session_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static int	session_datagram(struct mux_stream *, void *, const uint8_t *,
		    size_t);

RB_GENERATE_STATIC(udp_tree, udp_session, by_key, key_cmp)

static const struct mux_stream_ops	 session_ops = {
	.accepted = session_accepted,
	.input = session_input,
	.reset = session_reset,
	.datagram = session_datagram
};

static int
key_cmp(struct udp_session *a, struct udp_session *b)
{
	return (memcmp(&a->key, &b->key, sizeof(a->key)));
}

/* ---- Making and ending -------------------------------------------------- */

struct udp_sessions *
udp_sessions_new(struct event_base *base, int fd, unsigned int max,
    unsigned int idle_ms, const struct udp_sessions_ops *ops, void *arg)
{
	struct udp_sessions	*us;

	if ((us = calloc(1, sizeof(*us))) == NULL)
		return (NULL);
	us->fd = fd;
	us->max = max;
	us->idle_ms = idle_ms;
	us->ops = ops;
	us->arg = arg;
	RB_INIT(&us->tree);
	TAILQ_INIT(&us->list);
	udp_ranks_begin(&us->ranks, max);
	us->ev = event_new(base, fd, EV_READ | EV_PERSIST, sessions_read, us);
	us->timer = evtimer_new(base, sessions_idle, us);
	if (us->ev == NULL || us->timer == NULL ||
	    event_add(us->ev, NULL) == -1) {
		udp_sessions_free(us);
		return (NULL);
	}
	return (us);
}

void
udp_sessions_free(struct udp_sessions *us)
{
	struct udp_session	*s;

	if (us == NULL)
		return;
	while ((s = TAILQ_FIRST(&us->list)) != NULL)
		udp_session_kill(s, MUX_CODE_CANCEL, "");
	if (us->ev != NULL)
		event_free(us->ev);
	if (us->timer != NULL)
		event_free(us->timer);
	free(us);
}

void
udp_sessions_pause(struct udp_sessions *us, int pause)
{
	us->paused = pause;
	if (pause)
		event_del(us->ev);
	else
		event_add(us->ev, NULL);
}

unsigned int
udp_sessions_count(const struct udp_sessions *us)
{
	return (us->n);
}

void
udp_sessions_waiting(struct udp_sessions *us,
    void (*each)(struct udp_session *, void *))
{
	struct udp_session	*s, *tmp;

	TAILQ_FOREACH_SAFE(s, &us->list, entry, tmp) {
		if (s->stream == NULL)
			each(s, us->arg);
	}
}

/* ---- Idle --------------------------------------------------------------- */

static void
sessions_arm(struct udp_sessions *us)
{
	struct udp_session	*s = TAILQ_FIRST(&us->list);
	struct timeval		 tv;
	uint64_t		 now = clock_ms(), ms = 0;

	if (s == NULL) {
		event_del(us->timer);
		return;
	}
	if (s->active + us->idle_ms > now)
		ms = s->active + us->idle_ms - now;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	evtimer_add(us->timer, &tv);
}

void
udp_sessions_set_idle(struct udp_sessions *us, unsigned int ms)
{
	us->idle_ms = ms;
	sessions_arm(us);
}

static void
sessions_idle(evutil_socket_t fd __unused, short what __unused, void *arg)
{
	struct udp_sessions	*us = arg;
	struct udp_session	*s;
	struct mux_stream	*stream;

	while ((s = TAILQ_FIRST(&us->list)) != NULL &&
	    clock_ms() - s->active >= us->idle_ms) {
		stream = s->stream;
		s->stream = NULL;
		if (stream != NULL)
			mux_reset(stream, MUX_CODE_CANCEL, "idle");
		session_end(s, 0, NULL);
	}
	sessions_arm(us);
}

static void
session_active(struct udp_session *s)
{
	TAILQ_REMOVE(&s->us->list, s, entry);
	TAILQ_INSERT_TAIL(&s->us->list, s, entry);
	s->active = clock_ms();
}

/* ---- Sessions ----------------------------------------------------------- */

/* Which is to make room? */
static struct udp_session *
sessions_least(struct udp_sessions *us)
{
	return ((struct udp_session *)(void *)((char *)udp_ranks_least(
	    &us->ranks) - offsetof(struct udp_session, rank)));
}

static struct udp_session *
session_new(struct udp_sessions *us, const struct udp_key *key,
    const struct sockaddr_storage *source)
{
	struct udp_session	*s;

	if (us->max == 0)
		return (NULL);
	if (us->n >= us->max)
		udp_session_kill(sessions_least(us), MUX_CODE_LIMIT,
		    "too many sessions");
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->us = us;
	s->key = *key;
	s->source = *source;
	s->active = clock_ms();
	STAILQ_INIT(&s->waiting);
	RB_INSERT(udp_tree, &us->tree, s);
	TAILQ_INSERT_TAIL(&us->list, s, entry);
	udp_rank_add(&us->ranks, &s->rank, s->active);
	if (us->n++ == 0)
		sessions_arm(us);
	return (s);
}

static void
session_free(struct udp_session *s)
{
	session_forget(s);
	RB_REMOVE(udp_tree, &s->us->tree, s);
	TAILQ_REMOVE(&s->us->list, s, entry);
	udp_rank_remove(&s->us->ranks, &s->rank);
	s->us->n--;
	free(s);
}

static void
session_end(struct udp_session *s, uint16_t code, const char *text)
{
	s->us->ops->end(s, s->us->arg, code, text);
	session_free(s);
}

void
udp_session_kill(struct udp_session *s, uint16_t code, const char *text)
{
	struct mux_stream	*stream = s->stream;

	s->stream = NULL;
	if (stream != NULL)
		mux_reset(stream, code, text);
	session_end(s, code, text);
}

int
udp_session_waits(const struct udp_session *s)
{
	const struct udp_waiting	*w;
	uint64_t			 now = clock_ms();

	STAILQ_FOREACH(w, &s->waiting, entry) {
		if (now - w->at < UDP_SESSION_WAIT_MS)
			return (1);
	}
	return (0);
}

int
udp_session_open(struct udp_session *s, struct mux *mux,
    const struct mux_open *open)
{
	struct mux_stream	*stream;
	struct udp_waiting	*w;
	uint64_t		 now;

	stream = mux_open_stream(mux, open, &session_ops, s);
	if (stream == NULL)
		return (-1);
	now = clock_ms();
	s->stream = stream;
	STAILQ_FOREACH(w, &s->waiting, entry) {
		if (now - w->at < UDP_SESSION_WAIT_MS)
			(void)mux_dgram_send(stream, w->data, w->len);
	}
	return (0);
}

void
udp_session_meter(struct udp_session *s, struct meter_flow *from,
    struct meter_flow *to)
{
	if (s->stream == NULL)
		return;
	mux_pace(s->stream, from);
	mux_meter(s->stream, to);
}

struct mux_stream *
udp_session_stream(struct udp_session *s)
{
	return (s->stream);
}

const struct sockaddr *
udp_session_source(const struct udp_session *s)
{
	return ((const struct sockaddr *)&s->source);
}

void
udp_session_bytes(const struct udp_session *s, uint64_t *got, uint64_t *given)
{
	*got = s->got;
	*given = s->given;
}

void
udp_session_set(struct udp_session *s, void *user)
{
	s->user = user;
}

void *
udp_session_get(const struct udp_session *s)
{
	return (s->user);
}

/* ---- From the socket ---------------------------------------------------- */

static void
session_forget(struct udp_session *s)
{
	struct udp_waiting	*w;

	while ((w = STAILQ_FIRST(&s->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->waiting, entry);
		free(w);
	}
	s->nwaiting = 0;
}

/* For a stream that is to come, or to come again. */
static void
session_wait(struct udp_session *s, const uint8_t *p, size_t n)
{
	struct udp_waiting	*w;

	if (s->nwaiting == UDP_SESSION_WAITING) {
		w = STAILQ_FIRST(&s->waiting);
		STAILQ_REMOVE_HEAD(&s->waiting, entry);
		free(w);
		s->nwaiting--;
	}
	if ((w = malloc(sizeof(*w) + n)) == NULL)
		return;
	w->at = clock_ms();
	w->len = n;
	memcpy(w->data, p, n);
	STAILQ_INSERT_TAIL(&s->waiting, w, entry);
	s->nwaiting++;
}

static void
sessions_datagram(struct udp_sessions *us, const struct udp_key *key,
    const struct sockaddr_storage *source, size_t n)
{
	struct udp_session	 find, *s;

	find.key = *key;
	if ((s = RB_FIND(udp_tree, &us->tree, &find)) == NULL) {
		if (us->ops->welcome != NULL && !us->ops->welcome(
		    (const struct sockaddr *)source, us->arg))
			return;
		if ((s = session_new(us, key, source)) == NULL)
			return;
		s->got = n;
		/* So that it is there when begin gives it a stream. */
		session_wait(s, buffer, n);
		if (us->ops->begin(s, us->arg) == -1)
			session_free(s);
		return;
	}
	session_active(s);
	udp_rank_spoke(&us->ranks, &s->rank, s->active);
	/* What a limit does not let through was not carried. */
	if (s->stream != NULL && mux_dgram_send(s->stream, buffer, n) == -1)
		return;
	s->got += n;
	if (!s->accepted)
		session_wait(s, buffer, n);
	if (s->stream == NULL && us->ops->waits != NULL)
		us->ops->waits(s, us->arg);
}

static void
sessions_read(evutil_socket_t fd, short what __unused, void *arg)
{
	struct udp_sessions	*us = arg;
	struct sockaddr_storage	 source;
	union udp_control	 control;
	struct udp_key		 key;
	struct iovec		 iov = { buffer, sizeof(buffer) };
	struct msghdr		 msg;
	ssize_t			 n;
	int			 i;

	for (i = 0; i < SESSIONS_BATCH && !us->paused; i++) {
		memset(&source, 0, sizeof(source));
		memset(&msg, 0, sizeof(msg));
		msg.msg_name = &source;
		msg.msg_namelen = sizeof(source);
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		if ((n = recvmsg(fd, &msg, 0)) == -1) {
			/* What an earlier send met is no concern of these. */
			if (errno == EAGAIN || errno == EWOULDBLOCK)
				return;
			continue;
		}
		if ((msg.msg_flags & MSG_TRUNC) == 0 &&
		    udp_key_get(&key, &source, &msg) == 0)
			sessions_datagram(us, &key, &source, (size_t)n);
	}
}

/* ---- From the mux ------------------------------------------------------- */

static int
session_datagram(struct mux_stream *stream __unused, void *arg,
    const uint8_t *p, size_t n)
{
	struct udp_session	*s = arg;
	union udp_control	 control;
	struct iovec		 iov;
	struct msghdr		 msg;

	session_active(s);
	iov.iov_base = __DECONST(void *, p);
	iov.iov_len = n;
	memset(&msg, 0, sizeof(msg));
	msg.msg_name = &s->source;
	msg.msg_namelen = addr_len((struct sockaddr *)&s->source);
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	udp_key_put(&s->key, &msg, &control);
	/* What the network does not take is lost, as in a network. */
	if (sendmsg(s->us->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) != -1) {
		s->given += n;
		udp_rank_answered(&s->us->ranks, &s->rank);
	}
	return (1);
}

/* FIN: the far end is gone. */
static size_t
session_input(struct mux_stream *stream __unused, void *arg,
    const uint8_t *p __unused, size_t n __unused)
{
	udp_session_kill(arg, MUX_CODE_CANCEL, "the far end has ended it");
	return (0);
}

static void
session_accepted(struct mux_stream *stream __unused, void *arg)
{
	struct udp_session	*s = arg;

	s->accepted = 1;
	session_forget(s);
}

static void
session_reset(struct mux_stream *stream __unused, void *arg, uint16_t code,
    const char *text)
{
	struct udp_session	*s = arg;

	s->stream = NULL;
	if (!s->accepted && s->us->ops->refused != NULL &&
	    s->us->ops->refused(s, s->us->arg, code, text))
		return;
	session_end(s, code, text);
}

size_t
udp_session_memory(const struct udp_session *s)
{
	struct udp_waiting	*w;
	size_t			 total = sizeof(*s);

	STAILQ_FOREACH(w, &s->waiting, entry)
		total += sizeof(*w) + w->len;
	return (total);
}
