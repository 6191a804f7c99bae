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
 * A control socket: the daemon's end.  Who may connect is what the socket's
 * mode says; even so a client loses no more than its own connection
 * by what it sends.
 */

#include "compat.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <imsg.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "log.h"
#include "proc.h"

#define CONTROL_MAX		16		/* clients at once */
#define CONTROL_MS		30000		/* idle, or one request */
#define CONTROL_CLOSING_MS	2000		/* for the last words */
#define CONTROL_PAUSE_MS	1000		/* without descriptors */
#define CONTROL_QUEUE_HIGH	(1024 * 1024)	/* bytes of a list */
#define CONTROL_QUEUE_MAX	(16 * 1024 * 1024)

static void	control_accept(evutil_socket_t, short, void *);
static void	control_pause(int);
static void	control_resume(evutil_socket_t, short, void *);
static void	control_new(int);
static void	control_free(struct control *);
static void	control_kill(struct control *);
static void	control_abandon(struct control *);
static void	control_close(struct control *);
static void	control_timer(struct control *, int);
static void	control_readable(evutil_socket_t, short, void *);
static void	control_writable(evutil_socket_t, short, void *);
static void	control_timeout(evutil_socket_t, short, void *);
static void	control_record(const struct control *,
		    const struct ctl_end *);

static TAILQ_HEAD(, control) clients = TAILQ_HEAD_INITIALIZER(clients);
static uint32_t		 nclients, next_id;
static int		 listen_fd = -1, serving;
static struct event	*accept_event, *accept_timer;
static const struct control_ops *ops;

/* ---- accepting ---- */

void
control_listen(int fd)
{
	if (accept_event != NULL)
		event_free(accept_event);
	if (listen_fd != -1)
		close(listen_fd);
	listen_fd = fd;
	accept_event = event_new(proc_base(), fd, EV_READ | EV_PERSIST,
	    control_accept, NULL);
	if (accept_event == NULL)
		fatalx("no memory for events");
	if (serving)
		control_resume(-1, 0, NULL);
}

void
control_serve(const struct control_ops *control_ops)
{
	ops = control_ops;
	accept_timer = evtimer_new(proc_base(), control_resume, NULL);
	if (accept_timer == NULL)
		fatalx("no memory for events");
	serving = 1;
	control_resume(-1, 0, NULL);
}

/* ms 0: until a client leaves. */
static void
control_pause(int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	event_del(accept_event);
	if (ms > 0)
		evtimer_add(accept_timer, &tv);
}

static void
control_resume(evutil_socket_t fd, short what, void *arg)
{
	if (accept_event != NULL && nclients < CONTROL_MAX)
		event_add(accept_event, NULL);
}

static void
control_accept(evutil_socket_t lfd, short what, void *arg)
{
	int	 fd;

	if (nclients >= CONTROL_MAX) {
		control_pause(0);
		return;
	}
	if ((fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) ==
	    -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			log_warn("control: accept");
			control_pause(CONTROL_PAUSE_MS);
		}
		return;
	}
	control_new(fd);
}

/* ---- clients ---- */

static void
control_new(int fd)
{
	struct control	*c;
	gid_t		 gid;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		goto fail;
	if (getpeereid(fd, &c->uid, &gid) == -1) {
		log_warn("control: client");
		goto fail;
	}
	if (imsgbuf_init(&c->ibuf, fd) == -1)
		goto fail;
	c->readable = event_new(proc_base(), fd, EV_READ | EV_PERSIST,
	    control_readable, c);
	c->writable = event_new(proc_base(), fd, EV_WRITE, control_writable,
	    c);
	c->timer = evtimer_new(proc_base(), control_timeout, c);
	if (c->readable == NULL || c->writable == NULL || c->timer == NULL)
		fatalx("no memory for events");
	do
		c->id = ++next_id;
	while (c->id == 0);
	TAILQ_INSERT_TAIL(&clients, c, entry);
	nclients++;
	event_add(c->readable, NULL);
	control_timer(c, CONTROL_MS);
	log_debug("control: uid %u has connected", c->uid);
	return;
 fail:
	free(c);
	close(fd);
}

static void
control_free(struct control *c)
{
	TAILQ_REMOVE(&clients, c, entry);
	nclients--;
	event_free(c->readable);
	event_free(c->writable);
	event_free(c->timer);
	imsgbuf_clear(&c->ibuf);
	close(c->ibuf.fd);
	freezero(c, sizeof(*c));
	control_resume(-1, 0, NULL);
}

/* Drop it: at once nothing more is done for it, and soon it is freed. */
static void
control_kill(struct control *c)
{
	if (c->dead)
		return;
	control_abandon(c);
	c->dead = 1;
	event_del(c->readable);
	event_del(c->writable);
	/* Whoever called us may still look at it. */
	event_active(c->timer, EV_TIMEOUT, 1);
}

static void
control_record(const struct control *c, const struct ctl_end *end)
{
	if (ops->record != NULL)
		ops->record(c, end);
}

/* What it asked for may still happen, but it will not hear of it. */
static void
control_abandon(struct control *c)
{
	struct ctl_end	 end;

	if (c->req != NULL) {
		memset(&end, 0, sizeof(end));
		end.code = CTL_CODE_INTERNAL;
		strlcpy(end.text, "left before it was answered",
		    sizeof(end.text));
		control_record(c, &end);
	}
	c->req = NULL;
	c->wait = CONTROL_IDLE;
}

/* When what was said last is written. */
static void
control_close(struct control *c)
{
	if (c->dead)
		return;
	c->closing = 1;
	event_del(c->readable);
	event_add(c->writable, NULL);
	control_timer(c, CONTROL_CLOSING_MS);
}

static void
control_timer(struct control *c, int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	if (!c->dead)
		evtimer_add(c->timer, &tv);
}

struct control *
control_find(uint32_t id, enum control_wait wait)
{
	struct control	*c;

	TAILQ_FOREACH(c, &clients, entry) {
		if (c->id == id && !c->dead && c->wait == wait)
			return (c);
	}
	log_debug("control: client %u waits no longer", id);
	return (NULL);
}

void
control_await(struct control *c, enum control_wait wait, int ms)
{
	c->wait = wait;
	control_timer(c, ms == 0 ? CONTROL_MS : ms);
}

/* ---- what goes out ---- */

void
control_send(struct control *c, uint32_t type, const void *data, size_t len)
{
	control_send_fd(c, type, data, len, -1);
}

void
control_send_fd(struct control *c, uint32_t type, const void *data,
    size_t len, int fd)
{
	if (c->dead)
		goto fail;
	if (imsgbuf_queued_bytes(&c->ibuf) + len > CONTROL_QUEUE_MAX) {
		log_warnx("control: uid %u takes nothing of a long answer: "
		    "dropped", c->uid);
		control_kill(c);
		goto fail;
	}
	if (imsg_compose(&c->ibuf, type, 0, 0, fd, data, len) == -1) {
		log_warn("control: answer");
		control_kill(c);
		goto fail;
	}
	event_add(c->writable, NULL);
	return;
 fail:
	if (fd != -1)
		close(fd);
}

size_t
control_queued(uint32_t *n)
{
	struct control	*c;
	size_t		 total = 0;

	TAILQ_FOREACH(c, &clients, entry)
		total += imsgbuf_queued_bytes(&c->ibuf);
	*n = nclients;
	return (total);
}

int
control_room(const struct control *c)
{
	return (!c->dead &&
	    imsgbuf_queued_bytes(&c->ibuf) < CONTROL_QUEUE_HIGH);
}

void
control_end(struct control *c, const struct ctl_end *end)
{
	if (c->dead)
		return;
	control_record(c, end);
	c->req = NULL;
	explicit_bzero(&c->payload, sizeof(c->payload));
	control_await(c, CONTROL_IDLE, 0);
	control_send(c, end->code == CTL_CODE_OK ? CTL_OK : CTL_ERROR, end,
	    sizeof(*end));
}

void
control_done(struct control *c, enum ctl_code code, const char *text)
{
	struct ctl_end	 end;

	memset(&end, 0, sizeof(end));
	end.code = code;
	strlcpy(end.text, text, sizeof(end.text));
	control_end(c, &end);
}

static void
control_writable(evutil_socket_t fd, short what, void *arg)
{
	struct control	*c = arg;
	size_t		 before = imsgbuf_queued_bytes(&c->ibuf);

	if (imsgbuf_write(&c->ibuf) == -1) {
		control_kill(c);
		return;
	}
	if (imsgbuf_queued_bytes(&c->ibuf) < before && !c->closing &&
	    c->wait == CONTROL_READER)
		control_await(c, CONTROL_READER, 0);
	if (c->wait == CONTROL_READER && control_room(c))
		ops->go_on(c);
	if (imsgbuf_queuelen(&c->ibuf) > 0)
		event_add(c->writable, NULL);
	else if (c->closing)
		control_kill(c);
}

/* ---- what comes in ---- */

static void
control_readable(evutil_socket_t fd, short what, void *arg)
{
	struct control	*c = arg;
	struct imsg	 imsg;
	int		 n, bad;

	if ((n = imsgbuf_read(&c->ibuf)) != 1) {
		if (n == -1)
			log_debug("control: uid %u: %s", c->uid,
			    strerror(errno));
		control_kill(c);
		return;
	}
	while (!c->dead && !c->closing) {
		if ((n = imsgbuf_get(&c->ibuf, &imsg)) == 0)
			return;
		bad = n == -1;
		if (n == 1) {
			/* One at a time: what comes too early is a fault. */
			bad = c->wait != CONTROL_IDLE ||
			    ops->take(c, &imsg) == -1;
			imsg_free(&imsg);
		}
		if (!bad)
			continue;
		log_warnx("control: uid %u sent what is no request: dropped",
		    c->uid);
		control_abandon(c);
		control_done(c, CTL_CODE_INVALID, ops->unknown);
		control_close(c);
	}
}

static void
control_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct control	*c = arg;

	if (c->dead) {
		control_free(c);
		return;
	}
	if (c->wait == CONTROL_READER) {
		log_info("control: uid %u reads nothing of a long answer: "
		    "dropped", c->uid);
		/* It may yet wake up and read what is there. */
		control_done(c, CTL_CODE_INTERNAL, "the answer was read too "
		    "slowly: dropped");
		control_close(c);
		return;
	}
	if (c->closing || c->wait == CONTROL_IDLE) {
		log_debug("control: uid %u: idle", c->uid);
		control_kill(c);
		return;
	}
	if (ops->expired != NULL)
		ops->expired(c);
	else
		control_done(c, CTL_CODE_INTERNAL, "no answer in time");
}

/* ---- faults elsewhere ---- */

void
control_end_all(enum control_wait wait, enum ctl_code code, const char *text)
{
	struct control	*c, *tmp;

	TAILQ_FOREACH_SAFE(c, &clients, entry, tmp) {
		if (!c->dead && c->wait == wait)
			control_done(c, code, text);
	}
}

void
control_end_cursor(enum control_wait wait, uint64_t id,
    void (*done)(struct control *))
{
	struct control	*c, *tmp;

	TAILQ_FOREACH_SAFE(c, &clients, entry, tmp) {
		if (!c->dead && c->wait == wait && c->cursor == id)
			done(c);
	}
}
