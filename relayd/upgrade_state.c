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
 * What one relayd leaves to the next: the sockets it listens on, and what can't
 * change between the two.
 */

#include "compat.h"

#include <sys/socket.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "listen.h"
#include "listen_publish.h"
#include "log.h"
#include "state.h"
#include "upgrade.h"

#define KEY_LEN	sizeof(relayd_nonce_key)

/* What the one before said of itself. */
static struct {
	struct relayd_conf	*conf;	/* only what can't change, and
					   sockets */
	int			 control_fd;
	int			 nonce, beacon;
}			 before = { .control_fd = -1 };

static int	upgrade_differs(const struct relayd_conf *);
static int	restore_listen(const struct state_line *);
static int	restore_conf(const struct state_line *);
static void	save_key(struct state *, const char *, const uint8_t[KEY_LEN]);
static int	restore_key(const struct state_line *, uint8_t[KEY_LEN]);

static void
save_key(struct state *st, const char *name, const uint8_t key[KEY_LEN])
{
	char	 text[2 * KEY_LEN + 1];
	size_t	 n;

	for (n = 0; n < KEY_LEN; n++)
		snprintf(text + 2 * n, 3, "%02x", key[n]);
	state_begin(st, name);
	state_text(st, text);
	state_end(st);
	explicit_bzero(text, sizeof(text));
}

void
upgrade_save(struct state *st)
{
	struct listen_addr	*l;
	char			 host[ADDR_STRLEN];
	int			 i;

	state_begin(st, "conf");
	state_text(st, conf->state);
	state_text(st, conf->control);
	state_text(st, conf->user);
	state_number(st, conf->prefork);
	state_number(st, conf->log_dest);
	state_number(st, conf->log_facility);
	state_end(st);
	save_key(st, "nonce", relayd_nonce_key);
	save_key(st, "beacon", relayd_beacon_key);
	state_begin(st, "upgrades");
	state_number(st, upgrade.count);
	state_number(st, upgrade.client);
	state_text(st, CULVERT_VERSION);
	state_text(st, upgrade.program);
	state_end(st);
	state_begin(st, "control");
	proc_save_fd(st, control_fd);
	state_end(st);
	TAILQ_FOREACH(l, &conf->listens, entry) {
		for (i = 0; i < conf->prefork; i++) {
			state_begin(st, "listen");
			state_text(st, addr_format_host(
			    (struct sockaddr *)&l->ss, host));
			state_number(st,
			    addr_port((struct sockaddr *)&l->ss));
			state_number(st, i);
			proc_save_fd(st, l->fds[i]);
			state_end(st);
		}
	}
	publish_save(st);
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (proc_peer(PROC_LISTENER, i) == NULL)
			continue;
		state_begin(st, "listener");
		state_number(st, i);
		state_number(st, listener_slot(i));
		state_number(st, upgrade.until[i]);
		state_end(st);
	}
}

static int
restore_conf(const struct state_line *line)
{
	struct relayd_conf	*c = before.conf;
	long long		 prefork, dest, facility;

	if (line->n < 6 ||
	    state_get(line, 3, 1, PREFORK_MAX, &prefork) == -1 ||
	    state_get(line, 4, 0, INT_MAX, &dest) == -1 ||
	    state_get(line, 5, 0, INT_MAX, &facility) == -1)
		return (-1);
	free(c->state);
	free(c->control);
	free(c->user);
	c->state = strdup(line->fields[0]);
	c->control = strdup(line->fields[1]);
	c->user = strdup(line->fields[2]);
	if (c->state == NULL || c->control == NULL || c->user == NULL)
		fatal("upgrade");
	c->prefork = prefork;
	c->log_dest = dest;
	c->log_facility = facility;
	return (0);
}

static int
restore_listen(const struct state_line *line)
{
	struct sockaddr_storage	 ss;
	struct listen_addr	*l;
	long long		 slot;
	int			 i;

	if (line->n < 4 || addr_parse(line->fields[0], line->fields[1],
	    &ss) == -1 ||
	    state_get(line, 2, 0, before.conf->prefork - 1, &slot) == -1)
		return (-1);
	TAILQ_FOREACH(l, &before.conf->listens, entry)
		if (memcmp(&l->ss, &ss, sizeof(ss)) == 0)
			break;
	if (l == NULL) {
		if ((l = calloc(1, sizeof(*l))) == NULL || (l->fds =
		    calloc(before.conf->prefork, sizeof(int))) == NULL)
			fatal("upgrade");
		l->ss = ss;
		for (i = 0; i < before.conf->prefork; i++)
			l->fds[i] = -1;
		TAILQ_INSERT_TAIL(&before.conf->listens, l, entry);
	}
	if ((l->fds[slot] = proc_restore_fd(line, 3)) == -1)
		return (-1);
	return (0);
}

static int
restore_key(const struct state_line *line, uint8_t key[KEY_LEN])
{
	unsigned int	 byte;
	size_t		 i;

	if (line->n < 1 || strlen(line->fields[0]) != 2 * KEY_LEN)
		return (-1);
	for (i = 0; i < KEY_LEN; i++) {
		if (sscanf(line->fields[0] + 2 * i, "%2x", &byte) != 1)
			return (-1);
		key[i] = byte;
	}
	return (0);
}

int
upgrade_restore(const struct state_line *line)
{
	long long	 n, slot, until;

	if (!upgrade.resumed)
		before.conf = config_new();
	upgrade.resumed = 1;
	if (strcmp(line->name, "conf") == 0)
		return (restore_conf(line));
	if (strcmp(line->name, "listen") == 0)
		return (restore_listen(line));
	if (strcmp(line->name, "published") == 0 ||
	    strcmp(line->name, "port") == 0)
		return (publish_restore(line));
	if (strcmp(line->name, "nonce") == 0) {
		before.nonce = 1;
		return (restore_key(line, relayd_nonce_key));
	}
	if (strcmp(line->name, "beacon") == 0) {
		before.beacon = 1;
		return (restore_key(line, relayd_beacon_key));
	}
	if (strcmp(line->name, "control") == 0)
		return ((before.control_fd = proc_restore_fd(line, 0)) ==
		    -1 ? -1 : 0);
	if (strcmp(line->name, "upgrades") == 0) {
		if (line->n < 4 || state_get(line, 0, 0, INT32_MAX, &n) == -1)
			return (-1);
		upgrade.count = n;
		if (state_get(line, 1, 0, UINT32_MAX, &n) == -1)
			return (-1);
		upgrade.client = n;
		(void)strlcpy(upgrade.from, line->fields[2],
		    sizeof(upgrade.from));
		(void)strlcpy(upgrade.program, line->fields[3],
		    sizeof(upgrade.program));
	}
	if (strcmp(line->name, "listener") == 0) {
		if (state_get(line, 0, 0, PROC_INSTANCES_MAX - 1, &n) == -1 ||
		    state_get(line, 1, -1, PREFORK_MAX - 1, &slot) == -1 ||
		    state_get(line, 2, 0, INT64_MAX, &until) == -1)
			return (-1);
		listener_slot_set(n, slot);
		upgrade.known[n] = 1;
		upgrade.until[n] = until;
	}
	/* A later version may have more to say. */
	return (0);
}

static int
upgrade_differs(const struct relayd_conf *c)
{
	const struct relayd_conf	*b = before.conf;

	return (c->prefork != b->prefork || strcmp(c->state, b->state) != 0 ||
	    strcmp(c->control, b->control) != 0 ||
	    strcmp(c->user, b->user) != 0 || c->log_dest != b->log_dest ||
	    c->log_facility != b->log_facility);
}

int
upgrade_config(struct relayd_conf *c, int rehearse)
{
	int	 i;

	if (before.conf == NULL || before.control_fd == -1 || !before.nonce) {
		log_warnx("the running relayd leaves too little");
		return (-1);
	}
	/* It had none yet. */
	if (!before.beacon)
		arc4random_buf(relayd_beacon_key, sizeof(relayd_beacon_key));
	if (upgrade_differs(c)) {
		log_warnx("prefork, state, control, user and log to change "
		    "only with a restart");
		return (-1);
	}
	if (rehearse) {
		/* Our listeners will not be beside any others. */
		for (i = 0; i < PROC_INSTANCES_MAX; i++)
			listener_slot_set(i, -1);
		return (listen_rehearse(c, before.conf));
	}
	if (proc_resumed_back()) {
		for (i = 0; i < PROC_INSTANCES_MAX; i++)
			if (upgrade.known[i])
				listener_joins(i);
		upgrade.began = upgrade.serves = 1;
	}
	control_fd = before.control_fd;
	return (listen_open(c, before.conf));
}

/* Its sockets are ours as well, by other descriptors. */
void
upgrade_forget(void)
{
	config_free(before.conf);
	before.conf = NULL;
}
