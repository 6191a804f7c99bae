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
 * The link to the relay: which relay and as whom, dialling, logging in, and
 * for those that stay, coming back.
 */

#include "compat.h"

#include <event2/event.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "backoff.h"
#include "dial.h"
#include "evtls.h"
#include "link_client.h"
#include "log.h"

#define DIAL_MS		10000
#define LOGIN_MS	15000
#define BACKOFF_MIN_MS	500
#define BACKOFF_MAX_MS	30000
#define BUSY_TRIES	5		/* at a relay that is just starting */
#define CREDIT_MAX	(512UL << 20)	/* of receive windows, bytes */

struct relay_link {
	struct event_base		*base;
	const struct relay_link_ops	*ops;
	void				*arg;
	struct relay_url		 url;
	struct token			 token;
	struct evtls_client		*tls;
	struct event			*timer;
	struct backoff			 backoff;
	struct mux_budget		 budget;
	struct mux_hello		 hello;
	struct dial			*dial;
	struct link_client		*client;
	struct link			*link;
	int				 up;
	int				 retry;
	uint32_t			 goaway_ms;
	int				 busy_tries;
};

static void	relay_try(evutil_socket_t, short, void *);
static void	relay_again(struct relay_link *, enum exit_status,
		    const char *, unsigned int);
static void	relay_dialled(struct dial *, void *, int, enum dial_error,
		    const char *);
static void	relay_sign(struct link_client *, void *,
		    const struct token_challenge *);
static void	relay_done(struct link_client *, void *, struct link *);
static void	relay_failed(struct link_client *, void *, enum link_fail,
		    int, const char *);
static void	relay_up(struct link *, void *, const struct mux_hello *);
static void	relay_goaway(struct link *, void *,
		    const struct mux_goaway *);
static void	relay_down(struct link *, void *, int, const char *);
static void	set_string(char **, const char *);

static const struct link_client_ops client_ops = {
	relay_sign, relay_done, relay_failed
};

static const struct link_ops link_ops = {
	relay_up, NULL, relay_goaway, relay_down
};

/* ---- options ---- */

static void
set_string(char **where, const char *value)
{
	if (*where != NULL)
		freezero(*where, strlen(*where));
	if ((*where = strdup(value)) == NULL)
		fatal("options");
}

int
relay_option(struct relay_options *o, int ch, char *arg)
{
	switch (ch) {
	case OPT_RELAY:
		set_string(&o->login.relay, arg);
		return (1);
	case OPT_TOKEN:
		set_string(&o->login.token, arg);
		/* Out of sight of ps(1). */
		memset(arg, 'x', strlen(arg));
		return (1);
	case OPT_TOKEN_FILE:
		set_string(&o->token_file, arg);
		return (1);
	case OPT_CA:
		set_string(&o->login.ca, arg);
		return (1);
	case OPT_PIN:
		set_string(&o->login.pin, arg);
		return (1);
	case OPT_PLAINTEXT:
		o->plaintext = 1;
		return (1);
	}
	return (0);
}

static void
from_environment(char **where, const char *name)
{
	const char	*value = getenv(name);

	if (*where == NULL && value != NULL && value[0] != '\0')
		set_string(where, value);
}

static void
from_file(char **where, const char *value)
{
	if (*where == NULL && value != NULL)
		set_string(where, value);
}

int
relay_complete(struct relay_options *o)
{
	struct login	 file;
	char		 path[PATH_MAX];
	int		 r = 1;

	if (o->login.token == NULL && o->token_file != NULL &&
	    (o->login.token = login_token_file(o->token_file)) == NULL)
		return (-1);
	from_environment(&o->login.relay, "RELAY_URL");
	from_environment(&o->login.relay, "HTTP_NETWORK_RELAY_URL");
	from_environment(&o->login.token, "RELAY_TOKEN");
	from_environment(&o->login.token, "HTTP_NETWORK_RELAY_SECRET");
	memset(&file, 0, sizeof(file));
	if (login_path(program[6] == '-' ? "accessctl" : program, NULL, path,
	    sizeof(path)) == 0 && (r = login_read(path, &file)) == -1)
		return (-1);
	from_file(&o->login.relay, file.relay);
	from_file(&o->login.token, file.token);
	if (o->login.pin == NULL)
		from_file(&o->login.ca, file.ca);
	if (o->login.ca == NULL || file.pin != NULL)
		from_file(&o->login.pin, file.pin);
	login_clear(&file);
	if (o->login.relay == NULL || o->login.token == NULL) {
		fprintf(stderr, "%s: not logged in: accessctl login --relay "
		    "wss://relay.example.org\n", program);
		return (-1);
	}
	return (0);
}

/* ---- the link ---- */

struct relay_link *
relay_link_new(struct event_base *base, struct relay_options *o, int retry,
    const struct relay_link_ops *ops, void *arg)
{
	struct relay_link	*r;
	const char		*why;
	char			 err[256];

	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal("link");
	r->base = base;
	r->ops = ops;
	r->arg = arg;
	r->retry = retry;
	r->budget.limit = CREDIT_MAX;
	r->hello.version = 1;
	r->hello.credit = MUX_CREDIT_EARLY;
	strlcpy(r->hello.software, "accessctl " CULVERT_VERSION,
	    sizeof(r->hello.software));
	backoff_init(&r->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	if (relay_url_parse(o->login.relay, &r->url, &why) == -1) {
		fprintf(stderr, "%s: relay: %s\n", program, why);
		goto fail;
	}
	if (!relay_url_plain_ok(&r->url, o->plaintext)) {
		fprintf(stderr, "%s: ws:// sends everything in the clear: use "
		    "wss://, or --allow-plaintext if that is meant\n",
		    program);
		goto fail;
	}
	if (token_parse(o->login.token, &r->token, &why) == -1) {
		fprintf(stderr, "%s: token: %s\n", program, why);
		goto fail;
	}
	if (evtls_init() == -1 || dial_init(base) == -1) {
		fprintf(stderr, "%s: TLS or name resolution can't be set "
		    "up\n", program);
		goto fail;
	}
	if (r->url.tls && (r->tls = login_trust(o->login.ca, o->login.pin,
	    NULL, err, sizeof(err))) == NULL) {
		fprintf(stderr, "%s: %s\n", program, err);
		goto fail;
	}
	if ((r->timer = evtimer_new(base, relay_try, r)) == NULL)
		fatal("event");
	relay_try(-1, 0, r);
	return (r);
 fail:
	relay_link_free(r);
	return (NULL);
}

void
relay_link_free(struct relay_link *r)
{
	if (r == NULL)
		return;
	dial_free(r->dial);
	link_client_free(r->client);
	link_free(r->link);
	if (r->timer != NULL)
		event_free(r->timer);
	evtls_client_free(r->tls);
	freezero(r, sizeof(*r));
}

struct link *
relay_link_get(struct relay_link *r)
{
	return (r != NULL && r->up ? r->link : NULL);
}

static void
relay_try(evutil_socket_t fd, short what, void *arg)
{
	struct relay_link	*r = arg;
	struct dial_config	 cfg;

	memset(&cfg, 0, sizeof(cfg));
	cfg.base = r->base;
	cfg.host = r->url.host;
	cfg.port = r->url.port;
	cfg.timeout_ms = DIAL_MS;
	cfg.done = relay_dialled;
	cfg.arg = r;
	if ((r->dial = dial_new(&cfg)) == NULL)
		relay_again(r, EXIT_RELAY, "no memory", 0);
}

static void
relay_again(struct relay_link *r, enum exit_status status, const char *why,
    unsigned int at_least)
{
	struct timeval	 tv;
	unsigned int	 ms;

	if (r->retry) {
		if (r->goaway_ms > 0)
			ms = arc4random_uniform(r->goaway_ms);
		else
			ms = backoff_next(&r->backoff);
		r->goaway_ms = 0;
		if (ms < at_least)
			ms = at_least;
		tv.tv_sec = ms / 1000;
		tv.tv_usec = ms % 1000 * 1000;
		evtimer_add(r->timer, &tv);
	}
	r->ops->down(r->arg, status, why);
}

static void
relay_dialled(struct dial *d, void *arg, int fd, enum dial_error error,
    const char *text)
{
	struct link_client_config	 cfg;
	struct relay_link		*r = arg;

	r->dial = NULL;
	if (fd == -1) {
		relay_again(r, EXIT_RELAY, text, 0);
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
	cfg.link.budget = CREDIT_MAX;
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
	r->link = link;
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
	struct timeval			 tv;

	r->client = NULL;
	if (fail == LINK_FAIL_BUSY && !r->retry &&
	    ++r->busy_tries < BUSY_TRIES && retry <= 2) {
		/* It says so itself: in a moment it may not be. */
		tv.tv_sec = retry;
		tv.tv_usec = arc4random_uniform(500000);
		evtimer_add(r->timer, &tv);
		return;
	}
	relay_again(r, statuses[fail], text, retry * 1000);
}

static void
relay_up(struct link *link, void *arg, const struct mux_hello *hello)
{
	struct relay_link	*r = arg;

	r->up = 1;
	backoff_reset(&r->backoff);
	r->ops->up(r->arg, link);
}

static void
relay_goaway(struct link *link, void *arg, const struct mux_goaway *away)
{
	struct relay_link	*r = arg;

	r->goaway_ms = away->delay < BACKOFF_MAX_MS ? away->delay + 1 :
	    BACKOFF_MAX_MS;
	if (r->ops->goaway != NULL)
		r->ops->goaway(r->arg, away);
}

static void
relay_down(struct link *link, void *arg, int code, const char *text)
{
	struct relay_link	*r = arg;

	r->up = 0;
	r->link = NULL;
	relay_again(r, code == WS_CLOSE_PROTOCOL ? EXIT_PROTOCOL :
	    EXIT_RELAY, text, 0);
	link_free(link);
}

enum exit_status
exit_of_code(uint16_t code)
{
	switch (code) {
	case MUX_CODE_REFUSED:
		return (EXIT_REFUSED);
	case MUX_CODE_UNREACHABLE:
	case MUX_CODE_TIMEOUT:
		return (EXIT_UNREACHABLE);
	case MUX_CODE_DENIED:
		return (EXIT_DENIED);
	case MUX_CODE_NO_NODE:
		return (EXIT_NO_NODE);
	case MUX_CODE_NODE_OFFLINE:
		return (EXIT_OFFLINE);
	case MUX_CODE_PROTOCOL:
	case MUX_CODE_UNSUPPORTED:
		return (EXIT_PROTOCOL);
	case MUX_CODE_NODE_GONE:
	case MUX_CODE_TARGET_RESET:
	case MUX_CODE_KILLED:
		return (EXIT_CUT);
	default:
		return (EXIT_OTHER);
	}
}
