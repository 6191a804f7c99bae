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
 * The local ports and sockets of accessctl forward.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <event2/event.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "forward.h"
#include "log.h"
#include "udp_key.h"

#define ACCEPT_BATCH	64
#define BACKLOG		1024
#define PAUSE_MS	100	/* of accepting, without descriptors */
#define COMPLAIN_US	60000000 /* between lines about that */

/* One bound socket; the list owns it. */
struct listener {
	TAILQ_ENTRY(listener)	 entry;
	struct forward		*forward;
	struct event		*ev;
	void			(*accepted)(struct forward *, int, uint64_t);
	uint64_t		 since;		/* us: what is in its queue
						   was held since, or 0 */
	int			 fd;
	int			 held;
};

/* What all sockets of one -L have in common. */
struct listen_spec {
	struct event_base	*base;
	struct forward		*forward;
	void			(*accepted)(struct forward *, int, uint64_t);
	uint16_t		 port;
	unsigned int		 idle_ms;	/* of UDP */
};

/* Where we listen, for who asks for it again by another name. */
struct bound {
	SLIST_ENTRY(bound)	 entry;
	struct sockaddr_storage	 ss;
	int			 dgram;
};

static TAILQ_HEAD(, listener)	 listeners = TAILQ_HEAD_INITIALIZER(listeners);
static SLIST_HEAD(, bound)	 bounds = SLIST_HEAD_INITIALIZER(bounds);
static struct event		*pause_timer;
static int			 paused;

static int	listen_on(struct event_base *, int, struct forward *,
		    void (*)(struct forward *, int, uint64_t));
static void	bound_add(const struct sockaddr_storage *, int);
static int	bound_here(const struct sockaddr *, int);
static int	listen_bind(const struct listen_spec *,
		    const struct addrinfo *);
static int	listen_host(const struct listen_spec *, const char *, int);
static int	listen_path(const struct listen_spec *, const char *);
static void	listen_complain_full(int);
static void	listen_accept(evutil_socket_t, short, void *);
static void	listen_again(evutil_socket_t, short, void *);

/* Accept what comes to a bound socket.  0, or -1 with errno. */
static int
listen_on(struct event_base *base, int fd, struct forward *f,
    void (*accepted)(struct forward *, int, uint64_t))
{
	struct listener	*l;

	if (listen(fd, BACKLOG) == -1 || (l = calloc(1, sizeof(*l))) == NULL)
		return (-1);
	l->forward = f;
	l->accepted = accepted;
	l->fd = fd;
	if ((l->ev = event_new(base, fd, EV_READ | EV_PERSIST, listen_accept,
	    l)) == NULL) {
		free(l);
		errno = ENOMEM;
		return (-1);
	}
	TAILQ_INSERT_TAIL(&listeners, l, entry);
	return (0);
}

static void
bound_add(const struct sockaddr_storage *ss, int dgram)
{
	struct bound	*b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		fatal("forward");
	b->ss = *ss;
	b->dgram = dgram;
	SLIST_INSERT_HEAD(&bounds, b, entry);
}

/* Does one of ours keep this from being bound?  A wildcard keeps all. */
static int
bound_here(const struct sockaddr *sa, int dgram)
{
	const struct sockaddr	*ours;
	const struct bound	*b;
	char			 text[2][ADDR_STRLEN];

	SLIST_FOREACH(b, &bounds, entry) {
		ours = (const struct sockaddr *)&b->ss;
		if (b->dgram == dgram && ours->sa_family == sa->sa_family &&
		    addr_port(ours) == addr_port(sa) &&
		    (addr_is_any(ours) || addr_is_any(sa) ||
		    strcmp(addr_format(ours, text[0]),
		    addr_format(sa, text[1])) == 0))
			return (1);
	}
	return (0);
}

/* 0, or -1 with errno. */
static int
listen_bind(const struct listen_spec *ls, const struct addrinfo *ai)
{
	struct sockaddr_storage	 ss;
	struct forward		*f = ls->forward;
	socklen_t		 len = sizeof(ss);
	int			 dgram = mux_kind_dgram(f->open.kind), fd;
	int			 one = 1, save_errno;

	fd = socket(ai->ai_family, (dgram ? SOCK_DGRAM : SOCK_STREAM) |
	    SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return (-1);
	/* Two programs that share a UDP port each get some of it. */
	if ((!dgram && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one,
	    sizeof(one)) == -1) || (ai->ai_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
	    sizeof(one)) == -1))
		goto fail;
	if (dgram)
		udp_key_socket(fd, ai->ai_family);
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		goto fail;
	if (f->name[0] == '\0') {
		addr_format((struct sockaddr *)&ss, f->name);
		if (dgram)
			strlcat(f->name, "/udp", sizeof(f->name));
	}
	errno = ENOMEM;
	if ((dgram ? forward_udp_add(ls->base, f, fd, ls->idle_ms) :
	    listen_on(ls->base, fd, f, ls->accepted)) == 0) {
		bound_add(&ss, dgram);
		return (0);
	}
 fail:
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return (-1);
}

static void
listen_complain(const struct listen_spec *ls, const char *host,
    const struct addrinfo *ai, int error)
{
	if (error == EADDRINUSE && ai != NULL && bound_here(ai->ai_addr,
	    mux_kind_dgram(ls->forward->open.kind)))
		log_warnx("can't listen on %s port %u: it is given twice: "
		    "another -L listens there already", host, ls->port);
	else
		log_warnx("can't listen on %s port %u: %s%s", host, ls->port,
		    strerror(error), error == EADDRINUSE ?
		    " (by another program?)" : error == EACCES ?
		    " (ports below 1024 take root)" : "");
}

/* A file like hosts(5) may name one twice. */
static int
listen_again_in(const struct addrinfo *res, const struct addrinfo *ai)
{
	for (; res != ai; res = res->ai_next) {
		if (res->ai_addrlen == ai->ai_addrlen &&
		    memcmp(res->ai_addr, ai->ai_addr, ai->ai_addrlen) == 0)
			return (1);
	}
	return (0);
}

/*
 * All addresses of a host.  Of several this machine need not have each (no
 * IPv6, say), and with if_there, none; one that is taken is an error.
 */
static int
listen_host(const struct listen_spec *ls, const char *host, int if_there)
{
	struct addrinfo	 hints, *res, *ai;
	char		 service[8];
	int		 error, absent = 0, n = 0, ret = 0;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
	snprintf(service, sizeof(service), "%u", ls->port);
	if ((error = getaddrinfo(host, service, &hints, &res)) != 0) {
		if (if_there)
			return (0);
		log_warnx("%s: %s", host, gai_strerror(error));
		return (-1);
	}
	for (ai = res; ai != NULL && ret == 0; ai = ai->ai_next) {
		if (listen_again_in(res, ai))
			continue;
		if ((ret = listen_bind(ls, ai)) == 0) {
			n++;
			continue;
		}
		if (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT) {
			absent = errno;
			ret = 0;
		} else
			listen_complain(ls, host, ai, errno);
	}
	freeaddrinfo(res);
	if (ret == 0 && n == 0 && !if_there) {
		listen_complain(ls, host, NULL, absent);
		ret = -1;
	}
	return (ret);
}

static int
listen_path(const struct listen_spec *ls, const char *path)
{
	int	 fd;

	if ((fd = forward_unix_bind(path)) == -1)
		return (-1);
	strlcpy(ls->forward->name, path, sizeof(ls->forward->name));
	if (listen_on(ls->base, fd, ls->forward, ls->accepted) == 0)
		return (0);
	log_warn("can't listen on %s", path);
	close(fd);
	return (-1);
}

int
listen_add(struct event_base *base, const struct forward_spec *spec,
    struct forward *f, unsigned int idle_ms,
    void (*accepted)(struct forward *, int, uint64_t))
{
	struct listen_spec	 ls = { base, f, accepted, spec->listen_port,
				    idle_ms };
	int			 all = strcmp(spec->bind, "*") == 0;

	if (pause_timer == NULL &&
	    (pause_timer = evtimer_new(base, listen_again, NULL)) == NULL)
		fatal("event");
	if (spec->listen_unix)
		return (listen_path(&ls, spec->bind));
	if (spec->bind[0] != '\0' && !all)
		return (listen_host(&ls, spec->bind, 0));
	if (listen_host(&ls, all ? "0.0.0.0" : "127.0.0.1", 0) == -1)
		return (-1);
	/* Two free ports would seldom be the same. */
	if (spec->listen_port == 0)
		return (0);
	return (listen_host(&ls, all ? "::" : "::1", 1));
}

void
listen_resume(void)
{
	struct listener	*l;

	paused = 0;
	if (evtimer_pending(pause_timer, NULL))
		return;
	TAILQ_FOREACH(l, &listeners, entry) {
		if (!l->held)
			event_add(l->ev, NULL);
	}
}

void
listen_pause(void)
{
	struct listener	*l;

	paused = 1;
	TAILQ_FOREACH(l, &listeners, entry)
		event_del(l->ev);
}

/*
 * Nobody can tell how long one in the queue has been there, but with nothing
 * left in it, whoever comes next has not waited.
 */
static void
listen_look(struct listener *l)
{
	struct pollfd	 pfd = { .fd = l->fd, .events = POLLIN };

	if (l->since != 0 && poll(&pfd, 1, 0) == 0)
		l->since = 0;
}

void
listen_hold(struct forward *f, int on)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &listeners, entry) {
		if (l->forward != f)
			continue;
		l->held = on;
		listen_look(l);
		if (!on)
			continue;
		event_del(l->ev);
		if (l->since == 0)
			l->since = clock_us();
	}
	if (!on && !paused)
		listen_resume();
}

static void
listen_again(evutil_socket_t fd, short what, void *arg)
{
	if (!paused)
		listen_resume();
}

static void
listen_complain_full(int error)
{
	static uint64_t	 last;
	uint64_t	 now = clock_us();

	if (last != 0 && now - last < COMPLAIN_US)
		return;
	last = now;
	log_warnx("new connections wait for others to end: %s%s",
	    strerror(error), error == EMFILE ? " (ulimit -n)" : "");
}

static void
listen_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct timeval	 tv = { 0, PAUSE_MS * 1000 };
	struct listener	*l = arg;
	int		 fd, i, one = 1;

	for (i = 0; i < ACCEPT_BATCH && !paused && !l->held; i++) {
		fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno != EMFILE && errno != ENFILE &&
			    errno != ENOBUFS && errno != ENOMEM)
				break;
			/* The loop would spin on what it can't accept. */
			listen_complain_full(errno);
			listen_pause();
			paused = 0;
			evtimer_add(pause_timer, &tv);
			return;
		}
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		l->accepted(l->forward, fd, l->since);
	}
	/* If it is held it will be looked at when it goes on. */
	if (!l->held)
		listen_look(l);
}
