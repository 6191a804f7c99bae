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
 * Nodes, as the relay knows them.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"

/* A record as it is shown, alone. */
struct row {
	struct ctl_node	 n;
	char		 http[16];
};

static const struct field	 node_fields[] = {
	{ "name", "NAME", FIELD_TEXT, offsetof(struct ctl_node, name), NULL },
	{ "user", "OWNER", FIELD_TEXT, offsetof(struct ctl_node, email),
	    NULL },
	{ "online", "ONLINE", FIELD_BOOL, offsetof(struct ctl_node, online),
	    NULL },
	{ "since", "SINCE", FIELD_TIME, offsetof(struct ctl_node, since),
	    "never" },
	{ "streams", "STREAMS", FIELD_COUNT,
	    offsetof(struct ctl_node, streams), NULL },
	{ "address", "FROM", FIELD_TEXT, offsetof(struct ctl_node, addr),
	    NULL },
	{ "rtt_ms", "RTT", FIELD_MS, offsetof(struct ctl_node, rtt_us),
	    NULL },
	{ "bytes_in", "IN", FIELD_BYTES, offsetof(struct ctl_node, in), NULL },
	{ "bytes_out", "OUT", FIELD_BYTES, offsetof(struct ctl_node, out),
	    NULL },
	{ "software", NULL, FIELD_TEXT, offsetof(struct ctl_node, software),
	    NULL },
	{ "token", NULL, FIELD_TEXT, offsetof(struct ctl_node, token_id),
	    NULL },
	{ "created", NULL, FIELD_TIME, offsetof(struct ctl_node, created_at),
	    NULL },
	{ "bandwidth", NULL, FIELD_RATE, offsetof(struct ctl_node, rate),
	    NULL },
	{ "quota", NULL, FIELD_QUOTA, offsetof(struct ctl_node, quota),
	    NULL },
	{ "month", NULL, FIELD_BYTES, offsetof(struct ctl_node, used), NULL },
};

/* The same, all of it, for one. */
static const struct field	 show_fields[] = {
	{ "name", "name", FIELD_TEXT, offsetof(struct row, n.name), NULL },
	{ "user", "owner", FIELD_TEXT, offsetof(struct row, n.email),
	    NULL },
	{ "token", "token", FIELD_TEXT, offsetof(struct row, n.token_id),
	    NULL },
	{ "created", "registered", FIELD_TIME,
	    offsetof(struct row, n.created_at), NULL },
	{ "online", "online", FIELD_BOOL, offsetof(struct row, n.online),
	    NULL },
	{ "since", "since", FIELD_TIME, offsetof(struct row, n.since),
	    "never" },
	{ "address", "link from", FIELD_TEXT, offsetof(struct row, n.addr),
	    NULL },
	{ "software", "software", FIELD_TEXT,
	    offsetof(struct row, n.software), NULL },
	{ "rtt_ms", "round trip", FIELD_MS, offsetof(struct row, n.rtt_us),
	    NULL },
	{ "streams", "streams", FIELD_COUNT,
	    offsetof(struct row, n.streams), NULL },
	{ "bytes_in", "bytes from it", FIELD_BYTES,
	    offsetof(struct row, n.in), NULL },
	{ "bytes_out", "bytes to it", FIELD_BYTES,
	    offsetof(struct row, n.out), NULL },
	{ "bandwidth", "bandwidth each way", FIELD_RATE,
	    offsetof(struct row, n.rate), "no limit" },
	{ "quota", "quota a month", FIELD_QUOTA,
	    offsetof(struct row, n.quota), "no limit" },
	{ "month", "carried this month", FIELD_BYTES,
	    offsetof(struct row, n.used), NULL },
	{ "http", "http", FIELD_TEXT, offsetof(struct row, http), NULL },
	{ "host", "host name", FIELD_TEXT, offsetof(struct row, n.host),
	    NULL },
};

static void	node_row(const void *, void *);
static int	node_end(int, char **, uint32_t, const char *);

int
cmd_node_list(int argc, char **argv)
{
	if (admin_args(argc, argv, 0) == NULL)
		return (EXIT_USAGE);
	return (admin_list(CTL_NODE_LIST, "", CTL_NODE,
	    sizeof(struct ctl_node), node_fields, nitems(node_fields)));
}

static void
node_row(const void *rec, void *arg)
{
	static const char *const names[] = SITE_ACCESS_NAMES;
	struct row		 r;

	memset(&r, 0, sizeof(r));
	memcpy(&r.n, rec, sizeof(r.n));
	if (r.n.http != 0)
		strlcpy(r.http, r.n.http < nitems(names) ?
		    names[r.n.http] : names[0], sizeof(r.http));
	table_add(arg, &r);
}

int
cmd_node_show(int argc, char **argv)
{
	struct ctl_end	 end;
	struct table	*t;
	char		**args;

	if ((args = admin_args(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	if ((t = table_one(show_fields, nitems(show_fields), json,
	    stdout)) == NULL)
		fatal("node");
	if (control_ask_name(CTL_NODE_SHOW, args[0], CTL_NODE,
	    sizeof(struct ctl_node), node_row, t, &end) == -1) {
		table_free(t);
		return (EXIT_OTHER);
	}
	return (table_end(t) == -1 ? EXIT_OTHER : EXIT_OK);
}

int
cmd_node_rename(int argc, char **argv)
{
	struct ctl_end		 end;
	struct ctl_rename	 req;
	char			**args;

	if ((args = admin_args(argc, argv, 2)) == NULL)
		return (EXIT_USAGE);
	memset(&req, 0, sizeof(req));
	if (admin_word(req.from, sizeof(req.from), "name", args[0]) == -1 ||
	    admin_word(req.to, sizeof(req.to), "name", args[1]) == -1)
		return (EXIT_USAGE);
	if (control_ask(CTL_NODE_RENAME, &req, sizeof(req), 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	admin_ended(&end, "renamed %s to %s", args[0], args[1]);
	return (EXIT_OK);
}

/* Commands that end what a node has. */
static int
node_end(int argc, char **argv, uint32_t request, const char *done)
{
	struct ctl_end	 end;
	char		**args;

	if ((args = admin_args(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	if (control_ask_name(request, args[0], 0, 0, NULL, NULL, &end) == -1)
		return (EXIT_OTHER);
	admin_ended(&end, "%s %s", done, args[0]);
	return (EXIT_OK);
}

int
cmd_node_remove(int argc, char **argv)
{
	return (node_end(argc, argv, CTL_NODE_REMOVE, "removed"));
}

int
cmd_node_kick(int argc, char **argv)
{
	return (node_end(argc, argv, CTL_NODE_KICK, "kicked"));
}
