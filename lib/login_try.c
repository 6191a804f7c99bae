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
 * One log-in at the relay, to see that it works.
 */

#include "compat.h"

#include <sys/socket.h>

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "egress_dial.h"
#include "egress_helper.h"
#include "evtls.h"
#include "link_client.h"
#include "log.h"
#include "login.h"

#define TRY_TIMEOUT_MS	10000

struct try {
	struct event_base	*base;
	const struct login	*login;
	struct relay_url	 url;
	struct evtls_client	*tls;
	struct token		 token;
	const char		*agent;
	struct link		*link;
	struct mux_budget	 budget;
	char			 way[EGRESS_NAME_MAX];
	char			*err;
	size_t			 errsize;
	int			 ok;
};

static void	try_dialled(void *, int, enum dial_error, const char *);
static void	try_sign(struct link_client *, void *,
		    const struct token_challenge *);
static void	try_done(struct link_client *, void *, struct link *);
static void	try_fail(struct link_client *, void *, enum link_fail, int,
		    const char *);
static void	try_up(struct link *, void *, const struct mux_hello *);
static void	try_down(struct link *, void *, int, const char *);

static const struct link_client_ops client_ops = {
	try_sign, try_done, try_fail
};
static const struct link_ops link_ops = { try_up, NULL, NULL, try_down };

static int
roots_load(const char *ca, const char *pin, uint8_t keyid[EVTLS_KEYID_LEN],
    char **pemp, char *err, size_t size)
{
	char	*pem = NULL;

	if (pin != NULL && evtls_pin_parse(pin, keyid) == -1) {
		snprintf(err, size, "pin %s: sha256: and 64 hex digits are "
		    "wanted", pin);
		return (-1);
	}
	if (ca != NULL && (pem = login_slurp(ca)) == NULL) {
		snprintf(err, size, "ca %s can't be read", ca);
		return (-1);
	}
	if (ca == NULL && pin == NULL &&
	    (pem = evtls_system_ca()) == NULL) {
		snprintf(err, size, "this system has no CA certificates: "
		    "install ca-certificates, or give ca or pin");
		return (-1);
	}
	*pemp = pem;
	return (0);
}

int
login_roots(const char *ca, const char *pin, uint8_t keyid[EVTLS_KEYID_LEN],
    char **pemp, char *err, size_t size)
{
	char	 why[64];

	if (roots_load(ca, pin, keyid, pemp, err, size) == -1)
		return (-1);
	if (*pemp == NULL || evtls_ca_check(*pemp, why, sizeof(why)) == 0)
		return (0);
	snprintf(err, size, "ca %s: %s", ca != NULL ? ca : "of this system",
	    why);
	free(*pemp);
	*pemp = NULL;
	return (-1);
}

struct evtls_client *
login_trust(const char *ca, const char *pin, char **pemp, char *err,
    size_t size)
{
	uint8_t			 keyid[EVTLS_KEYID_LEN];
	struct evtls_client	*client;
	char			*pem, why[128];

	if (roots_load(ca, pin, keyid, &pem, err, size) == -1)
		return (NULL);
	client = evtls_client_new(pem, pin == NULL ? NULL : keyid, why,
	    sizeof(why));
	if (client == NULL)
		snprintf(err, size, "%s%s%s%s", ca != NULL ? "ca " : "",
		    ca != NULL ? ca : "", ca != NULL ? ": " : "", why);
	if (client != NULL && pemp != NULL)
		*pemp = pem;
	else
		free(pem);
	return (client);
}

int
login_check(const struct login *l)
{
	struct relay_url	 url;
	const char		*why;
	uint8_t			 keyid[EVTLS_KEYID_LEN];

	if (relay_url_parse(l->relay, &url, &why) == -1) {
		log_warnx("relay %s: %s", l->relay, why);
		return (-1);
	}
	if (l->pin != NULL && evtls_pin_parse(l->pin, keyid) == -1) {
		log_warnx("pin %s: sha256: and 64 hex digits are wanted",
		    l->pin);
		return (-1);
	}
	return (0);
}

int
login_try(const struct login *l, int plain_ok, const char *agent, char *err,
    size_t errsize)
{
	struct egress_conf	 out = { l->proxy, l->helper };
	struct egress_dial_config dc;
	struct egress		 egress;
	struct try		 t;
	const char		*why;
	pid_t			 pid;

	memset(&t, 0, sizeof(t));
	t.login = l;
	t.err = err;
	t.errsize = errsize;
	t.agent = agent;
	t.budget.limit = 64 << 20;
	memset(&dc, 0, sizeof(dc));
	dc.helper = -1;
	snprintf(err, errsize, "no memory");
	if (relay_url_parse(l->relay, &t.url, &why) == -1) {
		snprintf(err, errsize, "relay %s: %s", l->relay, why);
		return (-1);
	}
	if (!relay_url_plain_ok(&t.url, plain_ok)) {
		snprintf(err, errsize, "ws:// sends everything in the clear: "
		    "use wss://, or --allow-plaintext if that is meant");
		return (-1);
	}
	if (token_parse(l->token, &t.token, &why) == -1) {
		snprintf(err, errsize, "%s", why);
		return (-1);
	}
	if (evtls_init() == -1 || (t.url.tls && (t.tls = login_trust(l->ca,
	    l->pin, NULL, err, errsize)) == NULL))
		goto done;
	if (egress_choose(&out, &t.url, &egress, err, errsize) == -1)
		goto done;
	egress_name(&egress, t.way);
	if (egress.kind == EGRESS_HELPER && (dc.helper = helper_fork(
	    egress.host, NULL, NULL, -1, &pid)) == -1) {
		snprintf(err, errsize, "helper: %s", strerror(errno));
		goto done;
	}
	if ((t.base = event_base_new()) == NULL || dial_init(t.base) == -1)
		goto done;
	dc.base = t.base;
	dc.egress = &egress;
	dc.agent = agent;
	dc.host = t.url.host;
	dc.port = t.url.port;
	dc.timeout_ms = TRY_TIMEOUT_MS;
	dc.done = try_dialled;
	dc.arg = &t;
	if (egress_dial_new(&dc) != NULL)
		event_base_dispatch(t.base);
 done:
	explicit_bzero(&egress, sizeof(egress));
	link_free(t.link);
	evtls_client_free(t.tls);
	explicit_bzero(&t.token, sizeof(t.token));
	if (dc.helper != -1)
		close(dc.helper);
	/* The base stays: the resolver's threads know it. */
	return (t.ok ? 0 : -1);
}

static void
try_end(struct try *t, const char *why)
{
	if (why == NULL)
		t->ok = 1;
	else
		snprintf(t->err, t->errsize, "%s", why);
	event_base_loopbreak(t->base);
}

static void
try_dialled(void *arg, int fd, enum dial_error error, const char *text)
{
	static const struct mux_hello	 hello = { .version = 1 };
	struct link_client_config	 cfg;
	struct try			*t = arg;

	if (fd == -1) {
		try_end(t, text);
		return;
	}
	memset(&cfg, 0, sizeof(cfg));
	cfg.base = t->base;
	cfg.fd = fd;
	cfg.url = &t->url;
	cfg.tls = t->tls;
	cfg.path = t->login->name != NULL ? LINK_PATH_NODE : LINK_PATH_ACCESS;
	cfg.node = t->login->name != NULL ? t->login->name : "";
	cfg.token_id = t->token.id;
	cfg.user_agent = t->agent;
	cfg.timeout_ms = TRY_TIMEOUT_MS;
	cfg.ops = &client_ops;
	cfg.arg = t;
	cfg.link.base = t->base;
	cfg.link.ops = &link_ops;
	cfg.link.arg = t;
	cfg.link.process_budget = &t->budget;
	cfg.link.budget = t->budget.limit;
	cfg.link.hello = &hello;
	if (link_client_new(&cfg) == NULL)
		try_end(t, "no memory");
}

static void
try_sign(struct link_client *lc, void *arg, const struct token_challenge *ch)
{
	struct try	*t = arg;
	uint8_t		 sig[TOKEN_SIG_LEN];

	link_client_signed(lc, token_sign(&t->token, ch, sig) == 0 ? sig :
	    NULL);
}

static void
try_done(struct link_client *lc, void *arg, struct link *link)
{
	struct try	*t = arg;

	t->link = link;
	try_end(t, NULL);
}

static void
try_fail(struct link_client *lc, void *arg, enum link_fail fail, int retry,
    const char *text)
{
	struct try	*t = arg;
	char		 why[EGRESS_WHY_MAX];

	/* Unless the relay said so itself, the way there may be to blame. */
	if (fail != LINK_FAIL_DENIED && fail != LINK_FAIL_BUSY)
		text = egress_why(t->way, text, why);
	try_end(t, text);
}

static void
try_up(struct link *link, void *arg, const struct mux_hello *hello)
{
}

static void
try_down(struct link *link, void *arg, int code, const char *text)
{
}
