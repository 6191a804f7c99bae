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

/* link: libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp pthread */

/*
 * agents: many devices in one process.  Makes so many links to a relay and
 * keeps them, with the backoff of agentd; prints "up N" when their number
 * changes (at most ten times a second), and "moved N" when relays that go
 * away have been left for others.  Each answers a stream by echoing.
 *
 *	agents [-c ms] [-j n] [-p ms] URL CA-FILE|- TOKEN-FILE PREFIX COUNT
 *
 *	-c	end each link after up to so long and make it again at once;
 *		prints "made N", the links made until now
 *	-j	log in so many at a time: devices have a processor each, these
 *		share one, and all at once would all be slow
 *	-p	the time between pings
 */

#include "compat.h"

#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "backoff.h"
#include "evtls.h"
#include "link_client.h"
#include "log.h"
#include "login.h"
#include "relay_url.h"

struct agent {
	TAILQ_ENTRY(agent)	 entry;		/* of those that wait */
	char			 name[64];
	struct backoff		 backoff;
	struct event		*timer;
	struct event		*connecting;
	int			 fd;
	struct link		*link, *next;
	int			 moving;
	struct mux_hello	 hello;
};

static struct event_base	*base;
static struct relay_url		 url;
static struct sockaddr_storage	 relay;
static struct evtls_client	*trust;
static struct token		 token;
static struct mux_budget	 budget = { .limit = 1UL << 32 };
static unsigned int		 up, told, moved, moved_told, made, made_told;
static unsigned int		 churn_ms, ping_ms;
static unsigned int		 trying, trying_max = UINT_MAX;
static TAILQ_HEAD(, agent)	 waiting = TAILQ_HEAD_INITIALIZER(waiting);

static void	agent_try(evutil_socket_t, short, void *);
static void	agent_connected(evutil_socket_t, short, void *);
static void	agent_connect(struct agent *);
static void	agent_tried(void);
static void	agent_again(struct agent *);
static void	agent_churn(struct agent *);

static size_t
echo_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	mux_ready(s);
	return (0);
}

static size_t
echo_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	size_t	 n = mux_read(s, buf, cap);

	*more = mux_eof(s) ? MUX_LAST : mux_queued(s) > 0 ? MUX_MORE :
	    MUX_IDLE;
	return (n);
}

static void
echo_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
}

static void
echo_done(struct mux_stream *s, void *arg)
{
}

static const struct mux_stream_ops echo_ops = {
	.input = echo_input,
	.pull = echo_pull,
	.reset = echo_reset,
	.done = echo_done
};

static void
link_up(struct link *l, void *arg, const struct mux_hello *h)
{
	struct agent	*a = arg;

	if (a->link == NULL)
		up++;
	else {
		moved++;
		link_retire(a->link, "moved");
	}
	a->link = l;
	a->next = NULL;
	a->moving = 0;
	made++;
	if (churn_ms != 0)
		agent_churn(a);
}

static void
link_goaway(struct link *l, void *arg, const struct mux_goaway *g)
{
	struct agent	*a = arg;
	unsigned int	 ms = g->delay == 0 ? 0 : arc4random_uniform(g->delay);
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	if (l != a->link || a->moving)
		return;
	a->moving = 1;
	evtimer_add(a->timer, &tv);
}

static void
link_open(struct link *l, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	mux_stream_own(s, &echo_ops, arg);
	mux_accept(s);
}

static void
link_down(struct link *l, void *arg, int code, const char *text)
{
	struct agent	*a = arg;
	int		 again = 0;

	if (l == a->link) {
		up--;
		a->link = NULL;
		again = !a->moving;
	} else if (l == a->next) {
		a->next = NULL;
		again = 1;
	}
	log_debug("%s: link ended: %d %s", a->name, code, text);
	link_free(l);
	if (again && churn_ms != 0 && code == WS_CLOSE_NORMAL)
		agent_try(-1, 0, a);
	else if (again)
		agent_again(a);
}

static const struct link_ops link_ops = { link_up, link_open, link_goaway,
	link_down };

static void
client_sign(struct link_client *lc, void *arg,
    const struct token_challenge *ch)
{
	uint8_t	 sig[TOKEN_SIG_LEN];

	link_client_signed(lc, token_sign(&token, ch, sig) == 0 ? sig : NULL);
}

static void
client_done(struct link_client *lc, void *arg, struct link *l)
{
	struct agent	*a = arg;

	a->next = l;
	backoff_reset(&a->backoff);
	agent_tried();
}

static void
client_fail(struct link_client *lc, void *arg, enum link_fail f, int retry,
    const char *text)
{
	log_debug("%s: %s", ((struct agent *)arg)->name, text);
	agent_again(arg);
	agent_tried();
}

static const struct link_client_ops client_ops = { client_sign, client_done,
	client_fail };

static void
agent_again(struct agent *a)
{
	unsigned int	 ms = backoff_next(&a->backoff);
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	evtimer_add(a->timer, &tv);
}

/* The timer of an agent with a link has nothing else to do. */
static void
agent_churn(struct agent *a)
{
	unsigned int	 ms = arc4random_uniform(churn_ms);
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	evtimer_add(a->timer, &tv);
}

static void
agent_try(evutil_socket_t fd, short what, void *arg)
{
	struct agent	*a = arg;

	if (churn_ms != 0 && a->link != NULL) {
		link_close(a->link, WS_CLOSE_NORMAL, "churn");
		return;
	}
	if (trying < trying_max)
		agent_connect(a);
	else
		TAILQ_INSERT_TAIL(&waiting, a, entry);
}

/* One of them has come to an end, whichever. */
static void
agent_tried(void)
{
	struct agent	*a;

	trying--;
	if ((a = TAILQ_FIRST(&waiting)) != NULL && trying < trying_max) {
		TAILQ_REMOVE(&waiting, a, entry);
		agent_connect(a);
	}
}

static void
agent_connect(struct agent *a)
{
	trying++;
	a->fd = socket(relay.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (a->fd == -1) {
		agent_again(a);
		agent_tried();
		return;
	}
	if (connect(a->fd, (struct sockaddr *)&relay,
	    addr_len((struct sockaddr *)&relay)) == -1 &&
	    errno != EINPROGRESS) {
		close(a->fd);
		agent_again(a);
		agent_tried();
		return;
	}
	event_assign(a->connecting, base, a->fd, EV_WRITE, agent_connected,
	    a);
	event_add(a->connecting, NULL);
}

static void
agent_connected(evutil_socket_t fd, short what, void *arg)
{
	struct link_client_config	 cfg;
	struct agent			*a = arg;
	socklen_t			 len = sizeof(int);
	int				 error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1 ||
	    error != 0) {
		close(fd);
		agent_again(a);
		agent_tried();
		return;
	}
	memset(&cfg, 0, sizeof(cfg));
	cfg.base = base;
	cfg.fd = fd;
	cfg.url = &url;
	cfg.tls = trust;
	cfg.path = LINK_PATH_NODE;
	cfg.node = a->name;
	cfg.token_id = token.id;
	cfg.user_agent = "agents";
	cfg.timeout_ms = 20000;
	cfg.ops = &client_ops;
	cfg.arg = a;
	cfg.link.base = base;
	cfg.link.ops = &link_ops;
	cfg.link.arg = a;
	cfg.link.streams_max = 1000;
	cfg.link.budget = 1UL << 30;
	cfg.link.process_budget = &budget;
	cfg.link.hello = &a->hello;
	cfg.link.ping_ms = ping_ms;
	if (link_client_new(&cfg) == NULL) {
		agent_again(a);
		agent_tried();
	}
}

static void
tell(evutil_socket_t fd, short what, void *arg)
{
	if (up != told) {
		told = up;
		printf("up %u\n", up);
		fflush(stdout);
	}
	if (moved != moved_told) {
		moved_told = moved;
		printf("moved %u\n", moved);
		fflush(stdout);
	}
	if (churn_ms != 0 && made != made_told) {
		made_told = made;
		printf("made %u\n", made);
		fflush(stdout);
	}
}

__dead static void
usage(void)
{
	errx(2, "usage: agents [-c ms] [-j n] [-p ms] url ca-file token-file "
	    "prefix count");
}

static unsigned int
number(const char *text)
{
	const char	*why;
	unsigned int	 n = strtonum(text, 1, 3600000, &why);

	if (why != NULL)
		errx(2, "%s: %s", text, why);
	return (n);
}

int
main(int argc, char **argv)
{
	struct rlimit	 rl;
	struct timeval	 tv = { 0, 100000 };
	struct agent	*a;
	const char	*why;
	char		*text, errbuf[256], port[8];
	long		 i, n;
	int		 ch;

	while ((ch = getopt(argc, argv, "c:j:p:")) != -1) {
		if (ch == 'c')
			churn_ms = number(optarg);
		else if (ch == 'j')
			trying_max = number(optarg);
		else if (ch == 'p')
			ping_ms = number(optarg);
		else
			usage();
	}
	argc -= optind - 1;
	argv += optind - 1;
	if (argc != 6)
		usage();
	log_init("agents", LOG_STYLE_TERMINAL, getenv("VERBOSE") !=
	    NULL ? LOG_LEVEL_DEBUG : LOG_LEVEL_BRIEF);
	if (relay_url_parse(argv[1], &url, &why) == -1)
		errx(2, "%s: %s", argv[1], why);
	if ((text = login_token_file(argv[3])) == NULL ||
	    token_parse(text, &token, &why) == -1)
		errx(2, "token");
	n = strtonum(argv[5], 1, 100000, &why);
	if (why != NULL)
		errx(2, "count: %s", why);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	snprintf(port, sizeof(port), "%u", url.port);
	if (addr_parse(strcmp(url.host, "localhost") == 0 ? "127.0.0.1" :
	    url.host, port, &relay) == -1)
		errx(2, "the relay's host must be localhost or an address");
	if (evtls_init() == -1 || (base = event_base_new()) == NULL)
		errx(1, "init");
	if (url.tls && (trust = login_trust(strcmp(argv[2], "-") == 0 ?
	    NULL : argv[2], NULL, NULL, errbuf, sizeof(errbuf))) == NULL)
		errx(1, "%s", errbuf);
	for (i = 0; i < n; i++) {
		if ((a = calloc(1, sizeof(*a))) == NULL)
			err(1, NULL);
		snprintf(a->name, sizeof(a->name), "%s%ld", argv[4], i);
		backoff_init(&a->backoff, 500, 30000);
		a->hello.version = 1;
		a->hello.credit = MUX_CREDIT_EARLY;
		a->hello.epoch = (uint64_t)time(NULL) * 1000;
		a->timer = evtimer_new(base, agent_try, a);
		a->connecting = event_new(base, -1, 0, agent_connected, a);
		if (a->timer == NULL || a->connecting == NULL)
			errx(1, "event");
		agent_try(-1, 0, a);
	}
	event_add(event_new(base, -1, EV_PERSIST, tell, NULL), &tv);
	event_base_dispatch(base);
	return (0);
}
