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
 * accessctl upgrade: another binary in the place of the relayd that runs.
 * Whoever answered us last is no longer there then, so the outcome is what the
 * next one says of itself.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accessctl.h"
#include "control_ask.h"
#include "log.h"

#define UPGRADE_MS	150000	/* for an answer */
#define UPGRADE_TRIES	10	/* of being hung up on */
#define UPGRADE_LOOK_US	500000	/* until the new router has the figures */

static const struct field	 fields[] = {
	{ "version", "version", FIELD_TEXT,
	    offsetof(struct ctl_upgrade, version), NULL },
	{ "from", "before", FIELD_TEXT, offsetof(struct ctl_upgrade, from),
	    NULL },
	{ "upgrades", "upgrades", FIELD_NUMBER,
	    offsetof(struct ctl_upgrade, upgrades), NULL },
	{ "listeners", "listeners that drain", FIELD_COUNT,
	    offsetof(struct ctl_upgrade, listeners), NULL },
	{ "nodes", "nodes to come over", FIELD_COUNT,
	    offsetof(struct ctl_upgrade, nodes), NULL },
	{ "links", "old links", FIELD_COUNT,
	    offsetof(struct ctl_upgrade, links), NULL },
	{ "streams", "old streams", FIELD_COUNT,
	    offsetof(struct ctl_upgrade, streams), NULL },
	{ "until", "until", FIELD_TIME, offsetof(struct ctl_upgrade, until),
	    NULL },
};

static void
upgrade_row(const void *rec, void *arg)
{
	memcpy(arg, rec, sizeof(struct ctl_upgrade));
}

/* 0, or -1 (logged). */
static int
upgrade_state(struct ctl_upgrade *u)
{
	struct ctl_end	 end;
	int		 i, ret = -1;

	for (i = 0; i < UPGRADE_TRIES; i++) {
		memset(u, 0, sizeof(*u));
		ret = control_ask_name(CTL_UPGRADE_STATE, "",
		    CTL_UPGRADE_RECORD, sizeof(*u), upgrade_row, u, &end);
		if (ret != 1)
			return (ret);
		sleep(1);
	}
	log_warnx("relayd hangs up each time");
	return (-1);
}

/* For people, when it has changed. */
static void
upgrade_progress(const struct ctl_upgrade *u)
{
	static struct ctl_upgrade	 said;

	if (said.version[0] != '\0' && said.listeners == u->listeners &&
	    said.nodes == u->nodes && said.links == u->links &&
	    said.streams == u->streams)
		return;
	said = *u;
	if (u->listeners == 0)
		printf("nothing is left of the old processes\n");
	else
		printf("%u listener%s drain%s: %u node%s to come over, %u "
		    "link%s with %u stream%s left\n", u->listeners,
		    u->listeners == 1 ? "" : "s", u->listeners == 1 ? "s" :
		    "", u->nodes, u->nodes == 1 ? "" : "s", u->links,
		    u->links == 1 ? "" : "s", u->streams,
		    u->streams == 1 ? "" : "s");
	(void)fflush(stdout);
}

static int
upgrade_print(const struct ctl_upgrade *u)
{
	struct table	*t;
	char		 until[32];

	if (json) {
		if ((t = table_one(fields, nitems(fields), json, stdout)) ==
		    NULL)
			fatal("upgrade");
		table_add(t, u);
		return (table_end(t) == -1 ? EXIT_OTHER : EXIT_OK);
	}
	upgrade_progress(u);
	if (u->listeners > 0) {
		print_time(u->until, until, sizeof(until));
		printf("what is left then is ended at %s\n", until);
	}
	return (EXIT_OK);
}

static int
upgrade_run(int wait)
{
	struct ctl_upgrade	 before, u;
	struct ctl_end		 end;

	control_outlive(0);
	control_patience(UPGRADE_MS);
	if (upgrade_state(&before) == -1)
		return (EXIT_OTHER);
	switch (control_ask_name(CTL_UPGRADE, "", 0, 0, NULL, NULL, &end)) {
	case -1:
		return (EXIT_OTHER);
	case 0:
		log_warnx("relayd answers what it should not");
		return (EXIT_OTHER);
	}
	if (upgrade_state(&u) == -1)
		return (EXIT_OTHER);
	if (u.upgrades == before.upgrades) {
		log_warnx("relayd was not replaced: its log says why");
		return (EXIT_OTHER);
	}
	if (!json)
		printf("relayd %s serves, after %s\n", u.version, u.from);
	(void)fflush(stdout);
	usleep(UPGRADE_LOOK_US);
	if (upgrade_state(&u) == -1)
		return (EXIT_OTHER);
	while (wait && u.listeners > 0) {
		if (!json)
			upgrade_progress(&u);
		sleep(1);
		if (upgrade_state(&u) == -1)
			return (EXIT_OTHER);
	}
	return (upgrade_print(&u));
}

int
cmd_upgrade(int argc, char **argv)
{
	static const struct option	 options[] = {
		{ "wait",	no_argument, NULL, 'w' },
		{ "status",	no_argument, NULL, 'S' },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	struct ctl_upgrade		 u;
	int				 ch, wait = 0, status = 0;

	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (ch == 'w')
			wait = 1;
		else if (ch == 'S')
			status = 1;
		else if (!admin_option(ch, optarg))
			return (EXIT_USAGE);
	}
	if (argc != optind || (wait && status))
		return (usage());
	if (!status)
		return (upgrade_run(wait));
	if (upgrade_state(&u) != 0)
		return (EXIT_OTHER);
	return (upgrade_print(&u));
}
