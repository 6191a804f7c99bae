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
 * accessctl forward: local ports that lead to targets, all over one link
 * that is made again when it is lost.
 */

#include "compat.h"

#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessctl.h"
#include "addr.h"
#include "fdstream.h"
#include "forward_spec.h"
#include "log.h"
#include "sandbox.h"

#define ACCEPT_BATCH	64
#define PAUSE_MS	100	/* of accepting, without descriptors */
#define WAIT_MS		10000	/* of new connections for a lost link */
#define WAITING_MAX	256

/* A local port. */
struct port {
	TAILQ_ENTRY(port)	 entry;
	struct forward_spec	 spec;
	struct mux_open		 open;
	struct event		*ev;
	int			 fd;
};

/* A connection that waits for the link. */
struct waiting {
	TAILQ_ENTRY(waiting)	 entry;
	struct port		*port;
	uint64_t		 since;
	int			 fd;
};

static TAILQ_HEAD(, port)	 ports = TAILQ_HEAD_INITIALIZER(ports);
static TAILQ_HEAD(, waiting)	 waitings = TAILQ_HEAD_INITIALIZER(waitings);
static uint32_t			 nwaiting;
static struct event_base	*base;
static struct relay_link	*relay;
static struct event		*pause_timer, *wait_timer;
static int			 was_up, status;

static void	forward_up(void *, struct link *);
static void	forward_down(void *, enum exit_status, const char *);
static void	forward_goaway(void *, const struct mux_goaway *);
static void	port_accept(evutil_socket_t, short, void *);
static void	port_stream(struct port *, int);
static void	stream_closed(struct fdstream *, void *, uint16_t,
		    const char *);
static void	accept_again(evutil_socket_t, short, void *);
static void	wait_over(evutil_socket_t, short, void *);
static void	close_reset(int);

static const struct relay_link_ops relay_ops = {
	forward_up, forward_down, forward_goaway
};
static const struct fdstream_ops stream_ops = { NULL, stream_closed };

/* ---- local ports ---- */

static int
port_listen(struct port *p)
{
	char	 addr[ADDR_STRLEN];
	int	 one = 1;

	addr_format((struct sockaddr *)&p->spec.bind, addr);
	p->fd = socket(p->spec.bind.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (p->fd == -1 || setsockopt(p->fd, SOL_SOCKET, SO_REUSEADDR, &one,
	    sizeof(one)) == -1 || bind(p->fd, (struct sockaddr *)
	    &p->spec.bind, addr_len((struct sockaddr *)&p->spec.bind)) ==
	    -1 || listen(p->fd, 1024) == -1) {
		fprintf(stderr, "accessctl: %s: %s\n", addr, strerror(errno));
		return (-1);
	}
	return (0);
}

static void
port_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct timeval	 tv = { 0, PAUSE_MS * 1000 };
	struct port	*p = arg, *q;
	int		 fd, i, one = 1;

	for (i = 0; i < ACCEPT_BATCH; i++) {
		fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno != EMFILE && errno != ENFILE)
				return;
			TAILQ_FOREACH(q, &ports, entry)
				event_del(q->ev);
			evtimer_add(pause_timer, &tv);
			return;
		}
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		port_stream(p, fd);
	}
}

static void
accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct port	*p;

	TAILQ_FOREACH(p, &ports, entry)
		event_add(p->ev, NULL);
}

/* Not an end in order: the program there must not take it for one. */
static void
close_reset(int fd)
{
	struct linger	 l = { .l_onoff = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

static void
port_stream(struct port *p, int fd)
{
	struct timeval	 tv = { WAIT_MS / 1000, 0 };
	struct waiting	*w;
	struct link	*link;

	if ((link = relay_link_get(relay)) != NULL) {
		if (fdstream_open(base, fd, fd, link_mux(link), &p->open,
		    &stream_ops, p) == NULL) {
			log_warnx("%s: too many streams", p->open.node);
			close_reset(fd);
		}
		return;
	}
	if (nwaiting >= WAITING_MAX ||
	    (w = calloc(1, sizeof(*w))) == NULL) {
		close_reset(fd);
		return;
	}
	w->port = p;
	w->fd = fd;
	w->since = link_now();
	TAILQ_INSERT_TAIL(&waitings, w, entry);
	nwaiting++;
	if (!evtimer_pending(wait_timer, NULL))
		evtimer_add(wait_timer, &tv);
}

static void
stream_closed(struct fdstream *s, void *arg, uint16_t code, const char *text)
{
	struct port	*p = arg;

	if (code == 0 && text == NULL)
		return;
	if (code == MUX_CODE_CANCEL || code == MUX_CODE_TARGET_RESET)
		log_debug("%s %s port %u: %s", p->open.node, p->open.host,
		    p->open.port, text == NULL ? "ended" : text);
	else
		log_warnx("%s %s port %u: %s", p->open.node, p->open.host,
		    p->open.port, text != NULL && text[0] != '\0' ? text :
		    mux_code_name(code));
}

static void
wait_over(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv = { 1, 0 };
	struct waiting	*w;

	while ((w = TAILQ_FIRST(&waitings)) != NULL &&
	    link_now() - w->since >= WAIT_MS * 1000ULL) {
		log_warnx("%s: the link to the relay is down: a connection "
		    "is refused", w->port->open.node);
		TAILQ_REMOVE(&waitings, w, entry);
		nwaiting--;
		close_reset(w->fd);
		free(w);
	}
	if (!TAILQ_EMPTY(&waitings))
		evtimer_add(wait_timer, &tv);
}

/* ---- the link ---- */

static void
forward_up(void *arg, struct link *link)
{
	struct waiting	*w;
	struct port	*p;
	char		 addr[ADDR_STRLEN];

	if (was_up)
		log_info("the link to the relay is up again");
	else {
		if (sandbox_enter(SANDBOX_CLIENT, NULL, 0, -1) == -1)
			log_debug("sandbox: %s", strerror(errno));
		TAILQ_FOREACH(p, &ports, entry) {
			addr_format((struct sockaddr *)&p->spec.bind, addr);
			fprintf(stderr, "forwarding %s to %s %s port %u\n",
			    addr, p->open.node, p->open.host, p->open.port);
			event_add(p->ev, NULL);
		}
	}
	was_up = 1;
	while ((w = TAILQ_FIRST(&waitings)) != NULL) {
		TAILQ_REMOVE(&waitings, w, entry);
		nwaiting--;
		port_stream(w->port, w->fd);
		free(w);
	}
}

static void
forward_down(void *arg, enum exit_status why, const char *text)
{
	log_warnx("relay: %s", text);
	if (!was_up && (why == EXIT_DENIED || why == EXIT_PROTOCOL)) {
		status = why;
		event_base_loopbreak(base);
	}
}

static void
forward_goaway(void *arg, const struct mux_goaway *away)
{
	log_info("relay: %s", away->text);
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	status = EXIT_OK;
	event_base_loopbreak(base);
}

/* ---- command ---- */

static int
port_add(const char *text)
{
	struct port	*p;
	const char	*why;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("forward");
	if (forward_spec_parse(text, &p->spec, &why) == -1) {
		fprintf(stderr, "accessctl: -L %s: %s\n", text, why);
		free(p);
		return (-1);
	}
	p->open.kind = MUX_KIND_TCP;
	p->open.port = p->spec.port;
	strlcpy(p->open.node, p->spec.node, sizeof(p->open.node));
	strlcpy(p->open.host, p->spec.host, sizeof(p->open.host));
	p->fd = -1;
	TAILQ_INSERT_TAIL(&ports, p, entry);
	return (0);
}

static int
forward_run(struct relay_options *o)
{
	static const int	 signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct rlimit		 rl;
	struct event		*ev;
	struct port		*p;
	size_t			 i;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	if ((base = event_base_new()) == NULL ||
	    (pause_timer = evtimer_new(base, accept_again, NULL)) == NULL ||
	    (wait_timer = evtimer_new(base, wait_over, NULL)) == NULL)
		fatal("event");
	for (i = 0; i < nitems(signals); i++) {
		ev = evsignal_new(base, signals[i], on_signal, NULL);
		if (ev == NULL || event_add(ev, NULL) == -1)
			fatal("event");
	}
	TAILQ_FOREACH(p, &ports, entry) {
		if (port_listen(p) == -1)
			return (EXIT_OTHER);
		p->ev = event_new(base, p->fd, EV_READ | EV_PERSIST,
		    port_accept, p);
		if (p->ev == NULL)
			fatal("event");
	}
	relay = relay_link_new(base, o, 1, &relay_ops, NULL);
	if (relay == NULL)
		return (EXIT_OTHER);
	event_base_dispatch(base);
	relay_link_free(relay);
	relay = NULL;
	return (status);
}

int
cmd_forward(int argc, char **argv)
{
	static const struct option	 options[] = {
		RELAY_OPTIONS, OPTIONS_COMMON,
		{ NULL, 0, NULL, 0 }
	};
	struct relay_options		 o;
	int				 ch, check = 0, ret;

	memset(&o, 0, sizeof(o));
	while ((ch = getopt_long(argc, argv, "hL:nv", options, NULL)) != -1) {
		if (relay_option(&o, ch, optarg))
			continue;
		switch (ch) {
		case 'L':
			if (port_add(optarg) == -1)
				return (EXIT_USAGE);
			break;
		case 'n':
			check = 1;
			break;
		default:
			if (!option_common(ch))
				return (EXIT_USAGE);
			break;
		}
	}
	if (argc != optind || TAILQ_EMPTY(&ports))
		return (usage());
	if (relay_complete(&o) == -1)
		return (EXIT_OTHER);
	if (check) {
		fprintf(stderr, "OK\n");
		return (EXIT_OK);
	}
	ret = forward_run(&o);
	login_clear(&o.login);
	free(o.token_file);
	return (ret);
}
