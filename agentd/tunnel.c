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
 * The tunnel process: holds the link to the relay and brings it back when
 * it is lost.  It can't connect, open a file, or read the token: proxy
 * connects for it, and the parent signs.
 *
 * A relay that is to be replaced says so, and goes on serving for a while.
 * Then the next link is made before the last one is broken: new streams come
 * by the new link, while the old one stays for those it carries until they
 * have ended, or the relay's patience has.
 */

#include "compat.h"

#include <sys/resource.h>

#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backoff.h"
#include "clock.h"
#include "ctl.h"
#include "link_client.h"
#include "log.h"
#include "physmem.h"
#include "trim.h"
#include "tunnel.h"

#define BACKOFF_MIN_MS	500
#define BACKOFF_MAX_MS	30000
#define DENIED_MS	(BACKOFF_MAX_MS / 3)
#define LOGIN_TIMEOUT_MS 15000
#define BUDGET_MOST	(1UL << 30)	/* of windows, on large machines */
/* A link that stood so long was a good one: begin at the minimum again. */
#define LINK_GOOD_MS	60000

enum tunnel_state {
	TUNNEL_WAITING,		/* for the next attempt */
	TUNNEL_DIALLING,	/* proxy connects */
	TUNNEL_LOGIN,
	TUNNEL_LINK
};

struct mux_budget		 budget;

static enum tunnel_state	 state;
static struct event		*timer;
static struct backoff		 backoff;
static struct link_client	*client;
static struct link		*link_now_up;
static struct link		*link_next;	/* its hello has not come */
static uint32_t			 ids, dial_id;
static size_t			 relay;		/* the one being tried */
static unsigned int		 round_ms;	/* the least to wait after
						   a round of all relays */
static int			 from_first;	/* of the list, next */
static uint64_t			 up_since;
static uint64_t			 next_due;	/* us: of the next attempt */
/* Of the link: what it leads to, and how. */
static struct {
	char	 relay[RELAY_URL_MAX];
	char	 way[EGRESS_NAME_MAX];
	char	 software[MUX_TEXT_MAX + 1];
	char	 tls[128];
	int64_t	 since;
} up;
static int			 ending, serving;

static int	tunnel_recv_signed(struct proc_peer *, struct imsg *);
static void	tunnel_abandon(void);
static void	tunnel_wait(unsigned int);
static void	tunnel_try(evutil_socket_t, short, void *);
static void	tunnel_again(const char *, unsigned int);
static void	tunnel_retry(const char *, unsigned int);
static void	tunnel_sign(struct link_client *, void *,
		    const struct token_challenge *);
static void	tunnel_login_done(struct link_client *, void *,
		    struct link *);
static void	tunnel_login_failed(struct link_client *, void *,
		    enum link_fail, int, const char *);
static void	tunnel_up(struct link *, void *, const struct mux_hello *);
static void	tunnel_open(struct link *, void *, struct mux_stream *,
		    const struct mux_open *);
static void	tunnel_goaway(struct link *, void *,
		    const struct mux_goaway *);
static void	tunnel_down(struct link *, void *, int, const char *);
static void	tunnel_close(int, const char *);
static const char *relay_name(void);

static const struct link_client_ops client_ops = {
	tunnel_sign, tunnel_login_done, tunnel_login_failed
};

static const struct link_ops link_ops = {
	tunnel_up, tunnel_open, tunnel_goaway, tunnel_down
};

const struct proc_rule tunnel_rules[] = {
	{ IMSG_CONF_BEGIN, PROC_PARENT, sizeof(struct conf_begin),
	    conf_recv_begin, 0, 0 },
	{ IMSG_CONF_RELAY, PROC_PARENT, sizeof(struct conf_relay),
	    conf_recv_relay, 0, 0 },
	{ IMSG_CONF_CA, PROC_PARENT, sizeof(struct conf_chunk),
	    conf_recv_ca, 0, 0 },
	{ IMSG_CONF_END, PROC_PARENT, sizeof(struct conf_end),
	    conf_recv_end, 0, 0 },
	{ IMSG_CONF_CONTROL, PROC_PARENT, sizeof(struct conf_end),
	    status_recv_control, 0, 1 },
	{ IMSG_SIGNED, PROC_PARENT, sizeof(struct sign_answer),
	    tunnel_recv_signed, 0, 0 },
	{ IMSG_CONNECTED, PROC_PROXY, sizeof(struct connected),
	    target_recv_connected, 0, 1 },
	{ IMSG_CONNECT_FAILED, PROC_PROXY, sizeof(struct connect_failed),
	    target_recv_failed, 0, 0 },
	{ IMSG_ENDED, PROC_PROXY, sizeof(struct connect_failed),
	    target_recv_ended, 0, 0 },
	{ IMSG_BACKEND, PROC_PROXY, sizeof(struct backend_state),
	    status_recv_backend, 0, 0 },
	{ IMSG_CONNECTED, PROC_PARENT, sizeof(struct connected),
	    target_recv_connected, 0, 1 },
	{ IMSG_CONNECT_FAILED, PROC_PARENT, sizeof(struct connect_failed),
	    target_recv_failed, 0, 0 },
};
const size_t tunnel_nrules = nitems(tunnel_rules);

/* ---- process ---- */

void
tunnel_start(void)
{
	struct rlimit	 rl;

	/* Before the sandbox closes. */
	budget.limit = physmem_budget(BUDGET_MOST);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
}

void
tunnel_serve(void)
{
	backoff_init(&backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	if ((timer = evtimer_new(proc_base(), tunnel_try, NULL)) == NULL ||
	    trim_init(proc_base()) == -1)
		fatal("event");
	status_serve();
	serving = 1;
	/* proxy may not be there yet: its coming starts the first attempt. */
}

void
tunnel_stop(void)
{
	ending = 1;
	if (link_now_up != NULL || link_next != NULL || left_count() > 0) {
		proc_linger(1000);
		tunnel_close(WS_CLOSE_AWAY, "agentd ends");
	}
}

void
tunnel_peer_up(struct proc_peer *peer)
{
	if (proc_peer_kind(peer) == PROC_PROXY && state == TUNNEL_WAITING &&
	    !evtimer_pending(timer, NULL))
		tunnel_try(-1, 0, NULL);
}

void
tunnel_peer_down(struct proc_peer *peer)
{
	if (proc_peer_kind(peer) != PROC_PROXY)
		return;
	targets_proxy_gone();
	if (state == TUNNEL_DIALLING)
		tunnel_dialled(dial_id, -1, 0, "the proxy process has ended");
}

uint32_t
tunnel_next_id(void)
{
	return (++ids);
}

/* ---- configuration ---- */

int
tunnel_serves(void)
{
	return (serving);
}

/*
 * Whatever is under way is so by the old configuration; and who has corrected
 * it does not want to wait for what the old one has earned.
 */
void
tunnel_configured(void)
{
	relay = 0;
	if (!serving || ending)
		return;
	backoff_reset(&backoff);
	round_ms = 0;
	from_first = 1;
	tunnel_close(WS_CLOSE_AWAY, "reloaded");
	/* The end of a link begins the next attempt. */
	if (state == TUNNEL_LINK || link_next != NULL)
		return;
	from_first = 0;
	tunnel_abandon();
	tunnel_wait(arc4random_uniform(BACKOFF_MIN_MS));
}

/* The attempt that is under way, if there is one. */
static void
tunnel_abandon(void)
{
	struct conf_end	 end = { 0 };

	link_client_free(client);
	client = NULL;
	if (state == TUNNEL_DIALLING)
		(void)proc_send(proc_peer(PROC_PROXY, 0), IMSG_CANCEL, dial_id,
		    -1, &end, sizeof(end));
}

static const char *
relay_name(void)
{
	static char	 buf[RELAY_URL_MAX];

	relay_url_format(&conf.relays[relay], buf, sizeof(buf));
	return (buf);
}

/* ---- the link ---- */

static void
tunnel_try(evutil_socket_t fd, short what, void *arg)
{
	struct dial_relay	 d;

	if (ending)
		return;
	memset(&d, 0, sizeof(d));
	d.relay = relay;
	dial_id = tunnel_next_id();
	state = TUNNEL_DIALLING;
	if (proc_send(proc_peer(PROC_PROXY, 0), IMSG_DIAL, dial_id, -1, &d,
	    sizeof(d)) == -1)
		tunnel_again("the proxy process is starting", 1000);
}

static void
tunnel_wait(unsigned int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	state = TUNNEL_WAITING;
	next_due = clock_us() + ms * 1000ULL;
	evtimer_add(timer, &tv);
}

/* An attempt has failed. */
static void
tunnel_again(const char *why, unsigned int at_least)
{
	char	 way[EGRESS_NAME_MAX];

	egress_name(&conf.ways[relay], way);
	status_note("failed", relay_name(), way, why);
	tunnel_retry(why, at_least);
}

/*
 * No link: the next relay of the list, almost at once; when none of them
 * would have us, the first again after a while.
 */
static void
tunnel_retry(const char *why, unsigned int at_least)
{
	unsigned int	 ms;

	state = TUNNEL_WAITING;
	if (ending) {
		proc_quit(0);
		return;
	}
	if (at_least > round_ms)
		round_ms = at_least;
	if (relay + 1 < conf.nrelays && !from_first)
		ms = arc4random_uniform(BACKOFF_MIN_MS);
	else {
		ms = backoff_next(&backoff);
		if (ms < round_ms)
			ms = round_ms + arc4random_uniform(round_ms / 2 + 1);
		round_ms = 0;
	}
	log_warnx("relay %s: %s; next attempt in %u.%u s", relay_name(), why,
	    ms / 1000, ms % 1000 / 100);
	relay = from_first ? 0 : (relay + 1) % conf.nrelays;
	from_first = 0;
	tunnel_wait(ms);
}

int
tunnel_is_dial(uint32_t id)
{
	return (id == dial_id);
}

void
tunnel_dialled(uint32_t id, int fd, uint16_t code, const char *text)
{
	struct link_client_config	 cfg;

	if (state != TUNNEL_DIALLING || id != dial_id) {
		if (fd != -1)
			close(fd);
		return;
	}
	if (fd == -1) {
		/* A proxy's mind does not change every second either. */
		tunnel_again(text, code == MUX_CODE_DENIED ? DENIED_MS : 0);
		return;
	}
	memset(&cfg, 0, sizeof(cfg));
	cfg.base = proc_base();
	cfg.fd = fd;
	cfg.url = &conf.relays[relay];
	cfg.tls = conf.relays[relay].tls ? trust : NULL;
	cfg.path = LINK_PATH_NODE;
	cfg.node = conf.begin.name;
	cfg.token_id = conf.begin.token_id;
	cfg.user_agent = "agentd/" CULVERT_VERSION;
	cfg.timeout_ms = LOGIN_TIMEOUT_MS;
	cfg.ops = &client_ops;
	cfg.link.base = proc_base();
	cfg.link.ops = &link_ops;
	cfg.link.streams_max = conf.begin.streams_max;
	cfg.link.strangers = 1;
	cfg.link.budget = budget.limit;
	cfg.link.process_budget = &budget;
	cfg.link.hello = &hello;
	cfg.link.ping_ms = conf.begin.ping_ms;
	if (conf.relays[relay].tls && trust == NULL) {
		close(fd);
		tunnel_again("nothing to verify the relay with", 0);
		return;
	}
	state = TUNNEL_LOGIN;
	if ((client = link_client_new(&cfg)) == NULL)
		tunnel_again("no memory", 0);
}

/* The parent has the token: it signs, we pass on. */
static void
tunnel_sign(struct link_client *lc, void *arg,
    const struct token_challenge *ch)
{
	struct sign_ask	 ask;

	memset(&ask, 0, sizeof(ask));
	ask.relay = relay;
	if (strlcpy(ask.host, ch->host, sizeof(ask.host)) >=
	    sizeof(ask.host) ||
	    strlcpy(ask.nonce, ch->nonce, sizeof(ask.nonce)) >=
	    sizeof(ask.nonce) ||
	    strlcpy(ask.path, ch->path, sizeof(ask.path)) >=
	    sizeof(ask.path) || proc_send(proc_peer(PROC_PARENT, 0),
	    IMSG_SIGN, 0, -1, &ask, sizeof(ask)) == -1)
		link_client_signed(lc, NULL);
}

static int
tunnel_recv_signed(struct proc_peer *peer, struct imsg *imsg)
{
	struct sign_answer	 a;

	if (imsg_get_data(imsg, &a, sizeof(a)) == -1)
		return (-1);
	if (state == TUNNEL_LOGIN && client != NULL)
		link_client_signed(client, a.ok ? a.sig : NULL);
	return (0);
}

static void
tunnel_login_done(struct link_client *lc, void *arg, struct link *link)
{
	client = NULL;
	link_next = link;
	if (ending)
		link_close(link, WS_CLOSE_AWAY, "agentd ends");
}

static void
tunnel_login_failed(struct link_client *lc, void *arg, enum link_fail fail,
    int retry, const char *text)
{
	char	 way[EGRESS_NAME_MAX], why[EGRESS_WHY_MAX];

	client = NULL;
	if (fail == LINK_FAIL_DENIED) {
		/* Asking every second will not change the relay's mind. */
		tunnel_again(text, DENIED_MS);
		return;
	}
	egress_name(&conf.ways[relay], way);
	/* Unless the relay said so itself, it may not be to blame. */
	if (fail != LINK_FAIL_BUSY)
		text = egress_why(way, text, why);
	tunnel_again(text, retry > 0 ? retry * 1000 : 0);
}

static void
tunnel_up(struct link *link, void *arg, const struct mux_hello *h)
{
	if (link != link_next)
		return;
	link_next = NULL;
	state = TUNNEL_LINK;
	up_since = clock_us();
	round_ms = 0;
	up.since = time(NULL);
	evtls_describe(link_conn(link), up.tls, sizeof(up.tls));
	egress_name(&conf.ways[relay], up.way);
	strlcpy(up.relay, relay_name(), sizeof(up.relay));
	strlcpy(up.software, h->software, sizeof(up.software));
	status_note("up", up.relay, up.way, "");
	log_info("node %s: link to %s is up (%s, %s)%s%s", conf.begin.name,
	    up.relay, up.software, up.tls, up.way[0] != '\0' ?
	    " through " : "", up.way);
	if (link_now_up != NULL)
		left_add(link_now_up);
	link_now_up = link;
	trim_all_later();
}

static void
tunnel_open(struct link *link, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	target_open(s, open);
}

/*
 * It will end this link, but not at once: make the next one first, at some
 * time within the delay, as all others do.
 */
static void
tunnel_goaway(struct link *link, void *arg, const struct mux_goaway *g)
{
	uint32_t	 delay, ms;

	if (link != link_now_up || state != TUNNEL_LINK || ending)
		return;
	if (clock_us() - up_since > LINK_GOOD_MS * 1000ULL)
		backoff_reset(&backoff);
	delay = g->delay > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : g->delay;
	ms = delay == 0 ? 0 : arc4random_uniform(delay);
	log_info("relay %s: %s; next link in %u.%u s", relay_name(), g->text,
	    ms / 1000, ms % 1000 / 100);
	tunnel_wait(ms);
}

static void
tunnel_down(struct link *link, void *arg, int code, const char *text)
{
	int	 was_up = link == link_now_up, was_next = link == link_next;
	char	 way[EGRESS_NAME_MAX], why[EGRESS_WHY_MAX];

	egress_name(&conf.ways[relay], way);
	/* Nobody said goodbye: it may have been the way that gave out. */
	if (code == 0)
		text = egress_why(was_up ? up.way : way, text, why);
	if (!was_up && !was_next && left_forget(link))
		log_info("relay %s: the link that was left has ended: %s",
		    relay_name(), text);
	link_free(link);
	if (was_up)
		link_now_up = NULL;
	if (was_next)
		link_next = NULL;
	if (ending) {
		if (link_now_up == NULL && link_next == NULL &&
		    left_count() == 0)
			proc_quit(0);
		return;
	}
	if (was_up && up_since != 0 && clock_us() - up_since >
	    LINK_GOOD_MS * 1000ULL) {
		backoff_reset(&backoff);
		/* It may have been second best. */
		from_first = state == TUNNEL_LINK;
	}
	if (was_up)
		up_since = 0;
	if (was_up)
		status_note("ended", up.relay, up.way, text);
	if (was_next)
		tunnel_again(text, 0);
	else if (was_up && state == TUNNEL_LINK)
		tunnel_retry(text, 0);
	else if (was_up)
		/* It said before that it would; the next is on its way. */
		log_info("relay %s: link ended: %s", relay_name(), text);
}

static void
tunnel_close(int code, const char *text)
{
	left_close(code, text);
	if (link_next != NULL)
		link_close(link_next, code, text);
	if (link_now_up != NULL)
		link_close(link_now_up, code, text);
}

struct link *
tunnel_link(void)
{
	return (link_now_up);
}

const char *
tunnel_name(void)
{
	return (conf.begin.name);
}

/* ---- status ---- */

void
tunnel_state(struct ctl_agent *a)
{
	static const char *const states[] = {
		[TUNNEL_WAITING] = "waiting", [TUNNEL_DIALLING] = "dialling",
		[TUNNEL_LOGIN] = "logging in", [TUNNEL_LINK] = "connected"
	};
	uint64_t		 now = clock_us();

	strlcpy(a->name, conf.begin.name, sizeof(a->name));
	a->links = left_count();
	if (link_now_up != NULL) {
		a->connected = 1;
		strlcpy(a->state, "connected", sizeof(a->state));
		strlcpy(a->relay, up.relay, sizeof(a->relay));
		strlcpy(a->way, up.way, sizeof(a->way));
		strlcpy(a->software, up.software, sizeof(a->software));
		strlcpy(a->tls, up.tls, sizeof(a->tls));
		a->since = up.since;
		a->rtt_us = link_rtt(link_now_up);
	} else
		strlcpy(a->state, states[state], sizeof(a->state));
	if (state == TUNNEL_LINK || conf.nrelays == 0)
		return;
	/* What is tried now counts as the next one. */
	strlcpy(a->next_relay, relay_name(), sizeof(a->next_relay));
	if (a->way[0] == '\0' && !a->connected)
		egress_name(&conf.ways[relay], a->way);
	a->has_next = 1;
	if (state == TUNNEL_WAITING && next_due > now)
		a->next_ms = (next_due - now) / 1000;
}
