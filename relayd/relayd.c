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
#include <sys/stat.h>

#include <err.h>
#include <imsg.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "listen.h"
#include "listen_publish.h"
#include "log.h"
#include "msg_list.h"
#include "msg_publish.h"
#include "msg_rpc.h"
#include "parent.h"
#include "print.h"
#include "stdfd.h"
#include "trim.h"
#include "watch.h"

__dead static void	usage(void);
static int	parse_options(struct proc_options *);
static void	find_conffile(void);
static int	relayd_open(struct proc_options *);
static void	open_files(void);
static int	relayd_check(const char *);
static int	state_check(const struct relayd_conf *);
static int	relayd_listeners(void);
static void	relayd_configure(struct proc_peer *);
static void	relayd_down(void);
static int	relayd_recv_log(struct proc_peer *, struct imsg *);
static int	relayd_recv_memory(struct proc_peer *, struct imsg *);
static void	relayd_tell_memory(struct proc_peer *, uint32_t, int, int);
static void	send_control(struct proc_peer *);

struct relayd_conf		*conf;
int				 control_fd = -1;
uint8_t				 relayd_nonce_key[32];
uint8_t				 relayd_beacon_key[32];
uint32_t			 relayd_generation;
int				 relayd_verbose;
int64_t				 relayd_started;
char				*relayd_conffile;
static int			 verbose_min;	/* by -v */

static const struct proc_rule parent_rules[] = {
	{ IMSG_RELOAD, PROC_ROUTER, sizeof(struct ctl_name),
	    reload_recv, 0, 0 },
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
	    listener_recv_again, 0, 0 },
	{ IMSG_CONF_TAKEN, PROC_KEYS, sizeof(struct conf_end),
	    reload_recv_taken, 0, 0 },
	{ IMSG_CONF_TAKEN, PROC_AUTH, sizeof(struct conf_end),
	    reload_recv_taken, 0, 0 },
	{ IMSG_CONF_TAKEN, PROC_ROUTER, sizeof(struct conf_end),
	    reload_recv_taken, 0, 0 },
	{ IMSG_CONF_TAKEN, PROC_LISTENER, sizeof(struct conf_end),
	    reload_recv_taken, 0, 0 },
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
	    .peer_up = auth_peer_up, .peer_down = auth_peer_down },
	{ .kind = PROC_ROUTER, .name = "router", .user = "_culvertrt",
	    .peers = TO(PROC_AUTH) | TO(PROC_LISTENER), .rank = 2,
	    .sandbox = SANDBOX_ROUTER, .rules = router_rules,
	    .start = router_start, .serve = router_serve, .stop = router_stop,
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
	.reload = reload_signal, .reopen = access_file_reopen,
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

	stdfd_open();
	/* A file that may not grow is a full disk: an error and no more. */
	signal(SIGXFSZ, SIG_IGN);
	log_init("relayd", LOG_STYLE_TERMINAL, 0);
	relayd_defs[PROC_KEYS].nrules = keys_nrules;
	relayd_defs[PROC_AUTH].nrules = auth_nrules;
	relayd_defs[PROC_ROUTER].nrules = router_nrules;
	relayd_defs[PROC_LISTENER].nrules = listener_nrules;
	check = parse_options(&opt);
	relayd_verbose = verbose_min = opt.verbose;
	log_setverbose(relayd_verbose);
	if (evtls_init() == -1)
		fatalx("TLS can't be set up");
	if (opt.child != NULL)
		proc_child(&relayd_daemon, &opt);
	find_conffile();
	if (check && opt.resume == NULL)
		return (relayd_check(relayd_conffile));
	upgrade_arg("-f", relayd_conffile);
	upgrade_program(argv[0]);
	opt.rehearse = check;
	if (opt.resume != NULL && proc_resume(&relayd_daemon, &opt) == -1)
		return (1);
	if (relayd_open(&opt) == -1)
		return (1);
	open_files();
	relayd_started = time(NULL);
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
			free(relayd_conffile);
			relayd_conffile = proc_arg(optarg);
			break;
		case 'n':
			check = 1;
			break;
		case 'T':
			opt->test = proc_arg(optarg);
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
			exit(print_end(stdout) == -1);
		case 'x':
			opt->child = proc_arg(optarg);
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

	if (relayd_conffile == NULL)
		relayd_conffile = strdup(RELAYD_CONF);
	if (relayd_conffile != NULL &&
	    realpath(relayd_conffile, path) != NULL) {
		free(relayd_conffile);
		relayd_conffile = strdup(path);
	}
	if (relayd_conffile == NULL)
		fatal("configuration");
}

/* The configuration, and what it says to open or what was handed over. */
static int
relayd_open(struct proc_options *opt)
{
	int	 fd;

	if ((conf = parse_config(relayd_conffile)) == NULL ||
	    config_load(conf) == -1)
		return (-1);
	if (opt->resume == NULL && state_check(conf) == -1)
		return (-1);
	if (opt->resume != NULL ? upgrade_config(conf, opt->rehearse) == -1 :
	    (listen_open(conf, NULL) == -1 ||
	    (control_fd = listen_control(conf)) == -1))
		return (-1);
	if (access_file_open(conf, &fd) == -1)
		return (-1);
	access_file_use(fd);
	if (conf->log_level > relayd_verbose)
		relayd_verbose = opt->verbose = conf->log_level;
	opt->log_dest = conf->log_dest;
	opt->log_facility = conf->log_facility;
	if (opt->resume == NULL) {
		arc4random_buf(relayd_nonce_key, sizeof(relayd_nonce_key));
		arc4random_buf(relayd_beacon_key, sizeof(relayd_beacon_key));
	}
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

/* Started by root, auth is another user when it opens what is in there. */
static int
state_check(const struct relayd_conf *c)
{
	const char	*user = relayd_defs[PROC_AUTH].user;
	struct passwd	*pw;
	struct stat	 st;

	if (geteuid() != 0 || (pw = getpwnam(user)) == NULL ||
	    stat(c->state, &st) == -1 || st.st_uid == pw->pw_uid)
		return (0);
	log_warnx("state %s: does not belong to %s: chown %s it", c->state,
	    user, user);
	return (-1);
}

static int
relayd_check(const char *file)
{
	struct relayd_conf	*c;
	int			 ret;

	if ((c = parse_config(file)) == NULL)
		return (1);
	if ((ret = config_load(c)) == 0)
		ret = state_check(c);
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

	watch_start(conf);
	TAILQ_FOREACH(l, &conf->listens, entry) {
		addr_format((struct sockaddr *)&l->ss, addr);
		log_info("serves on %s%s%s", addr, l->tls ? " with TLS" : "",
		    l->proxy ? ", behind proxies" : "");
	}
	trim_all();
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
	static int	 auths;
	int		 i;

	reload_peer(p);
	switch (proc_peer_kind(p)) {
	case PROC_KEYS:
		send_conf(p);
		for (i = 0; i < PROC_INSTANCES_MAX; i++)
			if (listener_peer(i) != NULL)
				send_sign_socket(i);
		break;
	case PROC_LISTENER:
		send_conf(p);
		send_sign_socket(proc_peer_instance(p));
		send_listener_links(proc_peer_instance(p));
		publish_listener(p);
		break;
	case PROC_AUTH:
		/* Which log-ins the one before took, this one can't know: it
		   takes none that began before it. */
		if (auths++ > 0)
			arc4random_buf(relayd_beacon_key,
			    sizeof(relayd_beacon_key));
		send_conf(p);
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

static void
send_control(struct proc_peer *p)
{
	struct conf_end	 end = { .generation = relayd_generation };
	int		 fd;

	if (control_fd == -1)		/* only rehearsing */
		return;
	if ((fd = dup(control_fd)) == -1)
		fatal("dup");
	proc_send(p, IMSG_CONF_CONTROL, 0, fd, &end, sizeof(end));
}

/* ---- how much is logged ---- */

void
relayd_log_level(int level)
{
	relayd_verbose = level > verbose_min ? level : verbose_min;
	proc_log_level(relayd_verbose);
}

static int
relayd_recv_log(struct proc_peer *p, struct imsg *imsg)
{
	struct ctl_name	 name;
	uint32_t	 code = CTL_CODE_OK;
	const char	*text;
	int		 level;

	if (imsg_get_data(imsg, &name, sizeof(name)) == -1 ||
	    memchr(name.name, '\0', sizeof(name.name)) == NULL)
		return (-1);
	if (name.name[0] == '\0')
		text = log_level_name(relayd_verbose);
	else if (log_level_parse(name.name, &level) == -1) {
		code = CTL_CODE_INVALID;
		text = "brief, verbose or debug";
	} else {
		/* Beneath what -v says, too: somebody wants less now. */
		relayd_verbose = level;
		proc_log_level(level);
		text = log_level_name(level);
	}
	send_answer(imsg_get_id(imsg), code, text);
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
