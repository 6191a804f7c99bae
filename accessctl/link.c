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
 * The link to the relay: dialling, logging in, and for those that stay,
 * coming back.
 */

#include "compat.h"

#include <event2/event.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessctl.h"
#include "clock.h"
#include "dial.h"
#include "egress_dial.h"
#include "egress_helper.h"
#include "evtls.h"
#include "helper_said.h"
#include "link_client.h"
#include "log.h"
#include "resolve.h"
#include "retry.h"
#include "sandbox.h"
#include "trim.h"

#define DIAL_MS		15000
#define LOGIN_MS	15000
#define MOVE_MAX_MS	30000	/* to another link, whatever the relay says */
#define BUSY_TRIES	5	/* at a relay that is just starting */
#define DENIED_MS	10000	/* its mind does not change every second */
#define FLUSH_MS	20	/* between looks at what is still to leave */
#define LEFT_MAX	8	/* links that were left and still carry */

struct relay_link {
	struct event_base		*base;
	const struct relay_link_ops	*ops;
	void				*arg;
	struct relay_url		 url;
	char				 name[RELAY_URL_MAX];
	struct token			 token;
	struct evtls_client		*tls;
	struct event			*timer;	/* of the next attempt, or of
						   the flush before the end */
	struct retry			 times;
	struct mux_budget		 budget;
	struct mux_hello		 hello;
	struct egress			 egress;	/* a secret */
	int				 helper;	/* or -1 */
	struct egress_dial		*dial;
	struct link_client		*client;
	struct link			*link;
	struct link			*next;	/* made before that is left */
	struct link			*left[LEFT_MAX]; /* oldest first */
	size_t				 nleft;
	int				 up;
	int				 retry;
	int				 over;		/* no way to retry */
	int				 closing;
	int				 sandboxed;
	int				 busy_tries;
	int				 moving;	/* to a new link */
	uint64_t			 up_since;
	uint64_t			 close_by;	/* us, clock_us */
};

static int	relay_setup(struct relay_link *, const struct relay_options *,
		    enum exit_status *);
static void	relay_try(evutil_socket_t, short, void *);
static void	relay_later(struct relay_link *, unsigned int);
static void	relay_again(struct relay_link *, enum exit_status,
		    const char *, unsigned int);
static void	relay_dialled(void *, int, enum dial_error, const char *);
static void	relay_sign(struct link_client *, void *,
		    const struct token_challenge *);
static void	relay_done(struct link_client *, void *, struct link *);
static void	relay_failed(struct link_client *, void *, enum link_fail,
		    int, const char *);
static void	relay_up(struct link *, void *, const struct mux_hello *);
static void	relay_goaway(struct link *, void *,
		    const struct mux_goaway *);
static void	relay_down(struct link *, void *, int, const char *);
static void	relay_move(struct relay_link *);
static void	relay_flush(struct relay_link *);

static const struct link_client_ops client_ops = {
	relay_sign, relay_done, relay_failed
};

static const struct link_ops link_ops = {
	relay_up, NULL, relay_goaway, relay_down
};

/* ---- making and ending ---- */

/* Before there are threads and a sandbox. */
static int
relay_helper(struct relay_link *r)
{
	pid_t	 pid;
	int	 err = -1;

	if (r->egress.kind != EGRESS_HELPER)
		return (0);
	/* Who stays may leave the terminal. */
	if (!r->retry || (err = helper_said_open(r->base)) != -1)
		r->helper = helper_fork(r->egress.host, NULL, NULL, err,
		    &pid);
	if (r->helper == -1)
		log_warn("proxy helper");
	if (err != -1)
		close(err);
	return (r->helper == -1 ? -1 : 0);
}

static int
relay_setup(struct relay_link *r, const struct relay_options *o,
    enum exit_status *status)
{
	struct egress_conf	 way = { o->login.proxy, o->login.helper };
	const char		*why;
	char			 err[256];

	*status = EXIT_USAGE;
	if (relay_url_parse(o->login.relay, &r->url, &why) == -1 ||
	    relay_url_format(&r->url, r->name, sizeof(r->name)) == -1) {
		log_warnx("relay: %s", why);
		return (-1);
	}
	if (!relay_url_plain_ok(&r->url, o->plaintext)) {
		log_warnx("ws:// sends everything in the clear: use wss://, "
		    "or --allow-plaintext if that is meant");
		return (-1);
	}
	if (egress_choose(&way, &r->url, &r->egress, err, sizeof(err)) ==
	    -1) {
		log_warnx("%s", err);
		return (-1);
	}
	*status = EXIT_DENIED;
	if (token_parse(o->login.token, &r->token, &why) == -1) {
		log_warnx("token: %s", why);
		return (-1);
	}
	*status = EXIT_OTHER;
	if (relay_helper(r) == -1)
		return (-1);
	if (evtls_init() == -1 || dial_init(r->base) == -1) {
		log_warnx("TLS or name resolution can't be set up");
		return (-1);
	}
	/* We look a name up outside, and are in the sandbox soon after. */
	resolve_linger(0);
	if (r->url.tls && (r->tls = login_trust(o->login.ca, o->login.pin,
	    NULL, err, sizeof(err))) == NULL) {
		log_warnx("%s", err);
		return (-1);
	}
	return (0);
}

struct relay_link *
relay_link_new(struct event_base *base, struct relay_options *o, int retry,
    size_t budget, const struct relay_link_ops *ops, void *arg,
    enum exit_status *status)
{
	struct relay_link	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal("link");
	r->base = base;
	r->ops = ops;
	r->arg = arg;
	r->retry = retry;
	r->helper = -1;
	r->budget.limit = budget;
	r->hello.version = MUX_VERSION;
	r->hello.credit = MUX_CREDIT_EARLY;
	strlcpy(r->hello.software, "accessctl " CULVERT_VERSION,
	    sizeof(r->hello.software));
	retry_init(&r->times);
	if ((r->timer = evtimer_new(base, relay_try, r)) == NULL)
		fatal("event");
	if (relay_setup(r, o, status) == -1) {
		relay_link_free(r);
		return (NULL);
	}
	relay_later(r, 0);
	return (r);
}

void
relay_link_free(struct relay_link *r)
{
	if (r == NULL)
		return;
	r->closing = 1;		/* streams that end now see no link */
	egress_dial_free(r->dial);
	link_client_free(r->client);
	link_free(r->link);
	link_free(r->next);
	while (r->nleft > 0)
		link_free(r->left[--r->nleft]);
	if (r->helper != -1)
		close(r->helper);
	helper_said_close();
	if (r->timer != NULL)
		event_free(r->timer);
	evtls_client_free(r->tls);
	freezero(r, sizeof(*r));
}

struct link *
relay_link_get(struct relay_link *r)
{
	return (r != NULL && r->up && !r->closing && r->link != NULL &&
	    !link_ending(r->link) ? r->link : NULL);
}

int
relay_link_over(const struct relay_link *r)
{
	return (r->over);
}

const char *
relay_link_name(const struct relay_link *r)
{
	return (r->name);
}

void
relay_link_close(struct relay_link *r, unsigned int ms)
{
	if (r->closing)
		return;
	r->closing = 1;
	r->close_by = clock_us() + ms * 1000ULL;
	event_del(r->timer);
	egress_dial_free(r->dial);
	r->dial = NULL;
	link_client_free(r->client);
	r->client = NULL;
	if (r->link != NULL) {
		relay_flush(r);
		return;
	}
	r->ops->down(r->arg, EXIT_OK, "", 0);
}

/*
 * What streams sent last may still be in our buffers, behind a slow line;
 * a link gives its peer only two seconds once it closes.
 */
static void
relay_flush(struct relay_link *r)
{
	struct evtls	*conn;

	if (r->link == NULL)
		return;
	/* One that lingers has none. */
	if ((conn = link_conn(r->link)) != NULL && evtls_buffered(conn) > 0 &&
	    clock_us() < r->close_by)
		relay_later(r, FLUSH_MS);
	else
		link_close(r->link, WS_CLOSE_NORMAL, NULL);
}

/* ---- attempts ---- */

static void
relay_later(struct relay_link *r, unsigned int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	if (evtimer_add(r->timer, &tv) == -1)
		fatal("event");
}

static void
relay_try(evutil_socket_t fd, short what, void *arg)
{
	struct relay_link		*r = arg;
	struct egress_dial_config	 cfg;

	if (r->closing) {
		relay_flush(r);
		return;
	}
	retry_begun(&r->times);
	memset(&cfg, 0, sizeof(cfg));
	cfg.base = r->base;
	cfg.egress = &r->egress;
	cfg.helper = r->helper;
	cfg.agent = "accessctl/" CULVERT_VERSION;
	cfg.host = r->url.host;
	cfg.port = r->url.port;
	cfg.timeout_ms = DIAL_MS;
	cfg.done = relay_dialled;
	cfg.arg = r;
	if ((r->dial = egress_dial_new(&cfg)) == NULL)
		relay_again(r, EXIT_RELAY, "no memory", 0);
}

void
relay_link_wanted(struct relay_link *r, unsigned int ms)
{
	unsigned int	 in;

	if (retry_wanted(&r->times, ms, &in) && !r->up && !r->closing &&
	    evtimer_pending(r->timer, NULL))
		relay_later(r, in);
}

/* It is down.  The owner may end us in the callback: nothing after it. */
static void
relay_again(struct relay_link *r, enum exit_status status, const char *why,
    unsigned int at_least)
{
	unsigned int	 ms = 0;

	if (r->closing)
		status = EXIT_OK;
	else if (r->retry && !r->over) {
		ms = retry_next(&r->times, at_least);
		relay_later(r, ms);
	}
	/* While the old link stands there is nothing to tell. */
	if (r->up && !r->closing)
		log_debug("relay %s: %s; next attempt in %u ms", r->name, why,
		    ms);
	else
		r->ops->down(r->arg, status, why, ms);
}

static void
relay_dialled(void *arg, int fd, enum dial_error error, const char *text)
{
	struct link_client_config	 cfg;
	struct relay_link		*r = arg;

	r->dial = NULL;
	if (fd == -1) {
		/* In the sandbox there is no other to be had. */
		r->over = !r->up && r->helper != -1 &&
		    helper_gone(r->helper);
		relay_again(r, error == DIAL_LOCAL ? EXIT_OTHER : EXIT_RELAY,
		    text, error == DIAL_DENIED ? DENIED_MS : 0);
		return;
	}
	memset(&cfg, 0, sizeof(cfg));
	cfg.base = r->base;
	cfg.fd = fd;
	cfg.url = &r->url;
	cfg.tls = r->tls;
	cfg.path = LINK_PATH_ACCESS;
	cfg.node = "";
	cfg.token_id = r->token.id;
	cfg.user_agent = "accessctl/" CULVERT_VERSION;
	cfg.timeout_ms = LOGIN_MS;
	cfg.ops = &client_ops;
	cfg.arg = r;
	cfg.link.base = r->base;
	cfg.link.ops = &link_ops;
	cfg.link.arg = r;
	cfg.link.budget = r->budget.limit;
	cfg.link.process_budget = &r->budget;
	cfg.link.hello = &r->hello;
	if ((r->client = link_client_new(&cfg)) == NULL)
		relay_again(r, EXIT_RELAY, "no memory", 0);
}

static void
relay_sign(struct link_client *lc, void *arg,
    const struct token_challenge *ch)
{
	struct relay_link	*r = arg;
	uint8_t			 sig[TOKEN_SIG_LEN];

	link_client_signed(lc, token_sign(&r->token, ch, sig) == 0 ? sig :
	    NULL);
}

static void
relay_done(struct link_client *lc, void *arg, struct link *link)
{
	struct relay_link	*r = arg;

	r->client = NULL;
	if (r->up)
		r->next = link;
	else
		r->link = link;
}

/* Unless the relay said so itself, the way there may be to blame. */
static const char *
relay_why(const struct relay_link *r, const char *text,
    char why[EGRESS_WHY_MAX])
{
	char	 way[EGRESS_NAME_MAX];

	egress_name(&r->egress, way);
	return (egress_why(way, text, why));
}

static void
relay_failed(struct link_client *lc, void *arg, enum link_fail fail,
    int retry, const char *text)
{
	static const enum exit_status	 statuses[] = {
		[LINK_FAIL_UNREACHABLE] = EXIT_RELAY,
		[LINK_FAIL_TLS] = EXIT_RELAY,
		[LINK_FAIL_DENIED] = EXIT_DENIED,
		[LINK_FAIL_BUSY] = EXIT_RELAY,
		[LINK_FAIL_PROTOCOL] = EXIT_PROTOCOL
	};
	struct relay_link		*r = arg;
	char				 why[EGRESS_WHY_MAX];

	r->client = NULL;
	if (fail == LINK_FAIL_BUSY && !r->retry &&
	    ++r->busy_tries < BUSY_TRIES && retry <= 2) {
		/* It says so itself: in a moment it may not be. */
		relay_later(r, retry * 1000 + arc4random_uniform(500));
		return;
	}
	if (fail == LINK_FAIL_DENIED)
		relay_again(r, EXIT_DENIED, text, DENIED_MS);
	else
		relay_again(r, statuses[fail], fail == LINK_FAIL_BUSY ? text :
		    relay_why(r, text, why), retry * 1000);
}

/* ---- the link ---- */

/*
 * From here on there is only the link to serve; and who comes back must
 * find the relay's name again.
 */
static void
relay_sandbox(struct relay_link *r)
{
	struct sandbox_path	 names[] = {
		{ "/etc", SANDBOX_READ },
		{ "/run/systemd/resolve", SANDBOX_READ },
		{ "/run/resolvconf", SANDBOX_READ },
		{ NULL, SANDBOX_READ },		/* where else it is */
	};
	char			 folder[PATH_MAX];
	size_t			 n = nitems(names);

	if (r->sandboxed)
		return;
	r->sandboxed = 1;
	if (r->ops->first != NULL)
		r->ops->first(r->arg);
	names[n - 1].path = folder;
	if (resolve_folder(folder, sizeof(folder)) == -1)
		n--;
	if (sandbox_enter(SANDBOX_CLIENT, names, r->retry ? n : 0, -1) == -1)
		log_debug("no sandbox: %s", strerror(errno));
}

static void
relay_up(struct link *link, void *arg, const struct mux_hello *hello)
{
	struct relay_link	*r = arg;

	if (r->closing || (link != r->next && link != r->link))
		return;
	r->moving = 0;
	r->up_since = clock_us();
	log_debug("relay %s: link is up (%s)", r->name, hello->software);
	if (link == r->next) {
		relay_move(r);
		return;
	}
	r->up = 1;
	trim_all_later();	/* it took more than it will */
	relay_sandbox(r);
	r->ops->up(r->arg, link);
}

/*
 * From now on streams go by the new link; the old one stays for those that
 * it carries.
 */
static void
relay_move(struct relay_link *r)
{
	struct link	*old = r->link, *oldest = r->left[0];

	r->link = r->next;
	r->next = NULL;
	if (r->nleft == LEFT_MAX) {
		r->nleft--;
		memmove(&r->left[0], &r->left[1],
		    r->nleft * sizeof(r->left[0]));
		link_close(oldest, WS_CLOSE_AWAY, "left long ago");
	}
	r->left[r->nleft++] = old;
	if (link_retire(old, "moved") == -1)
		link_close(old, WS_CLOSE_AWAY, "moved");
}

/*
 * The relay will end this link, but not at once.  Who has more streams to
 * come makes the next one now; who has but one goes on with it.
 */
static void
relay_goaway(struct link *link, void *arg, const struct mux_goaway *away)
{
	struct relay_link	*r = arg;
	uint32_t		 delay = away->delay;

	log_debug("relay %s: %s", r->name, away->text);
	if (link != r->link || !r->retry || r->moving || r->closing)
		return;
	if (delay > MOVE_MAX_MS)
		delay = MOVE_MAX_MS;
	retry_stood(&r->times, r->up_since);
	r->moving = 1;
	relay_later(r, delay == 0 ? 0 : arc4random_uniform(delay));
}

/* 1 if it was one that was left. */
static int
relay_forget(struct relay_link *r, const struct link *link)
{
	size_t	 i;

	for (i = 0; i < r->nleft; i++) {
		if (r->left[i] != link)
			continue;
		r->nleft--;
		memmove(&r->left[i], &r->left[i + 1],
		    (r->nleft - i) * sizeof(r->left[0]));
		return (1);
	}
	return (0);
}

static void
relay_down(struct link *link, void *arg, int code, const char *text)
{
	struct relay_link	*r = arg;
	enum exit_status	 status;
	char			 why[EGRESS_WHY_MAX];
	int			 was_up;

	if (relay_forget(r, link) || (link != r->link && link != r->next)) {
		link_free(link);
		return;
	}
	if (code == 0)
		text = relay_why(r, text, why);
	status = code == WS_CLOSE_PROTOCOL ? EXIT_PROTOCOL :
	    code == WS_CLOSE_POLICY ? EXIT_DENIED : EXIT_RELAY;
	was_up = r->up && link == r->link;
	if (was_up) {
		retry_stood(&r->times, r->up_since);
		r->up = 0;
	}
	/* One that is on its way is the first of a new row. */
	if (link == r->link)
		r->link = r->next;
	r->next = NULL;
	link_free(link);
	if (r->closing && r->link != NULL)
		return;
	if (was_up && r->moving && !r->closing)
		r->ops->down(r->arg, status, text, 0);
	else
		relay_again(r, status, text, 0);
}
