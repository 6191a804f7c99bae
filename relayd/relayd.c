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
 * relayd's parent: reads the configuration, opens what needs a privilege,
 * starts the other processes and gives each what it may have.  It reads no
 * byte that came over the network.
 */

#include "compat.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <openssl/evp.h>

#include <err.h>
#include <errno.h>
#include <grp.h>
#include <imsg.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "clock.h"
#include "listen.h"
#include "listen_publish.h"
#include "log.h"
#include "msg_list.h"
#include "msg_publish.h"
#include "msg_rpc.h"
#include "parent.h"
#include "watch.h"

__dead static void	usage(void);
static int	parse_options(struct proc_options *);
static void	find_conffile(void);
static int	relayd_open(struct proc_options *);
static void	open_files(void);
static int	relayd_check(const char *);
static int	relayd_listeners(void);
static void	relayd_configure(struct proc_peer *);
static void	relayd_reload(void);
static void	relayd_down(void);
static int	relayd_reconfigure(char *, size_t);
static int	relayd_recv_again(struct proc_peer *, struct imsg *);
static int	relayd_recv_keys(struct proc_peer *, struct imsg *);
static int	relayd_recv_reload(struct proc_peer *, struct imsg *);
static int	relayd_recv_log(struct proc_peer *, struct imsg *);
static void	relayd_log_level(int);
static int	relayd_recv_memory(struct proc_peer *, struct imsg *);
static void	relayd_tell_memory(struct proc_peer *, uint32_t, int, int);
static void	send_conf(struct proc_peer *);
static void	send_listens(struct proc_peer *);
static void	send_metrics(struct conf_begin *);
static void	send_networks(struct proc_peer *, uint32_t,
		    const struct networks *);
static void	send_pem(struct proc_peer *, uint32_t, uint32_t,
		    const struct certificate *, const char *);
static void	send_listener_links(int);
static void	send_control(struct proc_peer *);

struct relayd_conf		*conf;
int				 control_fd = -1;
uint8_t				 relayd_nonce_key[32];
static char			*conffile;
static int			 verbose;	/* now */
static int			 verbose_min;	/* by -v */
static uint32_t			 generation;
static int64_t			 started;	/* s since 1970 */
static int			 unsent;	/* keys has not taken it yet */
/* Listeners that have got their configuration, for the links among them. */
static int			 configured[PROC_INSTANCES_MAX];
static int			 slots[PROC_INSTANCES_MAX];	/* + 1 */

static const struct proc_rule parent_rules[] = {
	{ IMSG_RELOAD, PROC_ROUTER, sizeof(struct ctl_name),
	    relayd_recv_reload, 0, 0 },
	{ IMSG_LOG_LEVEL, PROC_ROUTER, sizeof(struct ctl_name),
	    relayd_recv_log, 0, 0 },
	{ IMSG_PUBLISH, PROC_ROUTER, sizeof(struct publish),
	    publish_recv_open, 0, 0 },
	{ IMSG_UNPUBLISH, PROC_ROUTER, sizeof(struct publication_id),
	    publish_recv_close, 0, 0 },
	{ IMSG_PUBLISH_END, PROC_ROUTER, sizeof(struct conf_end),
	    publish_recv_end, 0, 0 },
	{ IMSG_MEMORY_ASK, PROC_ROUTER, sizeof(struct memory_page),
	    relayd_recv_memory, 0, 0 },
	{ IMSG_UPGRADE, PROC_ROUTER, sizeof(struct ctl_name),
	    upgrade_recv, 0, 0 },
	{ IMSG_SESSIONS_TAKEN, PROC_AUTH, sizeof(struct conf_end),
	    upgrade_recv_taken, 0, 0 },
	{ IMSG_OLD_END, PROC_ROUTER, sizeof(struct conf_end),
	    upgrade_recv_end, 0, 0 },
	{ IMSG_SERVES, PROC_AUTH, sizeof(struct conf_end),
	    upgrade_recv_serves, 0, 0 },
	{ IMSG_LISTENER_AGAIN, PROC_LISTENER, sizeof(struct listener_link),
	    relayd_recv_again, 0, 0 },
	{ IMSG_KEYS_READY, PROC_KEYS, sizeof(struct conf_end),
	    relayd_recv_keys, 0, 0 },
};

#define TO(kind)	(1U << (kind))

/* Who exists, as whom, and who has a pipe to whom. */
static struct proc_def relayd_defs[] = {
	{ .kind = PROC_PARENT, .name = "parent", .rank = 5,
	    .sandbox = SANDBOX_RELAYD_PARENT, .rules = parent_rules,
	    .nrules = nitems(parent_rules) },
	{ .kind = PROC_KEYS, .name = "keys", .user = "_culvertkey",
	    .rank = 4, .sandbox = SANDBOX_KEYS, .rules = keys_rules,
	    .start = keys_start, .serve = keys_serve },
	{ .kind = PROC_AUTH, .name = "auth", .user = "_culvertdb",
	    .peers = TO(PROC_ROUTER) | TO(PROC_LISTENER), .rank = 3,
	    .sandbox = SANDBOX_AUTH, .rules = auth_rules,
	    .start = auth_start, .serve = auth_serve, .stop = auth_stop,
	    .peer_up = auth_peer_up },
	{ .kind = PROC_ROUTER, .name = "router", .user = "_culvertrt",
	    .peers = TO(PROC_AUTH) | TO(PROC_LISTENER), .rank = 2,
	    .sandbox = SANDBOX_ROUTER, .rules = router_rules,
	    .start = router_start, .serve = router_serve,
	    .peer_up = router_peer_up, .peer_down = router_peer_down },
	{ .kind = PROC_LISTENER, .name = "listener", .user = "_culvert",
	    .instances = relayd_listeners,
	    .peers = TO(PROC_AUTH) | TO(PROC_ROUTER), .rank = 1,
	    .sandbox = SANDBOX_LISTENER, .rules = listener_rules,
	    .start = listener_start, .serve = listener_serve,
	    .stop = listener_stop, .peer_up = listener_peer_up,
	    .peer_down = listener_peer_down,
	    .drain = listener_drain, .congested = listener_congested },
};

const struct proc_daemon relayd_daemon = {
	.name = "relayd", .defs = relayd_defs, .ndefs = nitems(relayd_defs),
	.configure = relayd_configure, .up = relayd_up,
	.reload = relayd_reload, .reopen = access_file_reopen,
	.down = relayd_down,
	.upgrade = upgrade_signal, .save = upgrade_save,
	.restore = upgrade_restore, .takeover = upgrade_takeover,
	.stays = upgrade_stays, .old = upgrade_old,
	.protocol = RELAYD_PROTOCOL,
};

__dead static void
usage(void)
{
	fprintf(stderr, "usage: relayd [-dnvV] [-D macro=value] [-f file]\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	struct proc_options	 opt = { .argc = argc, .argv = argv };
	int			 check;

	log_init("relayd", LOG_STYLE_TERMINAL, 0);
	relayd_defs[PROC_KEYS].nrules = keys_nrules;
	relayd_defs[PROC_AUTH].nrules = auth_nrules;
	relayd_defs[PROC_ROUTER].nrules = router_nrules;
	relayd_defs[PROC_LISTENER].nrules = listener_nrules;
	check = parse_options(&opt);
	verbose = verbose_min = opt.verbose;
	log_setverbose(verbose);
	if (evtls_init() == -1)
		fatalx("TLS can't be set up");
	if (opt.child != NULL)
		proc_child(&relayd_daemon, &opt);
	find_conffile();
	if (check && opt.resume == NULL)
		return (relayd_check(conffile));
	upgrade_arg("-f", conffile);
	upgrade_program(argv[0]);
	opt.rehearse = check;
	if (opt.resume != NULL && proc_resume(&relayd_daemon, &opt) == -1)
		return (1);
	if (relayd_open(&opt) == -1)
		return (1);
	open_files();
	started = time(NULL);
	return (proc_parent(&relayd_daemon, &opt));
}

/* Is it only to look at the configuration (-n)?  Ends it where they are bad. */
static int
parse_options(struct proc_options *opt)
{
	static char	 resume[512];	/* outlives the title */
	const char	*errstr;
	int		 ch, check = 0;

	while ((ch = getopt(opt->argc, opt->argv, "D:dI:f:nT:U:vVx:")) !=
	    -1) {
		switch (ch) {
		case 'D':
			if (cmdline_symset(optarg) == -1)
				errx(2, "-D %s: not macro=value", optarg);
			upgrade_arg("-D", optarg);
			break;
		case 'd':
			opt->foreground = 1;
			upgrade_arg("-d", NULL);
			break;
		case 'I':
			opt->instance = strtonum(optarg, 0,
			    PROC_INSTANCES_MAX - 1, &errstr);
			if (errstr != NULL)
				usage();
			break;
		case 'f':
			free(conffile);
			conffile = strdup(optarg);
			break;
		case 'n':
			check = 1;
			break;
		case 'T':
			opt->test = strdup(optarg);
			break;
		case 'U':
			if (strlcpy(resume, optarg, sizeof(resume)) >=
			    sizeof(resume))
				usage();
			opt->resume = resume;
			break;
		case 'v':
			opt->verbose++;
			upgrade_arg("-v", NULL);
			break;
		case 'V':
			printf("relayd %s\n", CULVERT_VERSION);
			exit(0);
		case 'x':
			opt->child = strdup(optarg);
			break;
		default:
			usage();
		}
	}
	if (opt->argc != optind)
		usage();
	if (opt->verbose > LOG_LEVEL_DEBUG)
		opt->verbose = LOG_LEVEL_DEBUG;
	return (check);
}

/* The daemon runs in "/". */
static void
find_conffile(void)
{
	char	 path[PATH_MAX];

	if (conffile == NULL)
		conffile = strdup(RELAYD_CONF);
	if (conffile == NULL)
		fatal("configuration");
	if (realpath(conffile, path) != NULL) {
		free(conffile);
		conffile = strdup(path);
	}
}

/* The configuration, and what it says to open or what was handed over. */
static int
relayd_open(struct proc_options *opt)
{
	int	 fd;

	if ((conf = parse_config(conffile)) == NULL ||
	    config_load(conf) == -1)
		return (-1);
	if (opt->resume != NULL ? upgrade_config(conf, opt->rehearse) == -1 :
	    (listen_open(conf, NULL) == -1 ||
	    (control_fd = listen_control(conf)) == -1))
		return (-1);
	if (access_file_open(conf, &fd) == -1)
		return (-1);
	access_file_use(fd);
	if (conf->log_level > verbose)
		verbose = opt->verbose = conf->log_level;
	opt->log_dest = conf->log_dest;
	opt->log_facility = conf->log_facility;
	if (opt->resume == NULL)
		arc4random_buf(relayd_nonce_key, sizeof(relayd_nonce_key));
	publish_configure(conf);
	return (0);
}

/* Each published port is a descriptor for each listener. */
static void
open_files(void)
{
	struct rlimit	 rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static int
relayd_check(const char *file)
{
	struct relayd_conf	*c;
	int			 ret;

	if ((c = parse_config(file)) == NULL)
		return (1);
	ret = config_load(c);
	config_free(c);
	if (ret == -1)
		return (1);
	fprintf(stderr, "configuration OK\n");
	return (0);
}

static int
relayd_listeners(void)
{
	return (conf->prefork);
}

void
relayd_up(void)
{
	struct listen_addr	*l;
	char			 addr[ADDR_STRLEN];

	TAILQ_FOREACH(l, &conf->listens, entry) {
		addr_format((struct sockaddr *)&l->ss, addr);
		log_info("serves on %s%s%s", addr, l->tls ? " with TLS" : "",
		    l->proxy ? ", behind proxies" : "");
	}
	watch_start(conf);
	memory_trim();
}

static void
relayd_down(void)
{
	unlink(conf->control);
}

/* ---- what each process gets ---- */

static void
relayd_configure(struct proc_peer *p)
{
	int	 i;

	switch (proc_peer_kind(p)) {
	case PROC_KEYS:
		send_conf(p);
		for (i = 0; i < PROC_INSTANCES_MAX; i++)
			if (configured[i])
				send_sign_socket(i);
		break;
	case PROC_LISTENER:
		send_conf(p);
		send_sign_socket(proc_peer_instance(p));
		send_listener_links(proc_peer_instance(p));
		publish_listener(p);
		break;
	case PROC_ROUTER:
		publish_router();
		send_conf(p);
		send_control(p);
		break;
	default:
		send_conf(p);
		break;
	}
	upgrade_configure(p);
}

/*
 * Which of the sockets is whose: of those that are not to drain each has its
 * own, whatever instances they are.
 */
int
listener_slot(int instance)
{
	int	 i, slot;

	for (slot = 1; slots[instance] == 0 && slot <= conf->prefork; slot++) {
		for (i = 0; i < PROC_INSTANCES_MAX; i++)
			if (slots[i] == slot && !proc_is_old(PROC_LISTENER, i))
				break;
		if (i == PROC_INSTANCES_MAX)
			slots[instance] = slot;
	}
	return (slots[instance] - 1);
}

struct proc_peer *
listener_peer(int instance)
{
	return (configured[instance] ? proc_peer(PROC_LISTENER, instance) :
	    NULL);
}

void
listener_slot_set(int instance, int slot)
{
	slots[instance] = slot + 1;
	if (slot == -1)
		configured[instance] = 0;
}

static void
send_conf(struct proc_peer *p)
{
	struct conf_begin	 begin;
	struct conf_end		 end = { .generation = generation };
	struct conf_name	 name;
	struct conf_cert_end	 cert_end;
	struct rpc_key		 key;
	struct rpc_key_entry	*k;
	struct certificate	*cert;
	struct own_name		*n;
	uint32_t		 i = 0;
	int			 kind = proc_peer_kind(p);

	memset(&begin, 0, sizeof(begin));
	begin.limits = conf->limits;
	begin.bandwidth = conf->bandwidth;
	begin.rpc = conf->rpc;
	if (kind == PROC_LISTENER)
		begin.identity = conf->identity;
	if (conf->domain != NULL)
		strlcpy(begin.domain, conf->domain, sizeof(begin.domain));
	if (kind == PROC_AUTH)
		strlcpy(begin.state, conf->state, sizeof(begin.state));
	strlcpy(begin.user, conf->user, sizeof(begin.user));
	begin.prefork = conf->prefork;
	begin.verbose = verbose;
	begin.backups = conf->backups;
	begin.started = started;
	if (kind == PROC_LISTENER) {
		memcpy(begin.nonce_key, relayd_nonce_key,
		    sizeof(begin.nonce_key));
		send_metrics(&begin);
	}
	proc_send(p, IMSG_CONF_BEGIN, 0, -1, &begin, sizeof(begin));
	if (kind == PROC_LISTENER) {
		send_listens(p);
		send_networks(p, NETWORK_PROXY, &conf->proxies);
		send_networks(p, NETWORK_MONITOR, &conf->monitors);
		access_file_send(p);
	}
	TAILQ_FOREACH(cert, &conf->certs, entry) {
		if (kind == PROC_LISTENER)
			send_pem(p, IMSG_CONF_CERT, i, cert, cert->chain);
		if (kind == PROC_KEYS)
			send_pem(p, IMSG_CONF_KEY, i, cert, cert->key);
		if (kind == PROC_LISTENER || kind == PROC_ROUTER) {
			memset(&cert_end, 0, sizeof(cert_end));
			cert_end.index = i;
			cert_end.ends = cert->ends;
			strlcpy(cert_end.name, cert->name,
			    sizeof(cert_end.name));
			proc_send(p, IMSG_CONF_CERT_END, 0, -1, &cert_end,
			    sizeof(cert_end));
		}
		i++;
	}
	if (kind == PROC_ROUTER) {
		TAILQ_FOREACH(k, &conf->rpc_keys, entry) {
			memset(&key, 0, sizeof(key));
			strlcpy(key.node, k->node, sizeof(key.node));
			memcpy(key.hash, k->hash, sizeof(key.hash));
			proc_send(p, IMSG_CONF_RPC_KEY, 0, -1, &key,
			    sizeof(key));
		}
	}
	if (kind == PROC_AUTH || kind == PROC_LISTENER) {
		TAILQ_FOREACH(n, &conf->names, entry) {
			memset(&name, 0, sizeof(name));
			strlcpy(name.name, n->name, sizeof(name.name));
			proc_send(p, IMSG_CONF_NAME, 0, -1, &name,
			    sizeof(name));
		}
	}
	if (kind == PROC_AUTH) {
		for (i = 0; i < conf->publish.n; i++)
			proc_send(p, IMSG_CONF_PUBLISH, 0, -1,
			    &conf->publish.list[i],
			    sizeof(conf->publish.list[i]));
	}
	proc_send(p, IMSG_CONF_END, 0, -1, &end, sizeof(end));
}

/* Listeners see a hash of the token for metrics, as of no other. */
static void
send_metrics(struct conf_begin *begin)
{
	unsigned int	 len = sizeof(begin->metrics_hash);

	if (conf->metrics_token == NULL)
		return;
	if (EVP_Digest(conf->metrics_token, strlen(conf->metrics_token),
	    begin->metrics_hash, &len, EVP_sha256(), NULL) != 1)
		fatalx("SHA-256");
	begin->has_metrics_token = 1;
}

static void
send_networks(struct proc_peer *p, uint32_t what, const struct networks *list)
{
	struct conf_network	 msg;
	struct network		*net;

	TAILQ_FOREACH(net, list, entry) {
		memset(&msg, 0, sizeof(msg));
		msg.prefix = net->prefix;
		msg.what = what;
		msg.field = net->field;
		proc_send(p, IMSG_CONF_NETWORK, 0, -1, &msg, sizeof(msg));
	}
}

static void
send_listens(struct proc_peer *p)
{
	struct conf_listen	 msg;
	struct listen_addr	*l;
	int			 fd, slot;

	if ((slot = listener_slot(proc_peer_instance(p))) == -1)
		fatalx("more listeners than sockets");
	TAILQ_FOREACH(l, &conf->listens, entry) {
		if (l->fds == NULL)	/* only rehearsing */
			continue;
		memset(&msg, 0, sizeof(msg));
		msg.ss = l->ss;
		msg.tls = l->tls;
		msg.proxy = l->proxy;
		if ((fd = dup(l->fds[slot])) == -1)
			fatal("dup");
		proc_send(p, IMSG_CONF_LISTEN, 0, fd, &msg, sizeof(msg));
	}
}

static void
send_pem(struct proc_peer *p, uint32_t type, uint32_t index,
    const struct certificate *cert, const char *pem)
{
	static struct conf_chunk	 c;
	size_t				 total = strlen(pem), off, n;

	for (off = 0; off < total; off += n) {
		n = total - off;
		if (n > sizeof(c.data))
			n = sizeof(c.data);
		memset(&c, 0, sizeof(c));
		memcpy(c.keyid, cert->keyid, sizeof(c.keyid));
		c.index = index;
		c.total = total;
		c.len = n;
		memcpy(c.data, pem + off, n);
		proc_send(p, type, 0, -1, &c, sizeof(c));
	}
	explicit_bzero(&c, sizeof(c));
}

void
send_sign_socket(int listener)
{
	struct sign_socket	 msg = { .listener = listener };
	struct proc_peer	*k = proc_peer(PROC_KEYS, 0);
	struct proc_peer	*l = proc_peer(PROC_LISTENER, listener);
	int			 sv[2];

	if (k == NULL || l == NULL)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == -1)
		fatal("socketpair");
	proc_send(k, IMSG_SIGN_SOCKET, 0, sv[0], &msg, sizeof(msg));
	proc_send(l, IMSG_SIGN_SOCKET, 0, sv[1], &msg, sizeof(msg));
}

/* One link between each two listeners, made when the second is there. */
static void
send_listener_links(int a)
{
	int	 b;

	listener_joins(a);
	for (b = 0; b < PROC_INSTANCES_MAX; b++)
		if (b != a && configured[b])
			send_listener_link(a, b);
}

void
listener_joins(int instance)
{
	configured[instance] = 1;
}

void
send_listener_link(int a, int b)
{
	struct listener_link	 msg;
	struct proc_peer	*pa = proc_peer(PROC_LISTENER, a);
	struct proc_peer	*pb = proc_peer(PROC_LISTENER, b);
	int			 sv[2];

	if (pa == NULL || pb == NULL)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		fatal("socketpair");
	memset(&msg, 0, sizeof(msg));
	msg.peer = b;
	msg.dialer = 1;
	proc_send(pa, IMSG_LISTENER_LINK, 0, sv[0], &msg, sizeof(msg));
	msg.peer = a;
	msg.dialer = 0;
	proc_send(pb, IMSG_LISTENER_LINK, 0, sv[1], &msg, sizeof(msg));
}

/* A link that one of the two ended, perhaps for want of memory. */
static int
relayd_recv_again(struct proc_peer *p, struct imsg *imsg)
{
	static uint64_t		 last[PROC_INSTANCES_MAX];
	struct listener_link	 msg;
	uint64_t		 now = clock_ms() / 1000;
	int			 self = proc_peer_instance(p);

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 || msg.peer < 0 ||
	    msg.peer >= PROC_INSTANCES_MAX || msg.peer == self)
		return (-1);
	/* It cuts off what the other had with it: not as often as one likes. */
	if (p != proc_peer(PROC_LISTENER, self) || now == last[self])
		return (0);
	last[self] = now;
	log_debug("link between listeners %d and %d: made again", self,
	    msg.peer);
	send_listener_link(self, msg.peer);
	return (0);
}

static void
send_control(struct proc_peer *p)
{
	struct conf_end	 end = { .generation = generation };
	int		 fd;

	if (control_fd == -1)		/* only rehearsing */
		return;
	if ((fd = dup(control_fd)) == -1)
		fatal("dup");
	proc_send(p, IMSG_CONF_CONTROL, 0, fd, &end, sizeof(end));
}

/* ---- reload: all or nothing ---- */

static int
relayd_reconfigure(char *why, size_t size)
{
	struct relayd_conf	*new;
	int			 access;

	if ((new = parse_config(conffile)) == NULL) {
		snprintf(why, size, "%s has errors: the old configuration "
		    "stays; relayd -n shows them", conffile);
		return (-1);
	}
	if (config_load(new) == -1) {
		snprintf(why, size, "%s can't be used: the old configuration "
		    "stays; relayd -n says why", conffile);
		config_free(new);
		return (-1);
	}
	if (new->prefork != conf->prefork ||
	    strcmp(new->state, conf->state) != 0 ||
	    strcmp(new->control, conf->control) != 0 ||
	    strcmp(new->user, conf->user) != 0 ||
	    new->log_dest != conf->log_dest ||
	    new->log_facility != conf->log_facility) {
		snprintf(why, size, "prefork, state, control, user and log to "
		    "change only with a restart: the old configuration "
		    "stays");
		config_free(new);
		return (-1);
	}
	if (access_file_open(new, &access) == -1) {
		snprintf(why, size, "the access log can't be opened: the old "
		    "configuration stays; the log says why");
		config_free(new);
		return (-1);
	}
	if (listen_open(new, conf) == -1) {
		if (access != -1)
			close(access);
		snprintf(why, size, "an address can't be listened on: the old "
		    "configuration stays; the log says which");
		config_free(new);
		return (-1);
	}
	publish_configure(new);
	config_free(conf);
	conf = new;
	access_file_use(access);
	watch_start(conf);
	relayd_log_level(conf->log_level);
	generation++;
	/*
	 * Keys first: the others get it when keys says that it has the new
	 * ones (a keys that is just being started says so too).
	 */
	unsent = 1;
	if (proc_peer(PROC_KEYS, 0) != NULL)
		send_conf(proc_peer(PROC_KEYS, 0));
	snprintf(why, size, "configuration reloaded");
	return (0);
}

static int
relayd_recv_keys(struct proc_peer *p, struct imsg *imsg)
{
	struct conf_end	 end;
	int		 i;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1)
		return (-1);
	if (!unsent || end.generation != generation)
		return (0);
	unsent = 0;
	if (proc_peer(PROC_AUTH, 0) != NULL)
		send_conf(proc_peer(PROC_AUTH, 0));
	if (proc_peer(PROC_ROUTER, 0) != NULL)
		send_conf(proc_peer(PROC_ROUTER, 0));
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (proc_peer(PROC_LISTENER, i) != NULL &&
		    !proc_is_old(PROC_LISTENER, i))
			send_conf(proc_peer(PROC_LISTENER, i));
	}
	return (0);
}

static void
relayd_reload(void)
{
	char	 why[CTL_TEXT_LEN];

	if (relayd_reconfigure(why, sizeof(why)) == -1)
		log_warnx("reload: %s", why);
	else
		log_info("%s", why);
}

static int
relayd_recv_reload(struct proc_peer *p, struct imsg *imsg)
{
	struct ctl_end	 end;

	memset(&end, 0, sizeof(end));
	if (relayd_reconfigure(end.text, sizeof(end.text)) == -1) {
		end.code = CTL_CODE_INVALID;
		log_warnx("reload: %s", end.text);
	} else
		log_info("%s", end.text);
	(void)proc_send(p, IMSG_RELOADED, imsg_get_id(imsg), -1, &end,
	    sizeof(end));
	return (0);
}

/* ---- how much is logged ---- */

static void
relayd_log_level(int level)
{
	verbose = level > verbose_min ? level : verbose_min;
	proc_log_level(verbose);
}

static int
relayd_recv_log(struct proc_peer *p, struct imsg *imsg)
{
	struct ctl_name	 name;
	struct ctl_end	 end;
	int		 level;

	if (imsg_get_data(imsg, &name, sizeof(name)) == -1 ||
	    memchr(name.name, '\0', sizeof(name.name)) == NULL)
		return (-1);
	memset(&end, 0, sizeof(end));
	if (name.name[0] == '\0')
		strlcpy(end.text, log_level_name(verbose), sizeof(end.text));
	else if (log_level_parse(name.name, &level) == -1) {
		end.code = CTL_CODE_INVALID;
		strlcpy(end.text, "brief, verbose or debug",
		    sizeof(end.text));
	} else {
		/* Beneath what -v says, too: somebody wants less now. */
		verbose = level;
		proc_log_level(level);
		strlcpy(end.text, log_level_name(level), sizeof(end.text));
	}
	(void)proc_send(p, IMSG_RELOADED, imsg_get_id(imsg), -1, &end,
	    sizeof(end));
	return (0);
}

/* ---- what the processes take ---- */

static void
relayd_tell_memory(struct proc_peer *p, uint32_t id, int kind, int instance)
{
	struct ctl_memory	 m;
	struct proc_usage	 u;

	if (proc_usage_memory(kind, instance, &u) == -1 || u.pid == 0)
		return;
	memory_line(&m, MEMORY_PROCESS, kind, instance);
	m.id = u.pid;
	m.rss = u.rss;
	m.pss = u.pss;
	m.own = u.own;
	(void)proc_send(p, CTL_MEMORY_LINE, id, -1, &m, sizeof(m));
}

static int
relayd_recv_memory(struct proc_peer *p, struct imsg *imsg)
{
	struct memory_page	 page;
	struct certificate	*cert;
	uint32_t		 id = imsg_get_id(imsg);
	uint64_t		 n = 0, bytes = 0;
	int			 i;

	if (imsg_get_data(imsg, &page, sizeof(page)) == -1)
		return (-1);
	relayd_tell_memory(p, id, PROC_PARENT, 0);
	relayd_tell_memory(p, id, PROC_KEYS, 0);
	relayd_tell_memory(p, id, PROC_AUTH, 0);
	relayd_tell_memory(p, id, PROC_ROUTER, 0);
	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		relayd_tell_memory(p, id, PROC_LISTENER, i);
	TAILQ_FOREACH(cert, &conf->certs, entry) {
		n++;
		bytes += strlen(cert->key) + strlen(cert->chain);
	}
	/* keys has what it was given, and nobody else may ask it. */
	memory_things(p, id, PROC_PARENT, 0, "certificates and keys", n,
	    bytes);
	memory_things(p, id, PROC_KEYS, 0, "keys", n, bytes);
	memset(&page, 0, sizeof(page));
	(void)proc_send(p, IMSG_MEMORY_PAGE, id, -1, &page, sizeof(page));
	return (0);
}
