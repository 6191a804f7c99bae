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
 * One way (struct way) is a connection to the proxy and the talk with it, to
 * one address of the relay or to its name.  There are several only where the
 * relay's name is resolved here: they start 250 ms apart, as in dial.c, and
 * the first that gets through wins.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <netdb.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "egress_dial.h"
#include "egress_helper.h"
#include "egress_http.h"
#include "egress_socks.h"
#include "resolve.h"

#define WAYS_MAX	4
#define TEXT_MAX	256

struct way {
	struct egress_dial	*owner;
	struct sockaddr_storage	 addr;		/* family 0: by name */
	struct dial		*dial;		/* to the proxy */
	int			 fd;
	struct event		*readable, *writable;
	struct socks		 socks;
	/* HTTP; the question holds a secret */
	char			 question[CONNECT_REQUEST_MAX];
	size_t			 qlen, qoff;
	char			 answer[CONNECT_HEAD_MAX + 1];
	size_t			 alen;
};

struct egress_dial {
	struct egress_dial_config conf;
	struct egress		 egress;
	char			 name[EGRESS_NAME_MAX];
	char			 host[EGRESS_HOST_MAX];
	char			 agent[64];
	struct resolve		*lookup;
	struct dial		*straight;
	struct event		*start;		/* the next way */
	struct event		*deadline;
	struct event		*helper;
	uint32_t		 helper_id;
	struct sockaddr_storage	 addrs[WAYS_MAX];
	struct way		*ways[WAYS_MAX];
	int			 nways, nstarted, nopen;
	int			 finished;
	enum dial_error		 error;
	char			 text[TEXT_MAX];
};

static int	egress_begin(struct egress_dial *);
static void	egress_stop(struct egress_dial *);
static void	egress_destroy(struct egress_dial *);
static void	egress_finish(struct egress_dial *, int);
static void	egress_note(struct egress_dial *, enum dial_error,
		    const char *, ...)
		    __attribute__((__format__ (printf, 3, 4)));
static void	egress_next(evutil_socket_t, short, void *);
static void	egress_timeout(evutil_socket_t, short, void *);
static void	egress_straight(struct dial *, void *, int, enum dial_error,
		    const char *);
static void	egress_resolved(void *, int, int, const struct addrinfo *);
static int	egress_helper(struct egress_dial *);
static void	egress_helped(evutil_socket_t, short, void *);
static int	way_start(struct egress_dial *,
		    const struct sockaddr_storage *);
static void	way_free(struct way *);
static void	way_fail(struct way *, enum dial_error, const char *);
static void	way_dialled(struct dial *, void *, int, enum dial_error,
		    const char *);
static int	way_talk(struct way *);
static void	way_readable(evutil_socket_t, short, void *);
static void	way_writable(evutil_socket_t, short, void *);
static void	way_read_http(struct way *);
static void	way_read_socks(struct way *);

/* ---- the whole ---- */

struct egress_dial *
egress_dial_new(const struct egress_dial_config *conf)
{
	struct timeval		 tv = { conf->timeout_ms / 1000,
				    conf->timeout_ms % 1000 * 1000 };
	struct egress_dial	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	d->conf = *conf;
	d->egress = *conf->egress;
	d->conf.egress = &d->egress;
	egress_name(&d->egress, d->name);
	strlcpy(d->host, conf->host, sizeof(d->host));
	strlcpy(d->agent, conf->agent, sizeof(d->agent));
	d->start = evtimer_new(conf->base, egress_next, d);
	d->deadline = evtimer_new(conf->base, egress_timeout, d);
	if (d->start == NULL || d->deadline == NULL ||
	    (d->egress.kind != EGRESS_DIRECT &&
	    evtimer_add(d->deadline, &tv) == -1) || egress_begin(d) == -1) {
		egress_destroy(d);
		return (NULL);
	}
	return (d);
}

/* Nothing calls back from in here.  0, or -1 without memory. */
static int
egress_begin(struct egress_dial *d)
{
	struct dial_config	 cfg;
	struct sockaddr_storage	 ss;

	switch (d->egress.kind) {
	case EGRESS_DIRECT:
		memset(&cfg, 0, sizeof(cfg));
		cfg.base = d->conf.base;
		cfg.host = d->host;
		cfg.port = d->conf.port;
		cfg.timeout_ms = d->conf.timeout_ms;
		cfg.done = egress_straight;
		cfg.arg = d;
		return ((d->straight = dial_new(&cfg)) == NULL ? -1 : 0);
	case EGRESS_HELPER:
		return (egress_helper(d));
	case EGRESS_SOCKS5:
		if (addr_parse(d->host, NULL, &ss) == 0)
			break;
		d->lookup = resolve_new(d->host, d->conf.port,
		    egress_resolved, d);
		if (d->lookup != NULL)
			return (0);
		egress_note(d, DIAL_LOCAL, "%s: %s", d->host,
		    strerror(errno));
		event_active(d->start, EV_TIMEOUT, 0);
		return (0);
	}
	/* One way, to the host as it stands there. */
	d->nways = 1;
	event_active(d->start, EV_TIMEOUT, 0);
	return (0);
}

static void
egress_stop(struct egress_dial *d)
{
	int	 i;

	resolve_cancel(d->lookup);
	d->lookup = NULL;
	dial_free(d->straight);
	d->straight = NULL;
	for (i = 0; i < d->nways; i++) {
		way_free(d->ways[i]);
		d->ways[i] = NULL;
	}
	if (d->start != NULL)
		event_free(d->start);
	if (d->deadline != NULL)
		event_free(d->deadline);
	if (d->helper != NULL)
		event_free(d->helper);
	d->start = d->deadline = d->helper = NULL;
}

static void
egress_destroy(struct egress_dial *d)
{
	egress_stop(d);
	freezero(d, sizeof(*d));
}

void
egress_dial_free(struct egress_dial *d)
{
	/* From inside done it is about to be freed anyway. */
	if (d != NULL && !d->finished)
		egress_destroy(d);
}

static void
egress_finish(struct egress_dial *d, int fd)
{
	d->finished = 1;
	egress_stop(d);
	d->conf.done(d->conf.arg, fd, fd == -1 ? d->error : DIAL_OK,
	    fd == -1 ? d->text : "");
	egress_destroy(d);
}

/* One more thing that failed; a proxy's no says more than silence. */
static void
egress_note(struct egress_dial *d, enum dial_error error, const char *fmt,
    ...)
{
	char	 buf[TEXT_MAX];
	va_list	 ap;

	if (d->error == DIAL_OK || error == DIAL_DENIED)
		d->error = error;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (d->text[0] == '\0') {
		strlcpy(d->text, d->egress.kind == EGRESS_HELPER ? "" :
		    "proxy ", sizeof(d->text));
		strlcat(d->text, d->name, sizeof(d->text));
		strlcat(d->text, ": ", sizeof(d->text));
	} else if (strlen(d->text) + 2 + strlen(buf) >= sizeof(d->text))
		return;
	else
		strlcat(d->text, "; ", sizeof(d->text));
	strlcat(d->text, buf, sizeof(d->text));
}

static void
egress_straight(struct dial *dial, void *arg, int fd, enum dial_error error,
    const char *text)
{
	struct egress_dial	*d = arg;

	d->straight = NULL;
	d->error = error;
	strlcpy(d->text, text, sizeof(d->text));
	egress_finish(d, fd);
}

static void
egress_resolved(void *arg, int error, int sys_error,
    const struct addrinfo *res)
{
	struct egress_dial	*d = arg;

	d->lookup = NULL;
	if (error == 0 && res != NULL)
		d->nways = dial_order(res, NULL, NULL, d->addrs, WAYS_MAX);
	if (d->nways == 0)
		egress_note(d, error == EAI_SYSTEM || error == EAI_MEMORY ?
		    DIAL_LOCAL : DIAL_NO_HOST, "%s: %s; socks5h:// lets the "
		    "proxy resolve it", d->host, error == EAI_SYSTEM ?
		    strerror(sys_error) : gai_strerror(error == 0 ?
		    EAI_NONAME : error));
	egress_next(-1, 0, d);
}

/* Start what can be started; with nothing left, give up. */
static void
egress_next(evutil_socket_t fd, short what, void *arg)
{
	struct timeval		 tv = { 0, DIAL_STAGGER_MS * 1000 };
	struct egress_dial	*d = arg;

	while (d->nstarted < d->nways) {
		if (way_start(d, &d->addrs[d->nstarted]) == -1) {
			egress_note(d, DIAL_LOCAL, "no memory");
			continue;
		}
		if (d->nstarted < d->nways)
			evtimer_add(d->start, &tv);
		return;
	}
	if (d->nopen == 0)
		egress_finish(d, -1);
}

static void
egress_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct egress_dial	*d = arg;

	if (d->lookup != NULL)
		egress_note(d, DIAL_TIMEOUT, "%s: no answer from name "
		    "service", d->host);
	else
		egress_note(d, DIAL_TIMEOUT, "no answer in time");
	d->error = DIAL_TIMEOUT;
	egress_finish(d, -1);
}

/* ---- helpers ---- */

static int
egress_helper(struct egress_dial *d)
{
	static uint32_t	 ids;

	/* What was asked before us, and by whom, may still be answered. */
	if (ids == 0)
		ids = arc4random();
	d->helper_id = ++ids;
	if (d->conf.helper == -1)
		egress_note(d, DIAL_LOCAL, "not there to be asked");
	else if (helper_ask(d->conf.helper, d->helper_id, d->host,
	    d->conf.port) == -1)
		egress_note(d, DIAL_LOCAL, "%s", errno == EPIPE ||
		    errno == ECONNRESET || errno == ECONNREFUSED ?
		    "the process that starts it has ended" : strerror(errno));
	else {
		d->helper = event_new(d->conf.base, d->conf.helper,
		    EV_READ | EV_PERSIST, egress_helped, d);
		return (d->helper == NULL ? -1 : event_add(d->helper, NULL));
	}
	event_active(d->start, EV_TIMEOUT, 0);
	return (0);
}

static void
egress_helped(evutil_socket_t fd, short what, void *arg)
{
	struct egress_dial	*d = arg;
	uint32_t		 id;
	int			 got, helper, error;

	while ((got = helper_answer(fd, &id, &helper, &error)) == 1) {
		if (id == d->helper_id)
			break;
		if (helper != -1)
			close(helper);
	}
	if (got == 0)
		return;
	if (got == -1)
		egress_note(d, DIAL_LOCAL,
		    "the process that starts it has ended");
	else if (helper == -1)
		egress_note(d, DIAL_LOCAL, "%s", strerror(error));
	egress_finish(d, got == 1 ? helper : -1);
}

/* ---- one way through a proxy ---- */

static int
way_start(struct egress_dial *d, const struct sockaddr_storage *addr)
{
	struct dial_config	 cfg;
	struct way		*w;
	int			 i = d->nstarted++;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return (-1);
	w->owner = d;
	w->fd = -1;
	w->addr = *addr;
	memset(&cfg, 0, sizeof(cfg));
	cfg.base = d->conf.base;
	cfg.host = d->egress.host;
	cfg.port = d->egress.port;
	/* The proxy, too, needs time, to reach the relay. */
	cfg.timeout_ms = d->conf.timeout_ms / 3 * 2;
	cfg.done = way_dialled;
	cfg.arg = w;
	if ((w->dial = dial_new(&cfg)) == NULL) {
		free(w);
		return (-1);
	}
	d->ways[i] = w;
	d->nopen++;
	return (0);
}

static void
way_free(struct way *w)
{
	if (w == NULL)
		return;
	dial_free(w->dial);
	if (w->readable != NULL)
		event_free(w->readable);
	if (w->writable != NULL)
		event_free(w->writable);
	if (w->fd != -1)
		close(w->fd);
	freezero(w, sizeof(*w));
}

/* It leads nowhere: the next one, or the end.  The way is gone after. */
static void
way_fail(struct way *w, enum dial_error error, const char *why)
{
	struct egress_dial	*d = w->owner;
	char			 host[ADDR_STRLEN];
	int			 i;

	if (w->addr.ss_family != 0 && w->fd != -1)
		egress_note(d, error, "to %s: %s", addr_format_host(
		    (struct sockaddr *)&w->addr, host), why);
	else
		egress_note(d, error, "%s", why);
	for (i = 0; i < d->nways; i++) {
		if (d->ways[i] == w)
			d->ways[i] = NULL;
	}
	way_free(w);
	d->nopen--;
	/* The same proxy will not be of another mind about us. */
	if (error == DIAL_DENIED && d->nopen == 0)
		d->nstarted = d->nways;
	egress_next(-1, 0, d);
}

static void
way_dialled(struct dial *dial, void *arg, int fd, enum dial_error error,
    const char *text)
{
	struct way	*w = arg;

	w->dial = NULL;
	if (fd == -1) {
		/* The proxy is not there for the others either. */
		if (w->owner->nopen == 1)
			w->owner->nstarted = w->owner->nways;
		way_fail(w, error, text);
		return;
	}
	w->fd = fd;
	if (way_talk(w) == -1)
		way_fail(w, DIAL_LOCAL, "no memory");
}

static int
way_talk(struct way *w)
{
	struct egress_dial	*d = w->owner;
	int			 n;

	w->readable = event_new(d->conf.base, w->fd, EV_READ | EV_PERSIST,
	    way_readable, w);
	w->writable = event_new(d->conf.base, w->fd, EV_WRITE, way_writable,
	    w);
	if (w->readable == NULL || w->writable == NULL)
		return (-1);
	if (d->egress.kind == EGRESS_HTTP) {
		n = connect_request(&d->egress, d->host, d->conf.port,
		    d->agent, w->question, sizeof(w->question));
		if (n == -1)
			return (-1);
		w->qlen = n;
	} else if (socks_init(&w->socks, &d->egress, d->host,
	    w->addr.ss_family == 0 ? NULL : (struct sockaddr *)&w->addr,
	    d->conf.port) == -1)
		return (-1);
	return (event_add(w->readable, NULL) == -1 ||
	    event_add(w->writable, NULL) == -1 ? -1 : 0);
}

static void
way_writable(evutil_socket_t fd, short what, void *arg)
{
	struct way	*w = arg;
	const uint8_t	*out = (const uint8_t *)w->question + w->qoff;
	size_t		 len = w->qlen - w->qoff;
	int		 http = w->owner->egress.kind == EGRESS_HTTP;
	ssize_t		 n;

	if (!http)
		out = socks_output(&w->socks, &len);
	if (len == 0)
		return;
	n = send(fd, out, len, MSG_NOSIGNAL);
	if (n == -1 && errno != EAGAIN && errno != EINTR) {
		way_fail(w, DIAL_UNREACHABLE, strerror(errno));
		return;
	}
	if (n > 0 && http)
		w->qoff += n;
	else if (n > 0)
		socks_sent(&w->socks, n);
	if ((size_t)(n > 0 ? n : 0) < len)
		event_add(w->writable, NULL);
}

static void
way_readable(evutil_socket_t fd, short what, void *arg)
{
	struct way	*w = arg;

	if (w->owner->egress.kind == EGRESS_HTTP)
		way_read_http(w);
	else
		way_read_socks(w);
}

/* How a read(2) that gave nothing ends it, if it does. */
static void
way_ended(struct way *w, ssize_t n)
{
	if (n == 0 || errno == ECONNRESET)
		way_fail(w, DIAL_UNREACHABLE, "it closed the connection "
		    "without an answer: is it a proxy of this kind?");
	else if (errno != EAGAIN && errno != EINTR)
		way_fail(w, DIAL_UNREACHABLE, strerror(errno));
}

/* The relay is on the other end now. */
static void
way_through(struct way *w)
{
	int	 fd = w->fd;

	event_free(w->readable);
	event_free(w->writable);
	w->readable = w->writable = NULL;
	w->fd = -1;
	egress_finish(w->owner, fd);
}

static void
way_read_http(struct way *w)
{
	struct connect_answer	 a;
	ssize_t			 n;

	n = recv(w->fd, w->answer + w->alen, sizeof(w->answer) - w->alen, 0);
	if (n <= 0) {
		way_ended(w, n);
		return;
	}
	w->alen += n;
	switch (connect_answer(w->answer, w->alen,
	    w->owner->egress.has_auth, &a)) {
	case CONNECT_MORE:
		break;
	case CONNECT_FAILED:
		way_fail(w, a.error, a.why);
		break;
	case CONNECT_OK:
		/* A relay waits for us to speak. */
		if (a.used < w->alen || w->qoff < w->qlen)
			way_fail(w, DIAL_UNREACHABLE,
			    "it speaks out of turn");
		else
			way_through(w);
		break;
	}
}

static void
way_read_socks(struct way *w)
{
	uint8_t	 buf[512];
	ssize_t	 n;
	size_t	 want = socks_want(&w->socks), len;

	n = recv(w->fd, buf, want < sizeof(buf) ? want : sizeof(buf), 0);
	if (n <= 0) {
		way_ended(w, n);
		return;
	}
	switch (socks_input(&w->socks, buf, n)) {
	case SOCKS_MORE:
		(void)socks_output(&w->socks, &len);
		if (len > 0)
			event_add(w->writable, NULL);
		break;
	case SOCKS_FAILED:
		way_fail(w, w->socks.error, w->socks.why);
		break;
	case SOCKS_OK:
		way_through(w);
		break;
	}
}
