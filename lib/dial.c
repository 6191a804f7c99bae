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
 * The race of RFC 8305: attempts start 250 ms apart, or at once when one
 * fails, and the first connection wins.  Everything ends in dial_finish,
 * and nothing calls back from inside dial_new.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <event2/event.h>
#include <netdb.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "resolve.h"

#define DIAL_TEXT	256

struct attempt {
	struct sockaddr_storage	 addr;
	socklen_t		 addrlen;
	int			 fd;
	struct event		*ev;
	struct dial		*dial;
};

struct dial {
	struct dial_config	 conf;
	char			*host;
	struct resolve		*lookup;	/* while it lasts */
	struct event		*next_timer;	/* start the next attempt */
	struct event		*deadline;
	struct attempt		 attempts[DIAL_ADDRS_MAX];
	int			 nattempts;
	int			 nstarted, nopen;
	int			 finished;
	enum dial_error		 error;		/* the most telling so far */
	char			 text[DIAL_TEXT];
};

static void	dial_next(evutil_socket_t, short, void *);
static void	dial_timeout(evutil_socket_t, short, void *);
static void	dial_resolved(void *, int, int, const struct addrinfo *);

int
dial_init(struct event_base *base)
{
	return (resolve_init(base));
}

static struct timeval
dial_ms(unsigned int ms)
{
	struct timeval	 tv;

	tv.tv_sec = ms / 1000;
	tv.tv_usec = (ms % 1000) * 1000;
	return (tv);
}

static void
attempt_close(struct attempt *a)
{
	if (a->ev != NULL) {
		event_free(a->ev);
		a->ev = NULL;
	}
	if (a->fd != -1) {
		close(a->fd);
		a->fd = -1;
		a->dial->nopen--;
	}
}

/* Everything but the memory. */
static void
dial_stop(struct dial *d)
{
	int	 i;

	resolve_cancel(d->lookup);
	d->lookup = NULL;
	for (i = 0; i < d->nstarted; i++)
		attempt_close(&d->attempts[i]);
	if (d->next_timer != NULL)
		event_free(d->next_timer);
	if (d->deadline != NULL)
		event_free(d->deadline);
	d->next_timer = d->deadline = NULL;
}

static void
dial_destroy(struct dial *d)
{
	dial_stop(d);
	free(d->host);
	free(d);
}

void
dial_free(struct dial *d)
{
	/* From inside done it is about to be freed anyway. */
	if (d != NULL && !d->finished)
		dial_destroy(d);
}

static void
dial_finish(struct dial *d, int fd)
{
	d->finished = 1;
	dial_stop(d);
	d->conf.done(d, d->conf.arg, fd, fd == -1 ? d->error : DIAL_OK,
	    fd == -1 ? d->text : "");
	dial_destroy(d);
}

/* How much an error says about the whole: the refusals of a dead IPv6
 * route must not hide that the IPv4 address was there. */
static int
error_rank(enum dial_error error)
{
	switch (error) {
	case DIAL_LOCAL:
		return (4);
	case DIAL_TIMEOUT:
		return (3);
	case DIAL_REFUSED:
		return (2);
	case DIAL_UNREACHABLE:
		return (1);
	default:
		return (0);
	}
}

static enum dial_error
error_map(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
		return (DIAL_REFUSED);
	case ETIMEDOUT:
		return (DIAL_TIMEOUT);
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EAGAIN:
		return (DIAL_LOCAL);
	default:
		return (DIAL_UNREACHABLE);
	}
}

/* One more thing that was tried; what does not fit is left out. */
static void __attribute__((__format__ (printf, 3, 4)))
dial_note(struct dial *d, enum dial_error error, const char *fmt, ...)
{
	char	 buf[DIAL_TEXT];
	size_t	 len = strlen(d->text);
	va_list	 ap;

	if (error_rank(error) > error_rank(d->error))
		d->error = error;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (len > 0 && len + 2 + strlen(buf) >= sizeof(d->text))
		return;
	if (len > 0)
		strlcat(d->text, "; ", sizeof(d->text));
	strlcat(d->text, buf, sizeof(d->text));
}

static void
attempt_note(struct attempt *a, enum dial_error error, const char *why)
{
	char	 host[NI_MAXHOST];

	if (getnameinfo((struct sockaddr *)&a->addr, a->addrlen, host,
	    sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
		strlcpy(host, a->dial->host, sizeof(host));
	dial_note(a->dial, error, "%s port %u: %s", host, a->dial->conf.port,
	    why);
}

/*
 * A dead port of the ephemeral range on this very machine can be met by our
 * own connect, as a simultaneous open with itself.
 */
static int
attempt_met_itself(evutil_socket_t fd)
{
	struct sockaddr_storage	 self = { 0 }, peer = { 0 };
	socklen_t		 slen = sizeof(self), plen = sizeof(peer);

	return (getsockname(fd, (struct sockaddr *)&self, &slen) == 0 &&
	    getpeername(fd, (struct sockaddr *)&peer, &plen) == 0 &&
	    slen == plen && memcmp(&self, &peer, slen) == 0);
}

static void
attempt_event(evutil_socket_t fd, short what __unused, void *arg)
{
	struct attempt	*a = arg;
	struct dial	*d = a->dial;
	socklen_t	 len = sizeof(int);
	int		 error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error == 0 && attempt_met_itself(fd))
		error = ECONNREFUSED;
	if (error == 0) {
		event_free(a->ev);
		a->ev = NULL;
		a->fd = -1;
		d->nopen--;
		dial_finish(d, fd);
		return;
	}
	attempt_note(a, error_map(error), strerror(error));
	attempt_close(a);
	dial_next(-1, 0, d);
}

static int
attempt_connected(int fd)
{
	struct sockaddr_storage	 peer;
	socklen_t		 len = sizeof(peer);

	return (getpeername(fd, (struct sockaddr *)&peer, &len) == 0);
}

/* Returns 0 when it is under way, or -1 noted. */
static int
attempt_start(struct attempt *a)
{
	struct dial	*d = a->dial;
	int		 error, on = 1;

	a->fd = socket(a->addr.ss_family, (d->conf.dgram ? SOCK_DGRAM :
	    SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, d->conf.dgram ?
	    IPPROTO_UDP : IPPROTO_TCP);
	if (a->fd == -1)
		goto fail;
	d->nopen++;
	if (!d->conf.dgram)
		(void)setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &on,
		    sizeof(on));
	if (connect(a->fd, (struct sockaddr *)&a->addr, a->addrlen) == -1 &&
	    errno != EINPROGRESS && errno != EINTR)
		goto fail;
	a->ev = event_new(d->conf.base, a->fd, EV_WRITE, attempt_event, a);
	/*
	 * Even what connects at once is told by the event; on this host that
	 * is so though connect said that it is under way.
	 */
	if (a->ev != NULL && attempt_connected(a->fd))
		event_active(a->ev, EV_WRITE, 1);
	else if (a->ev == NULL || event_add(a->ev, NULL) == -1) {
		errno = ENOMEM;
		goto fail;
	}
	return (0);
fail:
	error = errno;
	attempt_close(a);
	attempt_note(a, error_map(error), strerror(error));
	return (-1);
}

/* Start what can be started; out of addresses and attempts, give up. */
static void
dial_next(evutil_socket_t fd __unused, short what __unused, void *arg)
{
	struct dial	*d = arg;
	struct timeval	 tv;

	while (d->nstarted < d->nattempts) {
		if (attempt_start(&d->attempts[d->nstarted++]) == -1)
			continue;
		if (d->nstarted < d->nattempts) {
			tv = dial_ms(DIAL_STAGGER_MS);
			event_add(d->next_timer, &tv);
		}
		return;
	}
	if (d->nopen == 0)
		dial_finish(d, -1);
}

static void
dial_timeout(evutil_socket_t fd __unused, short what __unused, void *arg)
{
	struct dial	*d = arg;
	int		 i;

	if (d->lookup != NULL)
		dial_note(d, DIAL_TIMEOUT, "%s: no answer from name service",
		    d->host);
	for (i = 0; i < d->nstarted; i++)
		if (d->attempts[i].fd != -1)
			attempt_note(&d->attempts[i], DIAL_TIMEOUT,
			    strerror(ETIMEDOUT));
	if (d->text[0] == '\0')
		dial_note(d, DIAL_TIMEOUT, "%s port %u: %s", d->host,
		    d->conf.port, strerror(ETIMEDOUT));
	d->error = DIAL_TIMEOUT;
	dial_finish(d, -1);
}

/* The next address of this family from *ai on that the filter lets pass. */
static const struct addrinfo *
dial_pick(const struct addrinfo **ai, int family, int first,
    int (*filter)(void *, const struct sockaddr *), void *arg)
{
	const struct addrinfo	*a;

	while ((a = *ai) != NULL) {
		*ai = a->ai_next;
		/* first: of that family; else of every other one. */
		if ((a->ai_family == family) == first &&
		    (a->ai_family == AF_INET || a->ai_family == AF_INET6) &&
		    a->ai_addrlen <= sizeof(struct sockaddr_storage) &&
		    (filter == NULL || filter(arg, a->ai_addr)))
			return (a);
	}
	return (NULL);
}

int
dial_order(const struct addrinfo *res,
    int (*filter)(void *, const struct sockaddr *), void *arg,
    struct sockaddr_storage *addrs, int max)
{
	const struct addrinfo	*next[2] = { res, res }, *ai;
	int			 n = 0, turn = 0, dry = 0;

	while (n < max && dry < 2) {
		ai = dial_pick(&next[turn], res->ai_family, turn == 0, filter,
		    arg);
		turn = !turn;
		if (ai == NULL) {
			dry++;
			continue;
		}
		dry = 0;
		memset(&addrs[n], 0, sizeof(addrs[n]));
		memcpy(&addrs[n++], ai->ai_addr, ai->ai_addrlen);
	}
	return (n);
}

static void
dial_addrs(struct dial *d, const struct addrinfo *res)
{
	struct sockaddr_storage	 addrs[DIAL_ADDRS_MAX];
	struct attempt		*a;
	int			 i;

	d->nattempts = dial_order(res, d->conf.filter, d->conf.arg, addrs,
	    DIAL_ADDRS_MAX);
	for (i = 0; i < d->nattempts; i++) {
		a = &d->attempts[i];
		a->addr = addrs[i];
		a->addrlen = addrs[i].ss_family == AF_INET6 ?
		    sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
		a->fd = -1;
		a->dial = d;
	}
	if (d->nattempts == 0) {
		dial_note(d, DIAL_DENIED, "%s port %u: not allowed", d->host,
		    d->conf.port);
		d->error = DIAL_DENIED;
	}
}

/* Fills in the attempts or the error; the caller calls dial_next. */
static void
dial_answer(struct dial *d, int error, int sys_error,
    const struct addrinfo *res)
{
	if (error == 0 && res != NULL) {
		dial_addrs(d, res);
		return;
	}
	if (error == EAI_SYSTEM)
		dial_note(d, DIAL_LOCAL, "%s: %s", d->host,
		    strerror(sys_error));
	else
		dial_note(d, DIAL_NO_HOST, "%s: %s", d->host,
		    gai_strerror(error == 0 ? EAI_NONAME : error));
	d->error = error == EAI_SYSTEM || error == EAI_MEMORY ?
	    DIAL_LOCAL : DIAL_NO_HOST;
}

static void
dial_resolved(void *arg, int error, int sys_error, const struct addrinfo *res)
{
	struct dial	*d = arg;

	d->lookup = NULL;
	dial_answer(d, error, sys_error, res);
	dial_next(-1, 0, d);
}

/* 1 if the host is an address, which needs no thread. */
static int
dial_numeric(struct dial *d)
{
	struct addrinfo	 hints = { .ai_socktype = SOCK_STREAM,
			    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo	*res;
	char		 port[6];

	snprintf(port, sizeof(port), "%u", d->conf.port);
	if (getaddrinfo(d->host, port, &hints, &res) != 0)
		return (0);
	dial_answer(d, 0, 0, res);
	freeaddrinfo(res);
	return (1);
}

static void
dial_new_failed(struct dial *d, int error)
{
	if (error == ENAMETOOLONG) {
		dial_answer(d, EAI_NONAME, 0, NULL);
		return;
	}
	dial_note(d, DIAL_LOCAL, "%s: %s", d->host, error == EAGAIN ?
	    "too many names to look up" : strerror(error));
}

struct dial *
dial_new(const struct dial_config *conf)
{
	struct dial	*d;
	struct timeval	 tv;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	d->conf = *conf;
	d->conf.host = NULL;
	d->host = strdup(conf->host);
	d->next_timer = evtimer_new(conf->base, dial_next, d);
	d->deadline = evtimer_new(conf->base, dial_timeout, d);
	tv = dial_ms(conf->timeout_ms);
	if (d->host == NULL || d->next_timer == NULL || d->deadline == NULL ||
	    evtimer_add(d->deadline, &tv) == -1) {
		dial_destroy(d);
		return (NULL);
	}
	if (!dial_numeric(d)) {
		d->lookup = resolve_new(d->host, conf->port, dial_resolved, d);
		if (d->lookup == NULL)
			dial_new_failed(d, errno);
	}
	/* Begin, or fail, in a pass of its own. */
	if (d->lookup == NULL)
		event_active(d->next_timer, EV_TIMEOUT, 0);
	return (d);
}
