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
 * The pipes of a process: who is at the other end, what waits to be sent,
 * and whether a message that came may be handled.
 */

#include "compat.h"

#include <sys/queue.h>
#include <sys/time.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <imsg.h>

#include "clock.h"
#include "log.h"
#include "proc_internal.h"

#define PROC_RETRY_MS	100	/* when there is no room to read */

static const struct proc_rule *proc_rule_find(const struct proc_peer *,
			    uint32_t);
static const char	*proc_rule_check(const struct proc_rule *,
			    const struct imsg *);
static int		 proc_dispatch(struct proc_peer *, struct imsg *);
static void		*proc_event_malloc(size_t);
static void		*proc_event_realloc(void *, size_t);
static int		 proc_peer_drain(struct proc_peer *, int);
static int		 proc_peer_handle(struct proc_peer *, int);
static void		 proc_peer_deaf(struct proc_peer *);
static void		 proc_peer_free(struct proc_peer *);
static void		 proc_peer_pause(struct proc_peer *);
static void		 proc_peer_readable(evutil_socket_t, short, void *);
static void		 proc_peer_writable(evutil_socket_t, short, void *);
static void		 proc_peer_retry(evutil_socket_t, short, void *);

struct proc_self	 proc_self;

/*
 * An event that could not be added would be waited for in vain; whoever adds
 * one does not ask.  So libevent's memory is ours to miss.
 */
static void *
proc_event_malloc(size_t n)
{
	void	*p;

	if ((p = malloc(n)) == NULL)
		fatal("events");
	return (p);
}

static void *
proc_event_realloc(void *old, size_t n)
{
	void	*p;

	if ((p = realloc(old, n)) == NULL && n != 0)
		fatal("events");
	return (p);
}

/* Which process this is, for all that follows. */
void
proc_become(const struct proc_daemon *d, const struct proc_options *opts,
    int kind, int instance)
{
	if (d->ndefs == 0 || d->ndefs > PROC_KINDS_MAX)
		fatalx("%s: %zu kinds of processes", d->name, d->ndefs);
	event_set_mem_functions(proc_event_malloc, proc_event_realloc, free);
	proc_self.daemon = d;
	proc_self.def = &d->defs[kind];
	/* These lie in memory that the title is written over. */
	proc_self.opts = *opts;
	proc_self.opts.argv = NULL;
	if ((proc_self.argv0 = strdup(opts->argv[0])) == NULL ||
	    (opts->test != NULL &&
	    (proc_self.opts.test = strdup(opts->test)) == NULL))
		fatal("strdup");
	proc_self.kind = kind;
	proc_self.instance = instance;
	proc_name(kind, instance, proc_self.name, sizeof(proc_self.name));
}

/* "router", or "listener 1" where there may be several. */
void
proc_name(int kind, int instance, char *name, size_t len)
{
	const struct proc_def	*def = &proc_self.daemon->defs[kind];

	if (def->instances == NULL)
		strlcpy(name, def->name, len);
	else
		snprintf(name, len, "%s %d", def->name, instance);
}

struct event_base *
proc_base(void)
{
	return (proc_self.base);
}

int
proc_instance(void)
{
	return (proc_self.instance);
}

void
proc_quit(int status)
{
	proc_self.quit(status);
}

/*
 * Peers.
 */

struct proc_peer *
proc_peer(int kind, int instance)
{
	if (kind < 0 || kind >= PROC_KINDS_MAX ||
	    instance < 0 || instance >= PROC_INSTANCES_MAX)
		return (NULL);
	return (proc_self.peers[kind][instance]);
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

struct proc_peer *
proc_peer_new(int kind, int instance, int fd)
{
	struct proc_peer	*p;

	if ((p = proc_self.peers[kind][instance]) != NULL)
		proc_peer_close(p);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("calloc");
	p->kind = kind;
	p->instance = instance;
	proc_name(kind, instance, p->name, sizeof(p->name));
	if (evutil_make_socket_nonblocking(fd) == -1 ||
	    imsgbuf_init(&p->ibuf, fd) == -1)
		fatal("pipe to %s", p->name);
	imsgbuf_allow_fdpass(&p->ibuf);
	p->read = event_new(proc_self.base, fd, EV_READ | EV_PERSIST,
	    proc_peer_readable, p);
	p->write = event_new(proc_self.base, fd, EV_WRITE,
	    proc_peer_writable, p);
	p->later = evtimer_new(proc_self.base, proc_peer_writable, p);
	p->retry = evtimer_new(proc_self.base, proc_peer_retry, p);
	if (p->read == NULL || p->write == NULL || p->later == NULL ||
	    p->retry == NULL)
		fatalx("pipe to %s: no memory for events", p->name);
	proc_self.peers[kind][instance] = p;
	return (p);
}

void
proc_peer_start(struct proc_peer *p)
{
	if (!p->xoff)
		event_add(p->read, NULL);
	/* The parent and a child know of each other without being told. */
	if (p->told || p->kind == PROC_PARENT ||
	    proc_self.kind == PROC_PARENT)
		return;
	p->told = 1;
	if (proc_self.def->peer_up != NULL)
		proc_self.def->peer_up(p);
}

void
proc_peer_close(struct proc_peer *p)
{
	if (p->gone)
		return;
	p->gone = 1;
	event_del(p->read);
	event_del(p->write);
	event_del(p->later);
	event_del(p->retry);
	proc_self.peers[p->kind][p->instance] = NULL;
	if (p->told && proc_self.def->peer_down != NULL)
		proc_self.def->peer_down(p);
	if (!p->busy)
		proc_peer_free(p);
}

static void
proc_peer_free(struct proc_peer *p)
{
	event_free(p->read);
	event_free(p->write);
	event_free(p->later);
	event_free(p->retry);
	imsgbuf_clear(&p->ibuf);
	close(p->ibuf.fd);
	free(p);
}

/*
 * What comes in.
 */

static const struct proc_rule *
proc_rule_find(const struct proc_peer *p, uint32_t type)
{
	const struct proc_rule	*r;
	size_t			 i;

	if (type < PROC_IMSG_FIRST) {
		/* Between the parent and its children only. */
		if (proc_self.kind != PROC_PARENT && p->kind != PROC_PARENT)
			return (NULL);
		for (i = 0; i < proc_self.nrules; i++)
			if (proc_self.rules[i].type == type)
				return (&proc_self.rules[i]);
		return (NULL);
	}
	for (i = 0; i < proc_self.def->nrules; i++) {
		r = &proc_self.def->rules[i];
		if (r->type == type && r->from == p->kind)
			return (r);
	}
	return (NULL);
}

/* What is wrong with the shape of a message, or NULL. */
static const char *
proc_rule_check(const struct proc_rule *r, const struct imsg *imsg)
{
	size_t	 len = imsg_get_len(imsg);

	if (r == NULL)
		return ("type not allowed");
	if (len < r->size || len > (r->max > 0 ? r->max : r->size))
		return ("wrong length");
	if (r->fd != (imsg->fd != -1))
		return (r->fd ? "no descriptor" : "a descriptor");
	return (NULL);
}

static int
proc_dispatch(struct proc_peer *p, struct imsg *imsg)
{
	const struct proc_rule	*r;
	const char		*wrong;
	uint32_t		 type = imsg_get_type(imsg);

	r = proc_rule_find(p, type);
	if (p->mute && (r == NULL || type >= PROC_IMSG_FIRST)) {
		imsg_free(imsg);
		return (0);
	}
	wrong = proc_rule_check(r, imsg);
	if (wrong == NULL && r->handler(p, imsg) == -1)
		wrong = "bad value";
	imsg_free(imsg);
	if (wrong == NULL)
		return (0);
	log_warnx("%s sent a bad message (type %u, %s): refused", p->name,
	    type, wrong);
	return (-1);
}

/* Handle what was read; all: even if the handler wants no more. */
static int
proc_peer_drain(struct proc_peer *p, int all)
{
	struct imsg	 imsg;
	int		 n;

	while (!p->gone && (all || !p->xoff)) {
		if ((n = imsgbuf_get(&p->ibuf, &imsg)) == 0)
			return (0);
		if (n == -1) {
			log_warn("%s sent no message", p->name);
			return (-1);
		}
		if (proc_dispatch(p, &imsg) == -1)
			return (-1);
	}
	return (0);
}

/*
 * Read once and handle it.  Returns 1 to go on; 0 when the peer was closed
 * meanwhile (and is freed); -1 when it is lost or at fault, after closing
 * it as the role demands.
 */
static int
proc_peer_handle(struct proc_peer *p, int n)
{
	int	 bad = 0;

	if (n == -1 && (errno == EMFILE || errno == ENOMEM)) {
		proc_peer_pause(p);
		return (1);
	}
	if (n == -1) {
		log_warn("read from %s", p->name);
		bad = 1;
	} else {
		p->busy = 1;
		bad = proc_peer_drain(p, n == 0) == -1;
		p->busy = 0;
	}
	if (p->gone) {
		proc_peer_free(p);
		return (0);
	}
	if (bad)
		proc_self.bad(p);
	else if (n == 0)
		proc_self.lost(p);
	else
		return (1);
	return (-1);
}

static void
proc_peer_readable(evutil_socket_t fd, short what, void *arg)
{
	struct proc_peer	*p = arg;

	proc_peer_handle(p, imsgbuf_read(&p->ibuf));
}

int
proc_peer_poll(struct proc_peer *p, int ms)
{
	struct pollfd	 pfd = { .fd = p->ibuf.fd, .events = POLLIN };
	int		 n;

	if ((n = poll(&pfd, 1, ms)) == -1)
		return (errno == EINTR ? 0 : -1);
	if (n == 0)
		return (0);
	return (proc_peer_handle(p, imsgbuf_read(&p->ibuf)) == 1 ? 0 : -1);
}

/* No room for what comes, as a descriptor: it waits in the pipe. */
static void
proc_peer_pause(struct proc_peer *p)
{
	struct timeval	 tv = { 0, PROC_RETRY_MS * 1000 };

	log_debug("%s: reading later: %s", p->name, strerror(errno));
	event_del(p->read);
	evtimer_add(p->retry, &tv);
}

static void
proc_peer_retry(evutil_socket_t fd, short what, void *arg)
{
	struct proc_peer	*p = arg;

	if (!p->xoff)
		event_add(p->read, NULL);
}

void
proc_xoff(struct proc_peer *p)
{
	if (p->xoff || p->gone)
		return;
	p->xoff = 1;
	event_del(p->read);
}

void
proc_xon(struct proc_peer *p)
{
	if (!p->xoff || p->gone)
		return;
	p->xoff = 0;
	event_add(p->read, NULL);
	/* Some may have been read already. */
	event_active(p->read, EV_READ, 1);
}

/*
 * What goes out.  It is written when all events of this pass were handled,
 * so that many messages leave in one system call.
 */

static void
proc_peer_writable(evutil_socket_t fd, short what, void *arg)
{
	struct proc_peer	*p = arg;

	event_del(p->later);
	if (imsgbuf_write(&p->ibuf) == -1) {
		/* It is gone, but what it said last is still to be read. */
		log_debug("write to %s: %s", p->name, strerror(errno));
		return;
	}
	if (imsgbuf_queuelen(&p->ibuf) > 0)
		event_add(p->write, NULL);
	if (p->congested && proc_queued(p) <= PROC_QUEUE_LOW) {
		p->congested = 0;
		if (proc_self.def->congested != NULL)
			proc_self.def->congested(p, 0);
	}
}

/*
 * What is lost for want of memory would leave the two of them with different
 * ideas of what is so.  A child begins anew, and so does one that the parent
 * has nothing more to say to.
 */
static void
proc_peer_deaf(struct proc_peer *p)
{
	struct proc_kid	*k;

	if (proc_self.kind != PROC_PARENT)
		fatal("message to %s", p->name);
	p->deaf = 1;
	if ((k = proc_kid_find(p->kind, p->instance)) == NULL || k->pid == 0)
		return;
	log_warnx("no memory for a message to %s (pid %ld): ended", k->name,
	    (long)k->pid);
	kill(k->pid, SIGKILL);
}

/* Queue it; returns 0, or -1 when the descriptor has been closed. */
static int
proc_peer_queue(struct proc_peer *p, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	if (p == NULL || p->gone || p->deaf ||
	    proc_queued(p) + IMSG_HEADER_SIZE + len > PROC_QUEUE_MAX)
		goto fail;
	if (imsg_compose(&p->ibuf, type, id, 0, fd, data, len) == -1) {
		if (errno == ENOMEM)
			proc_peer_deaf(p);
		goto fail;
	}
	if (!p->congested && proc_queued(p) > PROC_QUEUE_HIGH) {
		p->congested = 1;
		if (proc_self.def->congested != NULL)
			proc_self.def->congested(p, 1);
	}
	return (0);

fail:
	if (fd != -1)
		close(fd);
	return (-1);
}

int
proc_send(struct proc_peer *p, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	if (proc_peer_queue(p, type, id, fd, data, len) == -1)
		return (-1);
	if (!event_pending(p->write, EV_WRITE, NULL))
		event_active(p->write, EV_WRITE, 1);
	return (0);
}

int
proc_send_later(struct proc_peer *p, uint32_t type, uint32_t id,
    const void *data, size_t len)
{
	const struct timeval	 tv = { 0, PROC_LATER_MS * 1000 };

	if (proc_peer_queue(p, type, id, -1, data, len) == -1)
		return (-1);
	if (event_pending(p->write, EV_WRITE, NULL))
		return (0);
	if (p->congested)
		event_active(p->write, EV_WRITE, 1);
	else if (!event_pending(p->later, EV_TIMEOUT, NULL))
		event_add(p->later, &tv);
	return (0);
}

size_t
proc_queued(const struct proc_peer *p)
{
	return (imsgbuf_queued_bytes(&p->ibuf));
}

void
proc_flush(void)
{
	struct proc_peer	*p;
	size_t			 i;

	for (i = 0; i < PROC_KINDS_MAX * PROC_INSTANCES_MAX; i++) {
		p = proc_self.peers[i / PROC_INSTANCES_MAX]
		    [i % PROC_INSTANCES_MAX];
		if (p != NULL)
			imsgbuf_write(&p->ibuf);
	}
}
