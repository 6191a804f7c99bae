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
 * Published ports: ports of the relay's host that lead to targets of nodes.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"
#include "rate.h"
#include "publish.h"

enum { OPT_FROM = 256, OPT_PROXY, OPT_CONNECTIONS, OPT_BANDWIDTH };

/* A record as it is shown. */
struct row {
	struct ctl_publish	 p;
	char			 state[CTL_NAME_LEN];
};

static const struct field	 publish_fields[] = {
	{ "port", "PORT", FIELD_TEXT, offsetof(struct row, p.spec), NULL },
	{ "target", "TARGET", FIELD_TEXT, offsetof(struct row, p.target),
	    NULL },
	{ "user", "OWNER", FIELD_TEXT, offsetof(struct row, p.email), NULL },
	{ "state", "STATE", FIELD_TEXT, offsetof(struct row, state), NULL },
	{ "online", "ONLINE", FIELD_BOOL, offsetof(struct row, p.online),
	    NULL },
	{ "streams", "STREAMS", FIELD_COUNT, offsetof(struct row, p.streams),
	    NULL },
	{ "connections", "LIMIT", FIELD_COUNT,
	    offsetof(struct row, p.connections), "-" },
	{ "bandwidth", "RATE", FIELD_RATE, offsetof(struct row, p.bandwidth),
	    "-" },
	{ "proxy", "PROXY", FIELD_COUNT, offsetof(struct row, p.proxy), "-" },
	{ "from", "FROM", FIELD_LIST, offsetof(struct row, p.from), "any" },
	{ "reason", "REASON", FIELD_TEXT, offsetof(struct row, p.text), NULL },
	{ "node", NULL, FIELD_TEXT, offsetof(struct row, p.node), NULL },
	{ "created", NULL, FIELD_TIME, offsetof(struct row, p.created_at),
	    NULL },
	{ "id", NULL, FIELD_TEXT, offsetof(struct row, p.id), NULL },
};

static int	publish_option(int, char *, struct ctl_publish *);
static void	publish_row(const void *, void *);

static int
publish_option(int ch, char *arg, struct ctl_publish *req)
{
	struct addr_prefix	 from[PUBLISH_FROM_MAX];
	const char		*why, *errstr;
	size_t			 n;

	switch (ch) {
	case OPT_FROM:
		if (arg[0] == '\0') {
			log_warnx("--from: without it all networks are meant");
			return (-1);
		}
		if (publish_from_parse(arg, from, &n, &why) == -1) {
			log_warnx("--from %s: %s", arg, why);
			return (-1);
		}
		return (admin_word(req->from, sizeof(req->from), "--from",
		    arg));
	case OPT_PROXY:
		req->proxy = strcmp(arg, "v1") == 0 ? 1 :
		    strcmp(arg, "v2") == 0 ? 2 : 0;
		if (req->proxy != 0)
			return (0);
		log_warnx("--proxy %s: v1 or v2", arg);
		return (-1);
	case OPT_CONNECTIONS:
		req->connections = strtonum(arg, 1, PUBLISH_CONNECTIONS_MAX,
		    &errstr);
		if (errstr == NULL)
			return (0);
		log_warnx("--connections %s: a number from 1 to %d", arg,
		    PUBLISH_CONNECTIONS_MAX);
		return (-1);
	case OPT_BANDWIDTH:
		if (rate_parse(arg, &req->bandwidth) == 0)
			return (0);
		log_warnx("--bandwidth %s: bytes a second like 10M, or bits "
		    "like 80Mbit, from 1K to 1024G; or none", arg);
		return (-1);
	default:
		return (admin_option(ch, arg) ? 0 : -1);
	}
}

int
cmd_publish_add(int argc, char **argv)
{
	static const struct option	 options[] = {
		{ "from",	 required_argument, NULL, OPT_FROM },
		{ "proxy",	 required_argument, NULL, OPT_PROXY },
		{ "connections", required_argument, NULL, OPT_CONNECTIONS },
		{ "bandwidth",	 required_argument, NULL, OPT_BANDWIDTH },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	struct publish_spec		 spec;
	struct publish_target		 target;
	struct ctl_publish		 req;
	struct ctl_end			 end;
	const char			*why;
	int				 ch;

	memset(&req, 0, sizeof(req));
	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (publish_option(ch, optarg, &req) == -1)
			return (EXIT_USAGE);
	}
	if (argc - optind != 2)
		return (usage());
	if (publish_spec_parse(argv[optind], &spec, &why) == -1) {
		log_warnx("%s: %s", argv[optind], why);
		return (EXIT_USAGE);
	}
	if (publish_target_parse(argv[optind + 1], &target, &why) == -1) {
		log_warnx("%s: %s", argv[optind + 1], why);
		return (EXIT_USAGE);
	}
	publish_spec_format(&spec, req.spec);
	publish_target_format(&target, req.target);
	if (control_ask(CTL_PUBLISH_ADD, &req, sizeof(req), 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	printf("%s\n", end.text);
	return (EXIT_OK);
}

static void
publish_row(const void *rec, void *arg)
{
	static const char *const names[] = {
		[CTL_PUBLISH_OPENING] = "opening",
		[CTL_PUBLISH_OPEN] = "open",
		[CTL_PUBLISH_DENIED] = "closed",
		[CTL_PUBLISH_DISABLED] = "closed",
		[CTL_PUBLISH_FAILED] = "failed"
	};
	struct row	 r;

	memset(&r, 0, sizeof(r));
	memcpy(&r.p, rec, sizeof(r.p));
	strlcpy(r.state, r.p.state < nitems(names) ? names[r.p.state] : "?",
	    sizeof(r.state));
	table_add(arg, &r);
}

int
cmd_publish_list(int argc, char **argv)
{
	struct ctl_end	 end;
	struct table	*t;

	if (admin_args(argc, argv, 0) == NULL)
		return (EXIT_USAGE);
	if ((t = table_new(publish_fields, nitems(publish_fields), json,
	    stdout)) == NULL)
		fatal("list");
	if (control_ask_name(CTL_PUBLISH_LIST, "", CTL_PUBLISH,
	    sizeof(struct ctl_publish), publish_row, t, &end) == -1) {
		table_free(t);
		return (EXIT_OTHER);
	}
	return (table_end(t) == -1 ? EXIT_OTHER : EXIT_OK);
}

int
cmd_publish_remove(int argc, char **argv)
{
	struct ctl_end	 end;
	char		**args;

	if ((args = admin_args(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	if (control_ask_name(CTL_PUBLISH_REMOVE, args[0], 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	admin_ended(&end, "%s is no longer published", args[0]);
	return (EXIT_OK);
}
