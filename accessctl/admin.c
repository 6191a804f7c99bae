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
 * Administration: what all commands at the control socket share, and those
 * about connections and relayd as a whole.
 */

#include "compat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"

int	 json;

static const struct control_daemon relayd = {
	"relayd", "--socket, CULVERT_SOCKET",
	"become root, or a member of the group that `control` in relayd.conf "
	"names"
};

static const struct field	 connection_fields[] = {
	{ "id", "ID", FIELD_ID, offsetof(struct ctl_conn, id), NULL },
	{ "user", "USER", FIELD_TEXT, offsetof(struct ctl_conn, email), NULL },
	{ "by", "BY", FIELD_TEXT, offsetof(struct ctl_conn, by), "-" },
	{ "address", "FROM", FIELD_TEXT, offsetof(struct ctl_conn, addr),
	    NULL },
	{ "node", "NODE", FIELD_TEXT, offsetof(struct ctl_conn, node), NULL },
	{ "kind", "KIND", FIELD_KIND, offsetof(struct ctl_conn, kind), NULL },
	{ "host", "HOST", FIELD_TEXT, offsetof(struct ctl_conn, host), NULL },
	{ "port", "PORT", FIELD_PORT, offsetof(struct ctl_conn, port), NULL },
	{ "since", "AGE", FIELD_AGE, offsetof(struct ctl_conn, since), NULL },
	{ "bytes_in", "IN", FIELD_BYTES, offsetof(struct ctl_conn, in), NULL },
	{ "bytes_out", "OUT", FIELD_BYTES, offsetof(struct ctl_conn, out),
	    NULL },
};

static const struct field	 stat_fields[] = {
	{ "name", "NAME", FIELD_TEXT, offsetof(struct ctl_stat, name), NULL },
	{ "value", "VALUE", FIELD_NUMBER, offsetof(struct ctl_stat, value),
	    NULL },
};

static void	admin_row(const void *, void *);

void
admin_init(void)
{
	const char	*path = getenv("CULVERT_SOCKET");

	control_to(&relayd, path == NULL || path[0] == '\0' ?
	    CULVERT_RUNDIR "/relayd.sock" : path);
}

int
admin_option(int ch, char *arg)
{
	switch (ch) {
	case 'j':
		json = 1;
		return (1);
	case 's':
		control_to(&relayd, arg);
		return (1);
	default:
		return (option_common(ch));
	}
}

static char **
args_between(int argc, char **argv, int least, int most)
{
	static const struct option	 options[] = {
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	int				 ch;

	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (!admin_option(ch, optarg))
			return (NULL);
	}
	if (argc - optind < least || argc - optind > most) {
		usage();
		return (NULL);
	}
	return (argv + optind);
}

char **
admin_args(int argc, char **argv, int n)
{
	return (args_between(argc, argv, n, n));
}

char **
admin_args_most(int argc, char **argv, int n)
{
	return (args_between(argc, argv, 0, n));
}

int
admin_word(char *dst, size_t size, const char *what, const char *word)
{
	if (strlcpy(dst, word, size) < size)
		return (0);
	log_warnx("%s: longer than %zu bytes", what, size - 1);
	return (-1);
}

int
control_ask_name(uint32_t request, const char *name, uint32_t type,
    size_t size, void (*record)(const void *, void *), void *arg,
    struct ctl_end *end)
{
	struct ctl_name	 req;

	memset(&req, 0, sizeof(req));
	if (admin_word(req.name, sizeof(req.name), "name", name) == -1)
		return (-1);
	return (control_ask(request, &req, sizeof(req), type, size, record,
	    arg, end));
}

static void
admin_row(const void *rec, void *arg)
{
	table_add(arg, rec);
}

int
admin_list(uint32_t request, const char *name, uint32_t type, size_t size,
    const struct field *fields, size_t nfields)
{
	struct ctl_end	 end;
	struct table	*t;

	if ((t = table_new(fields, nfields, json, stdout)) == NULL)
		fatal("list");
	if (control_ask_name(request, name, type, size, admin_row, t,
	    &end) == -1) {
		table_free(t);
		return (EXIT_OTHER);
	}
	return (table_end(t) == -1 ? EXIT_OTHER : EXIT_OK);
}

void
admin_ended(const struct ctl_end *end, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("; %u link%s and %u stream%s ended within %u ms\n",
	    end->links, end->links == 1 ? "" : "s",
	    end->streams, end->streams == 1 ? "" : "s", end->ms);
	(void)fflush(stdout);
	if (end->text[0] != '\0')
		log_info("%s", end->text);
}

/* ---- connections ---- */

int
cmd_connection_list(int argc, char **argv)
{
	if (admin_args(argc, argv, 0) == NULL)
		return (EXIT_USAGE);
	return (admin_list(CTL_CONN_LIST, "", CTL_CONN,
	    sizeof(struct ctl_conn), connection_fields,
	    nitems(connection_fields)));
}

int
cmd_connection_kill(int argc, char **argv)
{
	struct ctl_end	 end;
	struct ctl_id	 req;
	char		**args;

	if ((args = admin_args(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	memset(&req, 0, sizeof(req));
	if (spec_id(args[0], &req.id) == -1) {
		log_warnx("%s: not an id; accessctl connection list shows "
		    "them", args[0]);
		return (EXIT_USAGE);
	}
	if (control_ask(CTL_CONN_KILL, &req, sizeof(req), 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	admin_ended(&end, "killed %llx", (unsigned long long)req.id);
	return (EXIT_OK);
}

/* ---- the relay ---- */

int
cmd_stats(int argc, char **argv)
{
	if (admin_args(argc, argv, 0) == NULL)
		return (EXIT_USAGE);
	return (admin_list(CTL_STATS, "", CTL_STAT, sizeof(struct ctl_stat),
	    stat_fields, nitems(stat_fields)));
}

int
cmd_reload(int argc, char **argv)
{
	struct ctl_end	 end;

	if (admin_args(argc, argv, 0) == NULL)
		return (EXIT_USAGE);
	if (control_ask_name(CTL_RELOAD, "", 0, 0, NULL, NULL, &end) == -1)
		return (EXIT_OTHER);
	printf("%s\n", end.text[0] != '\0' ? end.text :
	    "the configuration was read again");
	return (EXIT_OK);
}

int
cmd_log(int argc, char **argv)
{
	struct ctl_end	 end;
	char		**args;
	int		 level;

	if ((args = admin_args_most(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	if (args[0] != NULL && log_level_parse(args[0], &level) == -1) {
		log_warnx("log %s: brief, verbose or debug", args[0]);
		return (EXIT_USAGE);
	}
	if (control_ask_name(CTL_LOG, args[0] != NULL ? args[0] : "", 0, 0,
	    NULL, NULL, &end) == -1)
		return (EXIT_OTHER);
	printf("%s\n", end.text);
	return (EXIT_OK);
}
