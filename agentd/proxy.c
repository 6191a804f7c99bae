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
 * The proxy process: resolves names and connects, to the relay and to
 * targets, as far as the policy of this device allows, and hands the
 * connected sockets to the tunnel.  It sees neither the token nor a byte of
 * what flows, but for backends that speak TLS: for those it stays between.
 */

#include "compat.h"

#include <sys/resource.h>
#include <sys/tree.h>

#include <imsg.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "dial.h"
#include "egress_dial.h"
#include "link.h"
#include "log.h"
#include "log_limit.h"
#include "proxy.h"
#include "proxy_policy.h"
#include "resolve.h"
#include "trim.h"

/* A connection that the tunnel asked for and that is not there yet. */
struct job {
	RB_ENTRY(job)	 by_id;
	uint32_t	 id;
	uint32_t	 kind;		/* 0: the relay */
	uint16_t	 port;
	char		*host;
	struct dial	*dial;
	struct egress_dial *way;	/* to the relay */
};

static int
job_cmp(struct job *a, struct job *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static RB_HEAD(job_tree, job) jobs = RB_INITIALIZER(&jobs);
RB_GENERATE_STATIC(job_tree, job, by_id, job_cmp)

static struct rule	 rules[RULES_MAX], next_rules[RULES_MAX];
static size_t		 nrules, next_nrules;
static struct conf_relay relays[RELAYS_MAX], next_relays[RELAYS_MAX];
static size_t		 nrelays, next_nrelays;
static uint32_t		 njobs;
static int		 helper = -1;	/* to ask for helpers */
static struct log_limit	 blocked = { .burst = 500, .ms = 1000 };

static int	proxy_recv_begin(struct proc_peer *, struct imsg *);
static int	proxy_recv_relay(struct proc_peer *, struct imsg *);
static int	proxy_recv_helper(struct proc_peer *, struct imsg *);
static int	proxy_recv_rule(struct proc_peer *, struct imsg *);
static int	proxy_recv_end(struct proc_peer *, struct imsg *);
static int	proxy_recv_dial(struct proc_peer *, struct imsg *);
static int	proxy_recv_connect(struct proc_peer *, struct imsg *);
static int	proxy_recv_cancel(struct proc_peer *, struct imsg *);
static struct job *job_make(uint32_t, uint32_t, const char *, uint16_t);
static void	job_new(uint32_t, uint32_t, const char *, uint16_t);
static void	job_relay(uint32_t, const struct conf_relay *);
static void	job_through(void *, int, enum dial_error, const char *);
static void	job_free(struct job *);
static int	job_filter(void *, const struct sockaddr *);
static void	job_done(struct dial *, void *, int, enum dial_error,
		    const char *);

const struct proc_rule proxy_rules[] = {
	{ IMSG_CONF_BEGIN, PROC_PARENT, sizeof(struct conf_begin),
	    proxy_recv_begin, 0, 0 },
	{ IMSG_CONF_RELAY, PROC_PARENT, sizeof(struct conf_relay),
	    proxy_recv_relay, 0, 0 },
	{ IMSG_CONF_BACKEND, PROC_PARENT, sizeof(struct backend),
	    backends_recv, 0, 0 },
	{ IMSG_CONF_CA, PROC_PARENT, sizeof(struct conf_chunk),
	    backends_recv_ca, 0, 0 },
	{ IMSG_CONF_HELPER, PROC_PARENT, sizeof(struct conf_end),
	    proxy_recv_helper, 0, 1 },
	{ IMSG_CONF_RULE, PROC_PARENT, sizeof(struct rule),
	    proxy_recv_rule, 0, 0 },
	{ IMSG_CONF_END, PROC_PARENT, sizeof(struct conf_end),
	    proxy_recv_end, 0, 0 },
	{ IMSG_DIAL, PROC_TUNNEL, sizeof(struct dial_relay),
	    proxy_recv_dial, 0, 0 },
	{ IMSG_CONNECT, PROC_TUNNEL, sizeof(struct connect_target),
	    proxy_recv_connect, 0, 0 },
	{ IMSG_CANCEL, PROC_TUNNEL, sizeof(struct conf_end),
	    proxy_recv_cancel, 0, 0 },
	{ IMSG_CONNECTED, PROC_PARENT, sizeof(struct connected),
	    reach_recv_connected, 0, 1 },
	{ IMSG_CONNECT_FAILED, PROC_PARENT, sizeof(struct connect_failed),
	    reach_recv_failed, 0, 0 },
};
const size_t proxy_nrules = nitems(proxy_rules);

void
proxy_start(void)
{
	struct rlimit	 rl;
	char		 folder[PATH_MAX];

	/* What name resolution reads, again for each name. */
	proc_allow("/etc", SANDBOX_READ);
	proc_allow("/run/systemd/resolve", SANDBOX_READ);
	proc_allow("/run/resolvconf", SANDBOX_READ);
	if (resolve_folder(folder, sizeof(folder)) == 0)
		proc_allow(folder, SANDBOX_READ);
	proc_chroot("/");
	/* A bridge to a backend takes two. */
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	if (dial_init(proc_base()) == -1)
		fatalx("names can't be resolved");
}

void
proxy_serve(void)
{
	if (trim_init(proc_base()) == -1)
		fatal("event");
	backends_serve();
}

void
proxy_peer_up(struct proc_peer *peer)
{
	if (proc_peer_kind(peer) == PROC_TUNNEL)
		backends_tunnel_up();
}

/* A tunnel that is gone wants nothing any more. */
void
proxy_peer_down(struct proc_peer *peer)
{
	struct job	*j, *tmp;

	if (proc_peer_kind(peer) != PROC_TUNNEL)
		return;
	RB_FOREACH_SAFE(j, job_tree, &jobs, tmp)
		job_free(j);
	backends_tunnel_down();
}

/* ---- configuration ---- */

static int
proxy_recv_begin(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_begin	 begin;

	if (imsg_get_data(imsg, &begin, sizeof(begin)) == -1)
		return (-1);
	log_setverbose(begin.verbose);
	next_nrules = next_nrelays = 0;
	backends_begin();
	return (0);
}

static int
proxy_recv_relay(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_relay	 r;

	if (imsg_get_data(imsg, &r, sizeof(r)) == -1 ||
	    next_nrelays == RELAYS_MAX ||
	    memchr(r.url.host, '\0', sizeof(r.url.host)) == NULL ||
	    egress_check(&r.way) == -1)
		return (-1);
	next_relays[next_nrelays++] = r;
	explicit_bzero(&r, sizeof(r));
	return (0);
}

static int
proxy_recv_helper(struct proc_peer *peer, struct imsg *imsg)
{
	int	 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (helper != -1)
		close(helper);
	helper = fd;
	return (0);
}

static int
proxy_recv_rule(struct proc_peer *peer, struct imsg *imsg)
{
	struct rule	 r;

	if (imsg_get_data(imsg, &r, sizeof(r)) == -1 ||
	    next_nrules == RULES_MAX ||
	    memchr(r.host, '\0', sizeof(r.host)) == NULL)
		return (-1);
	next_rules[next_nrules++] = r;
	return (0);
}

static int
proxy_recv_end(struct proc_peer *peer, struct imsg *imsg)
{
	memcpy(rules, next_rules, next_nrules * sizeof(rules[0]));
	nrules = next_nrules;
	memcpy(relays, next_relays, sizeof(relays));
	nrelays = next_nrelays;
	return (backends_end());
}

/* ---- connecting ---- */

static int
proxy_recv_dial(struct proc_peer *peer, struct imsg *imsg)
{
	struct dial_relay	 d;

	/* Only a relay of the configuration, by its number. */
	if (imsg_get_data(imsg, &d, sizeof(d)) == -1)
		return (-1);
	if (d.relay >= nrelays)
		proxy_fail(imsg_get_id(imsg), MUX_CODE_INTERNAL,
		    "no such relay in the configuration");
	else
		job_relay(imsg_get_id(imsg), &relays[d.relay]);
	return (0);
}

static int
proxy_recv_connect(struct proc_peer *peer, struct imsg *imsg)
{
	struct connect_target	 c;
	char			 target[MUX_TARGET_LEN];
	int			 backend;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	backend = c.kind == MUX_KIND_HTTP || c.kind == MUX_KIND_TLS;
	if ((!backend && c.kind != MUX_KIND_TCP && c.kind != MUX_KIND_UDP) ||
	    backend != (c.port == 0) || c.port > UINT16_MAX ||
	    memchr(c.host, '\0', sizeof(c.host)) == NULL ||
	    memchr(c.client, '\0', sizeof(c.client)) == NULL ||
	    memchr(c.user, '\0', sizeof(c.user)) == NULL ||
	    (!backend && c.host[0] == '\0'))
		return (-1);
	log_debug("%s from %s asks for %s", c.user, c.client,
	    mux_target(c.kind, c.host, c.port, target));
	if (backend)
		visit_new(imsg_get_id(imsg), &c);
	else
		job_new(imsg_get_id(imsg), c.kind, c.host, c.port);
	return (0);
}

static int
proxy_recv_cancel(struct proc_peer *peer, struct imsg *imsg)
{
	struct job	 key, *j;

	key.id = imsg_get_id(imsg);
	if ((j = RB_FIND(job_tree, &jobs, &key)) != NULL)
		job_free(j);
	else if (!visit_cancel(key.id))
		(void)bridge_cancel(key.id);
	return (0);
}

/* NULL: the tunnel was told why not. */
static struct job *
job_make(uint32_t id, uint32_t kind, const char *host, uint16_t port)
{
	struct job	*j;

	if (njobs >= CONNECTS_MAX || (j = calloc(1, sizeof(*j))) == NULL) {
		proxy_fail(id, MUX_CODE_LIMIT,
		    "too many connections are being made");
		return (NULL);
	}
	j->id = id;
	j->kind = kind;
	j->port = port;
	if ((j->host = strdup(host)) == NULL ||
	    RB_INSERT(job_tree, &jobs, j) != NULL) {
		proxy_fail(id, MUX_CODE_INTERNAL, "no memory");
		free(j->host);
		free(j);
		return (NULL);
	}
	njobs++;
	return (j);
}

static void
job_new(uint32_t id, uint32_t kind, const char *host, uint16_t port)
{
	struct dial_config	 cfg;
	struct job		*j;

	if ((j = job_make(id, kind, host, port)) == NULL)
		return;
	memset(&cfg, 0, sizeof(cfg));
	cfg.base = proc_base();
	cfg.host = j->host;
	cfg.port = port;
	cfg.timeout_ms = CONNECT_TIMEOUT_MS;
	cfg.dgram = kind == MUX_KIND_UDP;
	cfg.filter = job_filter;
	cfg.done = job_done;
	cfg.arg = j;
	if ((j->dial = dial_new(&cfg)) == NULL) {
		proxy_fail(id, MUX_CODE_INTERNAL, "no memory");
		job_free(j);
	}
}

/* To a relay, whichever way leads there; rules are for targets. */
static void
job_relay(uint32_t id, const struct conf_relay *relay)
{
	struct egress_dial_config	 cfg;
	struct job			*j;

	if ((j = job_make(id, 0, relay->url.host, relay->url.port)) == NULL)
		return;
	memset(&cfg, 0, sizeof(cfg));
	cfg.base = proc_base();
	cfg.egress = &relay->way;
	cfg.helper = helper;
	cfg.host = j->host;
	cfg.port = j->port;
	cfg.agent = "agentd/" CULVERT_VERSION;
	cfg.timeout_ms = CONNECT_TIMEOUT_MS;
	cfg.done = job_through;
	cfg.arg = j;
	if ((j->way = egress_dial_new(&cfg)) == NULL) {
		proxy_fail(id, MUX_CODE_INTERNAL, "no memory");
		job_free(j);
	}
}

static void
job_free(struct job *j)
{
	RB_REMOVE(job_tree, &jobs, j);
	njobs--;
	if (j->kind == 0)
		trim_all_later();
	dial_free(j->dial);
	egress_dial_free(j->way);
	free(j->host);
	free(j);
}

static int
job_filter(void *arg, const struct sockaddr *sa)
{
	const struct job	*j = arg;

	return (policy_pass(rules, nrules, j->kind, j->host, sa, j->port));
}

void
proxy_fail(uint32_t id, uint16_t code, const char *text)
{
	struct connect_failed	 f;

	memset(&f, 0, sizeof(f));
	f.code = code;
	strlcpy(f.text, text, sizeof(f.text));
	(void)proc_send(proc_peer(PROC_TUNNEL, 0), IMSG_CONNECT_FAILED, id, -1,
	    &f, sizeof(f));
}

uint16_t
proxy_code(int error)
{
	static const uint16_t	 codes[] = {
		[DIAL_NO_HOST] = MUX_CODE_UNREACHABLE,
		[DIAL_REFUSED] = MUX_CODE_REFUSED,
		[DIAL_UNREACHABLE] = MUX_CODE_UNREACHABLE,
		[DIAL_TIMEOUT] = MUX_CODE_TIMEOUT,
		[DIAL_DENIED] = MUX_CODE_DENIED,
		[DIAL_LOCAL] = MUX_CODE_INTERNAL
	};

	return (codes[error]);
}

static void
job_done(struct dial *d, void *arg, int fd, enum dial_error error,
    const char *text)
{
	struct connected done = { 0 };
	struct job	*j = arg;
	char		 target[MUX_TARGET_LEN];

	j->dial = NULL;
	if (fd != -1)
		(void)proc_send(proc_peer(PROC_TUNNEL, 0), IMSG_CONNECTED,
		    j->id, fd, &done, sizeof(done));
	else if (error == DIAL_DENIED) {
		if (log_limit_may(&blocked, clock_us() / 1000, NULL))
			log_info("target %s: blocked by the rules of "
			    "agentd.conf", mux_target(j->kind, j->host,
			    j->port, target));
		proxy_fail(j->id, MUX_CODE_DENIED,
		    "the device's own rules block this target");
	} else
		proxy_fail(j->id, proxy_code(error), text);
	job_free(j);
}

static void
job_through(void *arg, int fd, enum dial_error error, const char *text)
{
	struct connected done = { 0 };
	struct job	*j = arg;

	j->way = NULL;
	if (fd != -1)
		(void)proc_send(proc_peer(PROC_TUNNEL, 0), IMSG_CONNECTED,
		    j->id, fd, &done, sizeof(done));
	else
		proxy_fail(j->id, proxy_code(error), text);
	job_free(j);
}
