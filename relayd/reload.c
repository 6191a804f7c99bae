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
 * Reload: all or nothing.  Keys gets the new configuration first, and the
 * others when keys has taken it: so no certificate is shown that nobody can
 * sign for.  Who asked is told when all have taken it: what they do next meets
 * the new configuration everywhere.
 */

#include "compat.h"

#include <imsg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "listen.h"
#include "listen_publish.h"
#include "log.h"
#include "parent.h"
#include "watch.h"

#define ASKED_MAX	8	/* any more are told when it begins */

static int	reconfigure(char *, size_t);
static int	current(struct proc_peer *);
static void	tell(int);
static void	taken_by_all(void);

static int	 untold;	/* keys has not taken it yet */
static uint32_t	 asked[ASKED_MAX];
static int	 nasked;
/* The generation that each has taken; 0 is what it was started with. */
static uint32_t	 taken[PROC_KINDS][PROC_INSTANCES_MAX];

void
reload_signal(void)
{
	char	 why[CTL_TEXT_LEN];

	if (reconfigure(why, sizeof(why)) == -1)
		log_warnx("reload: %s", why);
	else
		log_info("%s", why);
}

int
reload_recv(struct proc_peer *p, struct imsg *imsg)
{
	char	 why[CTL_TEXT_LEN];

	if (!command_may(imsg_get_id(imsg)))
		return (0);
	if (reconfigure(why, sizeof(why)) == -1) {
		log_warnx("reload: %s", why);
		send_answer(imsg_get_id(imsg), CTL_CODE_INVALID, why);
		return (0);
	}
	log_info("%s", why);
	if (nasked < ASKED_MAX)
		asked[nasked++] = imsg_get_id(imsg);
	else
		send_answer(imsg_get_id(imsg), CTL_CODE_OK, why);
	return (0);
}

static int
reconfigure(char *why, size_t size)
{
	struct relayd_conf	*new;
	int			 access;

	if ((new = parse_config(relayd_conffile)) == NULL) {
		snprintf(why, size, "there are errors: the old configuration "
		    "stays; relayd -n -f %s shows them", relayd_conffile);
		return (-1);
	}
	if (config_load(new) == -1) {
		snprintf(why, size, "it can't be used: the old configuration "
		    "stays; relayd -n -f %s says why", relayd_conffile);
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
	relayd_generation++;
	untold = 1;
	if (proc_peer(PROC_KEYS, 0) != NULL)
		send_conf(proc_peer(PROC_KEYS, 0));
	snprintf(why, size, "configuration reloaded");
	return (0);
}

int
reload_recv_taken(struct proc_peer *p, struct imsg *imsg)
{
	struct conf_end	 end;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1)
		return (-1);
	if (end.generation != relayd_generation)
		return (0);
	taken[proc_peer_kind(p)][proc_peer_instance(p)] = end.generation;
	if (proc_peer_kind(p) == PROC_KEYS && untold) {
		untold = 0;
		tell(PROC_AUTH);
		tell(PROC_ROUTER);
		tell(PROC_LISTENER);
	}
	if (!untold && nasked > 0)
		taken_by_all();
	return (0);
}

void
reload_peer(struct proc_peer *p)
{
	taken[proc_peer_kind(p)][proc_peer_instance(p)] = 0;
	/* Whoever asked it has gone with the one before. */
	if (proc_peer_kind(p) == PROC_ROUTER)
		nasked = 0;
}

/* It is there, and not left over from before an upgrade. */
static int
current(struct proc_peer *p)
{
	return (p != NULL && !proc_is_old(proc_peer_kind(p),
	    proc_peer_instance(p)));
}

static void
tell(int kind)
{
	int	 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		if (current(proc_peer(kind, i)))
			send_conf(proc_peer(kind, i));
}

/* Whoever is being started just now gets it before anything else. */
static void
taken_by_all(void)
{
	int	 kind, i;

	for (kind = PROC_KEYS; kind < PROC_KINDS; kind++) {
		for (i = 0; i < PROC_INSTANCES_MAX; i++) {
			if (current(proc_peer(kind, i)) &&
			    taken[kind][i] != relayd_generation)
				return;
		}
	}
	while (nasked > 0)
		send_answer(asked[--nasked], CTL_CODE_OK,
		    "configuration reloaded");
}
