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
 * agentd's parent: reads the configuration, keeps the token, starts tunnel
 * and proxy, signs the relay's challenges, and opens Unix sockets that the
 * rules name.  It does not speak to the network.
 */

#include "compat.h"

#include <sys/wait.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <imsg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agentd.h"
#include "control.h"
#include "egress_helper.h"
#include "helper_said.h"
#include "link_client.h"
#include "log.h"
#include "stdfd.h"
#include "trim.h"

static char	**agentd_args(char **);
static void	agentd_configure(struct proc_peer *);
static void	agentd_reload(void);
static void	agentd_up(void);
static void	agentd_prepare(void);
static void	agentd_down(void);
static int	control_open(void);
static void	agentd_reap(evutil_socket_t, short, void *);
static void	send_conf(struct proc_peer *);
static void	send_fd(struct proc_peer *, uint32_t, int);
static void	send_ca(struct proc_peer *, const char *);
static void	send_backends(struct proc_peer *);
static int	agentd_recv_sign(struct proc_peer *, struct imsg *);
static int	agentd_recv_unix(struct proc_peer *, struct imsg *);
static int	agentd_recv_backend(struct proc_peer *, struct imsg *);

static struct agentd_conf	*conf;
static int			 verbose;	/* now */
static int			 verbose_min;	/* by -v */
static uint64_t			 epoch;
static int			 helper_fd = -1;
static pid_t			 helper_pid;
static int			 control_fd = -1;
static char			 control_path[SOCKET_MAX];

static const struct proc_rule parent_rules[] = {
	{ IMSG_SIGN, PROC_TUNNEL, sizeof(struct sign_ask),
	    agentd_recv_sign, 0, 0 },
	{ IMSG_UNIX, PROC_TUNNEL, sizeof(struct connect_target),
	    agentd_recv_unix, 0, 0 },
	{ IMSG_BACKEND_UNIX, PROC_PROXY, sizeof(struct backend_ask),
	    agentd_recv_backend, 0, 0 },
};

#define TO(kind)	(1U << (kind))

static struct proc_def agentd_defs[] = {
	{ .kind = PROC_PARENT, .name = "parent", .rank = 3,
	    .sandbox = SANDBOX_AGENTD_PARENT, .rules = parent_rules,
	    .nrules = nitems(parent_rules) },
	{ .kind = PROC_TUNNEL, .name = "tunnel", .user = "_culvertag",
	    .peers = TO(PROC_PROXY), .rank = 1, .sandbox = SANDBOX_TUNNEL,
	    .rules = tunnel_rules, .start = tunnel_start,
	    .serve = tunnel_serve, .stop = tunnel_stop,
	    .peer_up = tunnel_peer_up, .peer_down = tunnel_peer_down },
	{ .kind = PROC_PROXY, .name = "proxy", .user = "_culvertpx",
	    .peers = TO(PROC_TUNNEL), .rank = 2, .sandbox = SANDBOX_PROXY,
	    .rules = proxy_rules, .start = proxy_start,
	    .serve = proxy_serve, .peer_up = proxy_peer_up,
	    .peer_down = proxy_peer_down },
};

static const struct proc_daemon agentd_daemon = {
	.name = "agentd", .defs = agentd_defs, .ndefs = nitems(agentd_defs),
	.prepare = agentd_prepare, .configure = agentd_configure,
	.up = agentd_up, .down = agentd_down,
	.reload = agentd_reload,
};

/* Those of a command; what getopt(3) says begins with our name. */
static char **
agentd_args(char **argv)
{
	argv[1] = argv[0];
	return (argv + 1);
}

int
main(int argc, char **argv)
{
	struct proc_options	 opt = { .argc = argc, .argv = argv };
	struct timespec		 ts;
	int			 check;

	stdfd_open();
	/* A file that may not grow is a full disk: an error and no more. */
	signal(SIGXFSZ, SIG_IGN);
	log_init("agentd", LOG_STYLE_TERMINAL, 0);
	agentd_defs[PROC_TUNNEL].nrules = tunnel_nrules;
	agentd_defs[PROC_PROXY].nrules = proxy_nrules;
	if (argc > 1 && strcmp(argv[1], "login") == 0)
		return (agentd_login(argc - 1, agentd_args(argv)));
	if (argc > 1 && strcmp(argv[1], "status") == 0)
		return (agentd_status(argc - 1, agentd_args(argv)));
	if (argc > 1 && strcmp(argv[1], "pair") == 0)
		return (agentd_pair(argc - 1, agentd_args(argv)));
	check = options_parse(argc, argv, &opt);
	if (opt.verbose > LOG_LEVEL_DEBUG)
		opt.verbose = LOG_LEVEL_DEBUG;
	verbose = verbose_min = opt.verbose;
	log_setverbose(verbose);
	/* The parent only signs; proxy does when a backend wants it. */
	if ((opt.child != NULL && strcmp(opt.child, "tunnel") == 0 ?
	    evtls_init() : evtls_crypto_init()) == -1)
		fatalx("TLS can't be set up");
	if (opt.child != NULL)
		proc_child(&agentd_daemon, &opt);

	options_environment();
	if ((conf = options_load()) == NULL)
		return (1);
	if (check) {
		fprintf(stderr, "configuration OK\n");
		return (0);
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	epoch = ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
	if (conf->log_level > verbose)
		verbose = opt.verbose = conf->log_level;
	opt.log_dest = conf->log_dest;
	opt.log_facility = conf->log_facility;
	if (control_open() == -1)
		return (1);
	return (proc_parent(&agentd_daemon, &opt));
}

static void
agentd_reload(void)
{
	struct agentd_conf	*new;

	if ((new = options_load()) == NULL) {
		log_warnx("reload: the old configuration stays");
		return;
	}
	if (new->log_dest != conf->log_dest ||
	    new->log_facility != conf->log_facility) {
		log_warnx("reload: log to changes only with a restart: the "
		    "old configuration stays");
		config_free(new);
		return;
	}
	if ((new->control == NULL) != (conf->control == NULL) ||
	    (new->control != NULL &&
	    strcmp(new->control, conf->control) != 0)) {
		log_warnx("reload: control changes only with a restart: the "
		    "old configuration stays");
		config_free(new);
		return;
	}
	if (new->helper != NULL && (conf->helper == NULL ||
	    strcmp(new->helper, conf->helper) != 0)) {
		log_warnx("reload: proxy helper changes only with a restart: "
		    "the old configuration stays");
		config_free(new);
		return;
	}
	config_free(conf);
	conf = new;
	verbose = conf->log_level > verbose_min ? conf->log_level :
	    verbose_min;
	proc_log_level(verbose);
	if (proc_peer(PROC_PROXY, 0) != NULL)
		send_conf(proc_peer(PROC_PROXY, 0));
	if (proc_peer(PROC_TUNNEL, 0) != NULL)
		send_conf(proc_peer(PROC_TUNNEL, 0));
	log_info("configuration reloaded");
}

/*
 * The control socket.  Somebody who answers there is most likely the same
 * agentd, started before: two of them would take their name from each other.
 */
static int
control_open(void)
{
	const char	*path = conf->control;

	if (path != NULL && strcmp(path, "none") == 0)
		return (0);
	if (path == NULL && config_control(control_path,
	    sizeof(control_path)) == -1) {
		log_warnx("no place for a control socket, so agentd status "
		    "will not work: \"control\" in agentd.conf names one");
		return (0);
	}
	if (path != NULL)
		strlcpy(control_path, path, sizeof(control_path));
	control_fd = control_bind("agentd", control_path, NULL);
	if (control_fd != -1)
		return (0);
	if (errno == EADDRINUSE) {
		log_warnx("agentd status shows how it is; one beside it takes "
		    "a \"control\" of its own in agentd.conf");
		return (-1);
	}
	log_warnx("so agentd status will not work");
	return (0);
}

static void
agentd_down(void)
{
	helper_said_close();
	if (control_fd != -1)
		(void)unlink(control_path);
}

/* Nothing in a sandbox, which helpers would inherit, starts one. */
static void
agentd_prepare(void)
{
	struct event	*ev;
	int		 err;

	if (trim_init(proc_base()) == -1)
		fatal("event");
	if (conf->helper == NULL)
		return;
	if ((err = helper_said_open(proc_base())) == -1)
		fatal("proxy helper");
	helper_fd = helper_fork(conf->helper, geteuid() == 0 ? "_culvertpx" :
	    NULL, "helper", err, &helper_pid);
	if (helper_fd == -1)
		fatal("proxy helper");
	close(err);
	ev = evsignal_new(proc_base(), SIGCHLD, agentd_reap, NULL);
	if (ev == NULL || evsignal_add(ev, NULL) == -1)
		fatalx("no memory for events");
}

/* From inside our sandbox there is no second one to be had. */
static void
agentd_reap(evutil_socket_t sig, short what, void *arg)
{
	if (waitpid(helper_pid, NULL, WNOHANG) != helper_pid)
		return;
	log_warnx("the process that starts the proxy helper has ended: it "
	    "takes a restart");
	proc_quit(1);
}

static void
agentd_up(void)
{
	trim_all();
}

static void
agentd_configure(struct proc_peer *p)
{
	if (proc_peer_kind(p) == PROC_TUNNEL)
		send_fd(p, IMSG_CONF_CONTROL, control_fd);
	else
		send_fd(p, IMSG_CONF_HELPER, helper_fd);
	send_conf(p);
}

static void
send_conf(struct proc_peer *p)
{
	struct conf_begin	 begin;
	struct conf_relay	 r;
	struct conf_end		 end = { 0 };
	struct rule_entry	*e;
	struct token		 token;
	const char		*why;
	int			 i;

	memset(&begin, 0, sizeof(begin));
	begin.epoch = epoch;
	strlcpy(begin.name, conf->name, sizeof(begin.name));
	if (token_parse(conf->token, &token, &why) == 0)
		strlcpy(begin.token_id, token.id, sizeof(begin.token_id));
	explicit_bzero(&token, sizeof(token));
	if (conf->pin != NULL)
		begin.has_pin = evtls_pin_parse(conf->pin, begin.pin) == 0;
	begin.ping_ms = conf->ping_ms;
	begin.streams_max = conf->streams_max;
	begin.verbose = verbose;
	proc_send(p, IMSG_CONF_BEGIN, 0, -1, &begin, sizeof(begin));
	for (i = 0; i < conf->nrelays; i++) {
		memset(&r, 0, sizeof(r));
		r.url = conf->urls[i];
		r.way = conf->ways[i];
		if (proc_peer_kind(p) != PROC_PROXY)
			egress_redact(&r.way);
		proc_send(p, IMSG_CONF_RELAY, 0, -1, &r, sizeof(r));
	}
	explicit_bzero(&r, sizeof(r));
	if (proc_peer_kind(p) == PROC_PROXY) {
		TAILQ_FOREACH(e, &conf->rules, entry) {
			/* Those are our own: see unix.c. */
			if (e->rule.kind != MUX_KIND_UNIX)
				proc_send(p, IMSG_CONF_RULE, 0, -1, &e->rule,
				    sizeof(e->rule));
		}
		send_backends(p);
	} else
		send_ca(p, conf->ca_pem);
	proc_send(p, IMSG_CONF_END, 0, -1, &end, sizeof(end));
}

/* A copy, for a process that may have to be started again. */
static void
send_fd(struct proc_peer *p, uint32_t type, int fd)
{
	struct conf_end	 end = { 0 };

	if (fd == -1)
		return;
	if ((fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) == -1)
		fatal("descriptors");
	proc_send(p, type, 0, fd, &end, sizeof(end));
}

static void
send_backends(struct proc_peer *p)
{
	struct backend_entry	*b;

	TAILQ_FOREACH(b, &conf->backends, entry) {
		proc_send(p, IMSG_CONF_BACKEND, 0, -1, &b->backend,
		    sizeof(b->backend));
		send_ca(p, b->ca_pem);
	}
}

static void
send_ca(struct proc_peer *p, const char *pem)
{
	static struct conf_chunk	 c;
	size_t				 total, off, n;

	if (pem == NULL)
		return;
	total = strlen(pem);
	for (off = 0; off < total; off += n) {
		n = total - off;
		if (n > sizeof(c.data))
			n = sizeof(c.data);
		memset(&c, 0, sizeof(c));
		c.total = total;
		c.len = n;
		memcpy(c.data, pem + off, n);
		proc_send(p, IMSG_CONF_CA, 0, -1, &c, sizeof(c));
	}
}

/*
 * Sign a log-in of this node at this relay, and nothing else: a tunnel that
 * was broken into can't log in elsewhere or as somebody else.
 */
static int
agentd_recv_sign(struct proc_peer *p, struct imsg *imsg)
{
	struct token_challenge	 ch;
	struct sign_answer	 answer;
	struct sign_ask		 ask;
	struct token		 token;
	const char		*why;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 ||
	    memchr(ask.host, '\0', sizeof(ask.host)) == NULL ||
	    memchr(ask.nonce, '\0', sizeof(ask.nonce)) == NULL ||
	    memchr(ask.path, '\0', sizeof(ask.path)) == NULL)
		return (-1);
	memset(&answer, 0, sizeof(answer));
	if (ask.relay < (uint32_t)conf->nrelays &&
	    strcmp(ask.host, conf->urls[ask.relay].host) == 0 &&
	    strcmp(ask.path, LINK_PATH_NODE) == 0 &&
	    strpbrk(ask.nonce, "\r\n") == NULL) {
		ch.host = ask.host;
		ch.nonce = ask.nonce;
		ch.path = ask.path;
		ch.node = conf->name;
		if (token_parse(conf->token, &token, &why) == 0 &&
		    token_sign(&token, &ch, answer.sig) == 0)
			answer.ok = 1;
		explicit_bzero(&token, sizeof(token));
	} else
		log_debug("asked to sign for %s: refused", ask.host);
	(void)proc_send(p, IMSG_SIGNED, 0, -1, &answer, sizeof(answer));
	trim_all_later();	/* it signs once for a link */
	return (0);
}

static int
agentd_recv_unix(struct proc_peer *p, struct imsg *imsg)
{
	struct connect_target	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 ||
	    c.kind != MUX_KIND_UNIX || c.port != 0 || c.host[0] != '/' ||
	    memchr(c.host, '\0', sizeof(c.host)) == NULL ||
	    memchr(c.client, '\0', sizeof(c.client)) == NULL ||
	    memchr(c.user, '\0', sizeof(c.user)) == NULL)
		return (-1);
	unix_connect(p, imsg_get_id(imsg), &conf->rules, &c);
	return (0);
}

/* For proxy, which may be nobody's group: one of the configuration, by name. */
static int
agentd_recv_backend(struct proc_peer *p, struct imsg *imsg)
{
	struct backend_ask	 ask;
	struct backend_entry	*b;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 ||
	    memchr(ask.name, '\0', sizeof(ask.name)) == NULL)
		return (-1);
	b = config_backend_find(conf, MUX_KIND_HTTP, ask.name);
	unix_connect_backend(p, imsg_get_id(imsg), b == NULL ||
	    b->backend.url.scheme != BACKEND_UNIX ? NULL : &b->backend);
	return (0);
}
