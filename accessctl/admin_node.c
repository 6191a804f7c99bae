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
 * Nodes, connections, statistics, reload.
 */

#include "compat.h"

#include <errno.h>
#include <imsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accessctl.h"

static void	node_record(void *, uint32_t, struct imsg *);
static void	conn_record(void *, uint32_t, struct imsg *);
static void	stat_record(void *, uint32_t, struct imsg *);

static const char *const	 node_columns[] = { "name", "user", "online",
    "since", "address", "streams", "rtt_us", "in", "out", "software",
    "token" };
static const char *const	 conn_columns[] = { "id", "user", "node",
    "target", "address", "age", "in", "out" };
static const char *const	 stat_columns[] = { "name", "value" };

/* One node's or nobody's name, then the rows of the answer. */
static int
list_command(int argc, char **argv, const char *usage, uint32_t type,
    int wants_name, void (*record)(void *, uint32_t, struct imsg *),
    const char *const *columns, size_t n)
{
	struct admin_answer	 a = { .record = record };
	struct ctl_name		 name;
	int			 status;

	memset(&name, 0, sizeof(name));
	if (admin_getopt(argc, argv, NULL) != -1 ||
	    argc - optind != wants_name)
		return (usage_of(usage));
	if (wants_name && admin_name(name.name, sizeof(name.name),
	    argv[optind], "name") == -1)
		return (EXIT_USAGE);
	a.arg = list_begin(columns, n);
	status = admin_ask(type, &name, sizeof(name), &a);
	if (status == EXIT_OK)
		list_end(a.arg);
	return (status);
}

static int
named(int argc, char **argv, const char *usage, uint32_t type)
{
	struct ctl_name	 n;

	memset(&n, 0, sizeof(n));
	if (admin_getopt(argc, argv, NULL) != -1 || argc - optind != 1)
		return (usage_of(usage));
	if (admin_name(n.name, sizeof(n.name), argv[optind], "name") == -1)
		return (EXIT_USAGE);
	return (admin_do(type, &n, sizeof(n)));
}

/* ---- nodes ---- */

static void
node_record(void *arg, uint32_t type, struct imsg *imsg)
{
	struct ctl_node	 n;
	struct list	*l = arg;

	if (type != CTL_NODE || imsg_get_data(imsg, &n, sizeof(n)) == -1)
		return;
	n.name[sizeof(n.name) - 1] = '\0';
	n.email[sizeof(n.email) - 1] = '\0';
	n.addr[sizeof(n.addr) - 1] = '\0';
	n.software[sizeof(n.software) - 1] = '\0';
	n.token_id[sizeof(n.token_id) - 1] = '\0';
	list_row(l);
	list_string(l, n.name);
	list_string(l, n.email);
	list_bool(l, n.online, "yes", "no");
	list_time(l, n.since);
	list_string(l, n.addr);
	list_number(l, n.streams);
	list_number(l, n.rtt_us);
	list_bytes(l, n.in);
	list_bytes(l, n.out);
	list_string(l, n.software);
	list_string(l, n.token_id);
}

int
cmd_node_list(int argc, char **argv)
{
	return (list_command(argc, argv, "node list", CTL_NODE_LIST, 0,
	    node_record, node_columns, nitems(node_columns)));
}

int
cmd_node_show(int argc, char **argv)
{
	return (list_command(argc, argv, "node show", CTL_NODE_SHOW, 1,
	    node_record, node_columns, nitems(node_columns)));
}

int
cmd_node_rename(int argc, char **argv)
{
	struct ctl_rename	 r;

	memset(&r, 0, sizeof(r));
	if (admin_getopt(argc, argv, NULL) != -1 || argc - optind != 2)
		return (usage_of("node rename"));
	if (admin_name(r.from, sizeof(r.from), argv[optind], "name") == -1 ||
	    admin_name(r.to, sizeof(r.to), argv[optind + 1], "name") == -1)
		return (EXIT_USAGE);
	return (admin_do(CTL_NODE_RENAME, &r, sizeof(r)));
}

int
cmd_node_remove(int argc, char **argv)
{
	return (named(argc, argv, "node remove", CTL_NODE_REMOVE));
}

int
cmd_node_kick(int argc, char **argv)
{
	return (named(argc, argv, "node kick", CTL_NODE_KICK));
}

/* ---- connections ---- */

static void
conn_record(void *arg, uint32_t type, struct imsg *imsg)
{
	struct ctl_conn	 c;
	struct list	*l = arg;
	char		 buf[MUX_HOST_MAX + 16];
	int64_t		 age;

	if (type != CTL_CONN || imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return;
	c.email[sizeof(c.email) - 1] = '\0';
	c.node[sizeof(c.node) - 1] = '\0';
	c.host[sizeof(c.host) - 1] = '\0';
	c.addr[sizeof(c.addr) - 1] = '\0';
	list_row(l);
	snprintf(buf, sizeof(buf), "%llx", (unsigned long long)c.id);
	list_string(l, buf);
	list_string(l, c.email);
	list_string(l, c.node);
	snprintf(buf, sizeof(buf), strchr(c.host, ':') != NULL ? "[%s]:%u" :
	    "%s:%u", c.host, c.port);
	list_string(l, buf);
	list_string(l, c.addr);
	age = time(NULL) - c.since;
	list_number(l, age > 0 ? age : 0);
	list_bytes(l, c.in);
	list_bytes(l, c.out);
}

int
cmd_connection_list(int argc, char **argv)
{
	return (list_command(argc, argv, "connection list", CTL_CONN_LIST, 0,
	    conn_record, conn_columns, nitems(conn_columns)));
}

int
cmd_connection_kill(int argc, char **argv)
{
	struct ctl_id	 id;
	char		*end;

	memset(&id, 0, sizeof(id));
	if (admin_getopt(argc, argv, NULL) != -1 || argc - optind != 1)
		return (usage_of("connection kill"));
	errno = 0;
	id.id = strtoull(argv[optind], &end, 16);
	if (argv[optind][0] == '\0' || *end != '\0' || errno != 0) {
		fprintf(stderr, "accessctl: %s: not an id from accessctl "
		    "connection list\n", argv[optind]);
		return (EXIT_USAGE);
	}
	return (admin_do(CTL_CONN_KILL, &id, sizeof(id)));
}

/* ---- the relay ---- */

static void
stat_record(void *arg, uint32_t type, struct imsg *imsg)
{
	struct ctl_stat	 s;
	struct list	*l = arg;

	if (type != CTL_STAT || imsg_get_data(imsg, &s, sizeof(s)) == -1)
		return;
	s.name[sizeof(s.name) - 1] = '\0';
	list_row(l);
	list_string(l, s.name);
	list_number(l, s.value);
}

int
cmd_stats(int argc, char **argv)
{
	return (list_command(argc, argv, "stats", CTL_STATS, 0, stat_record,
	    stat_columns, nitems(stat_columns)));
}

int
cmd_reload(int argc, char **argv)
{
	struct ctl_name	 n;

	memset(&n, 0, sizeof(n));
	if (admin_getopt(argc, argv, NULL) != -1 || argc != optind)
		return (usage_of("reload"));
	return (admin_do(CTL_RELOAD, &n, sizeof(n)));
}
