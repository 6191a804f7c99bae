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
 * The parent's part when another binary takes its place; how that comes to
 * run, and goes away again if it is not good, is in lib/proc_upgrade.c.
 *
 * When all new processes stand ready, sandboxed and with their configuration,
 * there are two of each, and the old ones serve.  Then, one step after the
 * other, each of them bounded in time:
 *
 *  QUIET	The old listeners accept nothing more (what comes waits in the
 *	sockets, which are the same for both, and are never closed), let
 *	half-made log-ins finish, and ask the peers of their links to come by
 *	new ones.  Those do so over some seconds, and keep the old links for
 *	what these carry.
 *  SESSIONS	The old auth hands its log-ins to the new one, by a pipe that
 *	nobody else has: so no listener, old or new, can make one upgrade.
 *  ROUTER	The old router ends, as it does when it dies: streams go on
 *	without one for a while, and what needs one waits.
 *  AUTH	The old auth ends.  There is never more than one that has the
 *	store open.
 *  SERVE	The new auth opens the store.
 *  then the new listeners accept, and the old ones are joined with the new
 *	router and auth, and by links with the new listeners: for them it is
 *	as if router and auth had died and were back.  New streams find nodes
 *	wherever their link is, and revocations reach all there is.
 *
 * All of this takes some hundredths of a second, unless somebody is slow.
 * From then on there are only more listeners than usual, those that drain
 * under instance numbers that the others don't have; each ends with its last
 * connection, or when the time is up that `upgrade drain' gives.
 *
 * If the messages between processes are not the same in both versions, the
 * old listeners are not joined with anything.  Their streams go on, without
 * being on record; to be found, agents have to have come by a new link, and
 * until they have, router lets those wait who ask for them.  What is revoked
 * then ends those listeners.
 */

#include "compat.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <event2/event.h>
#include <imsg.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "listen_publish.h"
#include "log.h"
#include "parent.h"
#include "upgrade.h"

#define QUIET_MS	2000
#define SESSIONS_MS	3000
#define END_MS		4000		/* killed before that */
#define SERVE_MS	20000		/* to bring a store up to date */
#define KEYS_MS		2000		/* for signatures that are asked for */
#define TICK_MS		500
#define PATIENCE_MS	3000		/* for links to be announced */

struct upgrade	 upgrade;

static int	upgrade_begin(uint32_t, char *, size_t);
static void	step_to(enum step, int);
static void	step_late(evutil_socket_t, short, void *);
static void	step_next(void);
static void	step_sessions(void);
static void	step_join(void);
static void	keys_late(evutil_socket_t, short, void *);
static void	tell_serve(struct proc_peer *);
static void	tell_old(void);
static void	drain_start(void);
static void	drain_tick(evutil_socket_t, short, void *);

/* ---- what is started ---- */

void
upgrade_arg(const char *flag, const char *value)
{
	const char	*words[] = { flag, value };
	size_t		 i;

	for (i = 0; i < nitems(words) && words[i] != NULL; i++) {
		/* The first is the program. */
		if (upgrade.nargs + 1 >= UPGRADE_ARGS_MAX ||
		    (upgrade.args[++upgrade.nargs] = strdup(words[i])) == NULL)
			fatalx("too many arguments");
	}
}

/*
 * By the name that was used, which may be a link to the version of the day;
 * if that is not us, by where we are.
 */
void
upgrade_program(const char *argv0)
{
	struct stat	 a, b;
	char		 cwd[PATH_MAX];
	ssize_t		 n;

	if (argv0[0] == '/')
		(void)strlcpy(upgrade.program, argv0, sizeof(upgrade.program));
	else if (strchr(argv0, '/') != NULL &&
	    getcwd(upgrade.program, sizeof(upgrade.program)) != NULL &&
	    (strlcat(upgrade.program, "/", sizeof(upgrade.program)) >=
	    sizeof(upgrade.program) || strlcat(upgrade.program, argv0,
	    sizeof(upgrade.program)) >= sizeof(upgrade.program)))
		upgrade.program[0] = '\0';
	/* After an upgrade the name is what counts. */
	if (upgrade.program[0] != '\0' && (stat("/proc/self/exe", &a) == -1 ||
	    (stat(upgrade.program, &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino)))
		return;
	n = readlink("/proc/self/exe", cwd, sizeof(cwd) - 1);
	if (n > 0) {
		cwd[n] = '\0';
		(void)strlcpy(upgrade.program, cwd, sizeof(upgrade.program));
	}
}

static int
upgrade_begin(uint32_t client, char *why, size_t size)
{
	int	 i, n = 0;

	if (upgrade.step != STEP_NONE) {
		strlcpy(why, "an upgrade is under way", size);
		return (-1);
	}
	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		n += proc_peer(PROC_LISTENER, i) == NULL;
	if (n < conf->prefork) {
		snprintf(why, size, "%d listeners of earlier upgrades still "
		    "drain: that is enough", proc_old_count(PROC_LISTENER));
		return (-1);
	}
	upgrade.args[0] = upgrade.program;
	upgrade.args[upgrade.nargs + 1] = NULL;
	if (proc_upgrade(upgrade.args, why, size) == -1)
		return (-1);
	upgrade.client = client;
	return (0);
}

void
upgrade_signal(void)
{
	char	 why[CTL_TEXT_LEN];

	if (upgrade_begin(0, why, sizeof(why)) == -1)
		log_warnx("upgrade: %s", why);
}

int
upgrade_recv(struct proc_peer *p, struct imsg *imsg)
{
	struct ctl_end	 end;

	if (!command_may(imsg_get_id(imsg)))
		return (0);
	memset(&end, 0, sizeof(end));
	if (upgrade_begin(imsg_get_id(imsg), end.text, sizeof(end.text)) ==
	    0)
		return (0);
	log_warnx("upgrade: %s", end.text);
	end.code = CTL_CODE_INVALID;
	(void)proc_send(p, IMSG_RELOADED, imsg_get_id(imsg), -1, &end,
	    sizeof(end));
	return (0);
}

void
upgrade_stays(const char *why)
{
	struct ctl_end	 end;

	log_warnx("upgrade: %s; the old processes go on", why);
	if (upgrade.client != 0) {
		memset(&end, 0, sizeof(end));
		end.code = CTL_CODE_INVALID;
		snprintf(end.text, sizeof(end.text), "%s; nothing has "
		    "changed", why);
		(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_RELOADED,
		    upgrade.client, -1, &end, sizeof(end));
	}
	upgrade.client = 0;
	if (proc_resumed_back() && upgrade.tick == NULL) {
		upgrade_forget();
		publish_adopt(0);
		drain_start();
	}
}

/* ---- taking over ---- */

/*
 * Every process that is started waits for this word, so that those of two
 * binaries never serve at once.
 */
void
upgrade_configure(struct proc_peer *p)
{
	int	 kind = proc_peer_kind(p);

	/* From the start, unless there is something to take over. */
	if (!upgrade.resumed)
		upgrade.began = upgrade.serves = 1;
	if (kind == PROC_AUTH ? upgrade.began : upgrade.serves)
		tell_serve(p);
	if (kind == PROC_ROUTER)
		tell_old();
}

static void
tell_serve(struct proc_peer *p)
{
	static int		 routers;
	struct conf_serve	 serve;
	int			 kind = proc_peer_kind(p), i;

	memset(&serve, 0, sizeof(serve));
	/* The first has nothing to wait for. */
	if (kind == PROC_ROUTER && (routers++ > 0 || upgrade.resumed))
		serve.patience_ms = PATIENCE_MS;
	for (i = 0; kind == PROC_ROUTER && i < PROC_INSTANCES_MAX; i++)
		if (proc_is_old(PROC_LISTENER, i) &&
		    !proc_old_understands(PROC_LISTENER, i))
			serve.patience_ms = conf->upgrade_spread_ms +
			    PATIENCE_MS;
	if (kind != PROC_KEYS)
		(void)proc_send(p, IMSG_CONF_SERVE, 0, -1, &serve,
		    sizeof(serve));
}

/* Router answers those who ask how it goes. */
static void
tell_old(void)
{
	struct conf_old	 old;
	uint64_t	 until = 0;
	int		 i;

	memset(&old, 0, sizeof(old));
	old.upgrades = upgrade.count;
	(void)strlcpy(old.from, upgrade.from, sizeof(old.from));
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (proc_exists(PROC_LISTENER, i))
			old.present |= 1ULL << i;
		if (!proc_is_old(PROC_LISTENER, i))
			continue;
		old.draining |= 1ULL << i;
		old.listeners++;
		old.joined += proc_old_understands(PROC_LISTENER, i);
		if (upgrade.until[i] > until)
			until = upgrade.until[i];
	}
	if (until != 0)
		old.until = time(NULL) + (int64_t)(until - clock_ms()) / 1000;
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_CONF_OLD, 0, -1, &old,
	    sizeof(old));
}

static void
drain_start(void)
{
	struct timeval	 tv = { TICK_MS / 1000, TICK_MS % 1000 * 1000 };

	upgrade.tick = event_new(proc_base(), -1, EV_PERSIST, drain_tick, NULL);
	if (upgrade.tick == NULL || event_add(upgrade.tick, &tv) == -1)
		fatal("event");
}

static void
step_to(enum step step, int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	upgrade.step = step;
	evtimer_add(upgrade.timer, &tv);
}

static void
step_late(evutil_socket_t fd, short what, void *arg)
{
	log_debug("upgrade: step %d takes too long", upgrade.step);
	step_next();
}

void
upgrade_takeover(void)
{
	uint64_t	 now = clock_ms();
	int		 i;

	upgrade.timer = evtimer_new(proc_base(), step_late, NULL);
	if (upgrade.timer == NULL)
		fatal("event");
	/* Its sockets are ours as well, by other descriptors. */
	upgrade_forget();
	publish_adopt(1);
	upgrade.count++;
	upgrade.began_ms = now;
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (!proc_is_old(PROC_LISTENER, i))
			continue;
		upgrade.waiting[i] = 1;
		if (upgrade.until[i] == 0)
			upgrade.until[i] = now + conf->upgrade_drain_ms;
	}
	proc_old_drain(PROC_LISTENER, conf->upgrade_spread_ms);
	step_to(STEP_QUIET, QUIET_MS);
	upgrade_old(PROC_LISTENER, -1, 1);
}

/* One has become quiet, or has ended: is that what we wait for? */
void
upgrade_old(int kind, int instance, int quiet)
{
	int	 i;

	if (kind == PROC_LISTENER && instance != -1) {
		upgrade.waiting[instance] = 0;
		if (!quiet) {
			listener_slot_set(instance, -1);
			upgrade.until[instance] = 0;
			tell_old();
			if (proc_old_count(PROC_LISTENER) == 0)
				log_info("upgrade: the last of the old "
				    "listeners has ended");
		}
	}
	switch (upgrade.step) {
	case STEP_QUIET:
		for (i = 0; i < PROC_INSTANCES_MAX; i++)
			if (upgrade.waiting[i])
				return;
		break;
	case STEP_SESSIONS:
		if (kind != PROC_AUTH || quiet)
			return;
		break;
	case STEP_ROUTER:
		if (proc_old_count(PROC_ROUTER) > 0)
			return;
		break;
	case STEP_AUTH:
		if (proc_old_count(PROC_AUTH) > 0)
			return;
		break;
	default:
		return;
	}
	step_next();
}

/* This step is over, or has taken long enough. */
static void
step_next(void)
{
	static const struct timeval	 tv = { KEYS_MS / 1000, 0 };

	evtimer_del(upgrade.timer);
	switch (upgrade.step) {
	case STEP_QUIET:
		step_to(STEP_SESSIONS, SESSIONS_MS);
		step_sessions();
		break;
	case STEP_SESSIONS:
		proc_old_stop(PROC_ROUTER, -1);
		step_to(STEP_ROUTER, END_MS);
		upgrade_old(PROC_ROUTER, -1, 0);
		break;
	case STEP_ROUTER:
		proc_old_stop(PROC_AUTH, -1);
		step_to(STEP_AUTH, END_MS);
		upgrade_old(PROC_AUTH, -1, 0);
		break;
	case STEP_AUTH:
		upgrade.began = 1;
		step_to(STEP_SERVE, SERVE_MS);
		if (proc_peer(PROC_AUTH, 0) != NULL)
			tell_serve(proc_peer(PROC_AUTH, 0));
		break;
	case STEP_SERVE:
		upgrade.step = STEP_NONE;
		step_join();
		drain_start();
		event_base_once(proc_base(), -1, EV_TIMEOUT, keys_late, NULL,
		    &tv);
		break;
	case STEP_NONE:
		break;
	}
}

/* Who had asked it for a signature has got it. */
static void
keys_late(evutil_socket_t fd, short what, void *arg)
{
	proc_old_stop(PROC_KEYS, -1);
}

static void
step_sessions(void)
{
	struct conf_end		 msg = { 0 };
	struct proc_peer	*from = proc_old_peer(PROC_AUTH);
	int			 sv[2];

	if (from == NULL || proc_peer(PROC_AUTH, 0) == NULL) {
		step_next();
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    sv) == -1)
		fatal("socketpair");
	(void)proc_send(from, IMSG_SESSIONS_GIVE, 0, sv[0], &msg,
	    sizeof(msg));
	(void)proc_send(proc_peer(PROC_AUTH, 0), IMSG_SESSIONS_TAKE, 0, sv[1],
	    &msg, sizeof(msg));
}

int
upgrade_recv_taken(struct proc_peer *p, struct imsg *imsg)
{
	struct conf_end	 end;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1)
		return (-1);
	log_debug("upgrade: %u log-ins were handed over", end.generation);
	if (upgrade.step == STEP_SESSIONS)
		step_next();
	return (0);
}

int
upgrade_recv_serves(struct proc_peer *p, struct imsg *imsg)
{
	struct conf_end	 end;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1)
		return (-1);
	if (upgrade.step == STEP_SERVE)
		step_next();
	return (0);
}

/*
 * Something was revoked, and with listeners that are not joined nobody can
 * look whether they carry what rests on it: they end.
 */
int
upgrade_recv_end(struct proc_peer *p, struct imsg *imsg)
{
	struct conf_end	 end;
	int		 i;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1)
		return (-1);
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (!proc_is_old(PROC_LISTENER, i) ||
		    proc_old_understands(PROC_LISTENER, i))
			continue;
		log_info("upgrade: listener %d ends: something was revoked",
		    i);
		proc_old_stop(PROC_LISTENER, i);
	}
	return (0);
}

/* All that is new serves; what is old and of our kind belongs to it. */
static void
step_join(void)
{
	int	 i, j;

	upgrade.serves = 1;
	proc_old_join(PROC_LISTENER);
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (!proc_is_old(PROC_LISTENER, i) ||
		    !proc_old_understands(PROC_LISTENER, i))
			continue;
		send_sign_socket(i);
		for (j = 0; j < PROC_INSTANCES_MAX; j++)
			if (proc_peer(PROC_LISTENER, j) != NULL &&
			    !proc_is_old(PROC_LISTENER, j))
				send_listener_link(i, j);
		listener_joins(i);
	}
	publish_joined();
	if (proc_peer(PROC_ROUTER, 0) != NULL)
		tell_serve(proc_peer(PROC_ROUTER, 0));
	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		if (proc_peer(PROC_LISTENER, i) != NULL &&
		    !proc_is_old(PROC_LISTENER, i))
			tell_serve(proc_peer(PROC_LISTENER, i));
	tell_old();
	upgrade.client = 0;
	log_info("upgrade: relayd %s took over from %s in %llu ms; %d "
	    "listeners drain", CULVERT_VERSION, upgrade.from,
	    (unsigned long long)(clock_ms() - upgrade.began_ms),
	    proc_old_count(PROC_LISTENER));
	relayd_up();
}

/* ---- those that drain ---- */

static void
drain_tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t	 now = clock_ms();
	int		 i;

	if (proc_old_count(PROC_LISTENER) == 0) {
		event_free(upgrade.tick);
		upgrade.tick = NULL;
		return;
	}
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (!proc_is_old(PROC_LISTENER, i) || upgrade.until[i] == 0 ||
		    now < upgrade.until[i])
			continue;
		log_info("upgrade: listener %d has drained long enough", i);
		upgrade.until[i] = 0;
		proc_old_stop(PROC_LISTENER, i);
	}
}
