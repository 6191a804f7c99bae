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
 * Limits of bandwidth, and what was carried.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"
#include "rate.h"

enum traffic_option {
	OPT_BANDWIDTH = 256, OPT_QUOTA, OPT_MONTH, OPT_USER, OPT_NODE
};

static const struct field	 traffic_fields[] = {
	{ "month", "MONTH", FIELD_TEXT, offsetof(struct ctl_traffic, month),
	    NULL },
	{ "what", "WHAT", FIELD_TEXT, offsetof(struct ctl_traffic, what),
	    NULL },
	{ "name", "NAME", FIELD_TEXT, offsetof(struct ctl_traffic, name),
	    NULL },
	{ "bytes_in", "IN", FIELD_BYTES, offsetof(struct ctl_traffic, in),
	    NULL },
	{ "bytes_out", "OUT", FIELD_BYTES, offsetof(struct ctl_traffic, out),
	    NULL },
	{ "quota", "QUOTA", FIELD_QUOTA, offsetof(struct ctl_traffic, quota),
	    NULL },
	{ "rest", "REST", FIELD_REST, offsetof(struct ctl_traffic, rest),
	    NULL },
};

static int	limit_rate(struct ctl_limit *, const char *);
static int	limit_quota(struct ctl_limit *, const char *);
static int	limit_send(int, char **, uint32_t, const char *);
static void	traffic_row(const void *, void *);

/* 0, or -1 (logged). */
static int
limit_rate(struct ctl_limit *req, const char *arg)
{
	req->rate_set = CTL_LIMIT_DEFAULT;
	if (strcmp(arg, "default") == 0)
		return (0);
	req->rate_set = CTL_LIMIT_SET;
	if (rate_parse(arg, &req->rate) == 0)
		return (0);
	log_warnx("--bandwidth %s: bytes a second like 10M, or bits like "
	    "80Mbit, from 1K to 1024G; or none; or default", arg);
	return (-1);
}

static int
limit_quota(struct ctl_limit *req, const char *arg)
{
	req->quota_set = CTL_LIMIT_DEFAULT;
	if (strcmp(arg, "default") == 0)
		return (0);
	req->quota_set = CTL_LIMIT_SET;
	if (rate_quota(arg, &req->quota) == 0)
		return (0);
	log_warnx("--quota %s: bytes a month like 500G, from 1M to 1024T; or "
	    "none; or default", arg);
	return (-1);
}

static int
limit_send(int argc, char **argv, uint32_t request, const char *what)
{
	static const struct option	 options[] = {
		{ "bandwidth",	required_argument, NULL, OPT_BANDWIDTH },
		{ "quota",	required_argument, NULL, OPT_QUOTA },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	struct ctl_limit		 req;
	struct ctl_end			 end;
	int				 ch, bad = 0;

	memset(&req, 0, sizeof(req));
	while (!bad && (ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT,
	    options, NULL)) != -1) {
		if (ch == OPT_BANDWIDTH)
			bad = limit_rate(&req, optarg);
		else if (ch == OPT_QUOTA)
			bad = limit_quota(&req, optarg);
		else
			bad = !admin_option(ch, optarg);
	}
	if (bad)
		return (EXIT_USAGE);
	if (argc - optind != 1 || (req.rate_set == CTL_LIMIT_KEEP &&
	    req.quota_set == CTL_LIMIT_KEEP))
		return (usage());
	if (admin_word(req.name, sizeof(req.name), what, argv[optind]) == -1)
		return (EXIT_USAGE);
	if (control_ask(request, &req, sizeof(req), 0, 0, NULL, NULL, &end) ==
	    -1)
		return (EXIT_OTHER);
	printf("limits of %s changed\n", argv[optind]);
	return (EXIT_OK);
}

int
cmd_user_limit(int argc, char **argv)
{
	return (limit_send(argc, argv, CTL_USER_LIMIT, "email"));
}

int
cmd_node_limit(int argc, char **argv)
{
	return (limit_send(argc, argv, CTL_NODE_LIMIT, "name"));
}

static void
traffic_row(const void *rec, void *arg)
{
	table_add(arg, rec);
}

int
cmd_traffic(int argc, char **argv)
{
	static const struct option	 options[] = {
		{ "month",	required_argument, NULL, OPT_MONTH },
		{ "user",	required_argument, NULL, OPT_USER },
		{ "node",	required_argument, NULL, OPT_NODE },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	struct ctl_traffic		 req;
	struct ctl_end			 end;
	struct table			*t;
	int				 ch;

	memset(&req, 0, sizeof(req));
	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (ch == OPT_MONTH) {
			if (admin_word(req.month, sizeof(req.month), "--month",
			    optarg) == -1)
				return (EXIT_USAGE);
		} else if (ch == OPT_USER || ch == OPT_NODE) {
			if (req.what[0] != '\0')
				return (usage());
			strlcpy(req.what, ch == OPT_USER ? "user" : "node",
			    sizeof(req.what));
			if (admin_word(req.name, sizeof(req.name), req.what,
			    optarg) == -1)
				return (EXIT_USAGE);
		} else if (!admin_option(ch, optarg))
			return (EXIT_USAGE);
	}
	if (argc != optind)
		return (usage());
	if ((t = table_new(traffic_fields, nitems(traffic_fields), json,
	    stdout)) == NULL)
		fatal("traffic");
	if (control_ask(CTL_TRAFFIC_LIST, &req, sizeof(req), CTL_TRAFFIC,
	    sizeof(struct ctl_traffic), traffic_row, t, &end) == -1) {
		table_free(t);
		return (EXIT_OTHER);
	}
	return (table_end(t) == -1 ? EXIT_OTHER : EXIT_OK);
}
