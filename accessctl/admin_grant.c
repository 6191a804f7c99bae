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
 * Grants: who may use somebody else's node.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accessctl.h"
#include "log.h"
#include "target.h"

enum grant_option {
	OPT_SCOPE = 256, OPT_TO, OPT_UNTIL, OPT_USER, OPT_NODE
};

static const struct field	 grant_fields[] = {
	{ "user", "USER", FIELD_TEXT, offsetof(struct ctl_grant, email),
	    NULL },
	{ "node", "NODE", FIELD_TEXT, offsetof(struct ctl_grant, node), NULL },
	{ "owner", "OWNER", FIELD_TEXT, offsetof(struct ctl_grant, owner),
	    NULL },
	{ "scopes", "SCOPES", FIELD_SCOPES,
	    offsetof(struct ctl_grant, scopes), NULL },
	{ "until", "UNTIL", FIELD_TIME,
	    offsetof(struct ctl_grant, expires_at), "revoked" },
	{ "expired", "EXPIRED", FIELD_BOOL,
	    offsetof(struct ctl_grant, expired), NULL },
	{ "created", "GRANTED", FIELD_TIME,
	    offsetof(struct ctl_grant, created_at), NULL },
	{ "granted_by", "BY", FIELD_TEXT,
	    offsetof(struct ctl_grant, granted_by), "host" },
	{ "targets", "TARGETS", FIELD_LIST,
	    offsetof(struct ctl_grant, targets), "all" },
};

static int	grant_option(struct ctl_grant *, int, char *);
static int	grant_to(struct ctl_grant *, const char *);
static int	grant_pair(struct ctl_grant *, char **);
static void	grant_row(const void *, void *);
static int	grant_send(const struct ctl_grant *);

/* One list, or one more. */
static int
grant_to(struct ctl_grant *req, const char *list)
{
	struct targets	 t;
	const char	*why;

	if (list[0] == '\0') {
		log_warnx("--to: without it all targets are meant");
		return (-1);
	}
	if (req->targets[0] != '\0' &&
	    strlcat(req->targets, ",", sizeof(req->targets)) >=
	    sizeof(req->targets))
		goto long_list;
	if (strlcat(req->targets, list, sizeof(req->targets)) >=
	    sizeof(req->targets))
		goto long_list;
	if (targets_parse(req->targets, &t, &why) == -1) {
		log_warnx("--to %s: %s", list, why);
		return (-1);
	}
	return (0);
 long_list:
	log_warnx("--to: the list is longer than %zu bytes",
	    sizeof(req->targets) - 1);
	return (-1);
}

/* 0, or -1 (logged). */
static int
grant_option(struct ctl_grant *req, int ch, char *arg)
{
	int64_t	 now = time(NULL);

	switch (ch) {
	case OPT_SCOPE:
		if (spec_scopes(arg, &req->scopes) == 0 && (req->scopes &
		    ~(SCOPE_CONNECT | SCOPE_HTTP | SCOPE_SSH)) == 0)
			return (0);
		log_warnx("--scope %s: scopes of a grant are connect, http "
		    "and ssh", arg);
		return (-1);
	case OPT_TO:
		return (grant_to(req, arg));
	case OPT_UNTIL:
		if (spec_until(arg, now, &req->expires_at) == -1) {
			log_warnx("--until %s: like 2d, 12h, 90m, 2026-12-31, "
			    "\"2026-12-31 18:00\", 2026-12-31T18:00Z or "
			    "never", arg);
			return (-1);
		}
		if (req->expires_at != 0 && req->expires_at <= now) {
			log_warnx("--until %s: is in the past", arg);
			return (-1);
		}
		return (0);
	default:
		return (admin_option(ch, arg) ? 0 : -1);
	}
}

/* "email node" into a request; 0, or -1 (logged). */
static int
grant_pair(struct ctl_grant *req, char **args)
{
	if (strchr(args[0], '@') == NULL) {
		log_warnx("%s: not an email address: it comes first, then "
		    "the node", args[0]);
		return (-1);
	}
	if (admin_word(req->email, sizeof(req->email), "email", args[0]) ==
	    -1 || admin_word(req->node, sizeof(req->node), "name", args[1]) ==
	    -1)
		return (-1);
	return (0);
}

static int
grant_send(const struct ctl_grant *req)
{
	struct ctl_end	 end;
	char		 when[64] = "it is revoked";

	if (control_ask(CTL_GRANT_SET, req, sizeof(*req), 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	if (req->expires_at != 0)
		print_time(req->expires_at, when, sizeof(when));
	if (end.streams > 0 || end.text[0] != '\0')
		admin_ended(&end, "granted %s to %s until %s", req->node,
		    req->email, when);
	else
		printf("granted %s to %s until %s\n", req->node, req->email,
		    when);
	return (EXIT_OK);
}

int
cmd_grant(int argc, char **argv)
{
	static const struct option	 options[] = {
		{ "scope",	required_argument, NULL, OPT_SCOPE },
		{ "to",		required_argument, NULL, OPT_TO },
		{ "until",	required_argument, NULL, OPT_UNTIL },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	struct ctl_grant		 req;
	int				 ch;

	memset(&req, 0, sizeof(req));
	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (grant_option(&req, ch, optarg) == -1)
			return (EXIT_USAGE);
	}
	if (argc - optind != 2 || req.scopes == 0)
		return (usage());
	if (grant_pair(&req, argv + optind) == -1)
		return (EXIT_USAGE);
	/* Whoever wrote that may think that it narrows the grant. */
	if (req.targets[0] != '\0' && req.scopes == SCOPE_HTTP) {
		log_warnx("--to %s: scope http is for all sites of the node, "
		    "and has no targets", req.targets);
		return (EXIT_USAGE);
	}
	return (grant_send(&req));
}

static void
grant_row(const void *rec, void *arg)
{
	table_add(arg, rec);
}

int
cmd_grant_list(int argc, char **argv)
{
	static const struct option	 options[] = {
		{ "node",	required_argument, NULL, OPT_NODE },
		{ "user",	required_argument, NULL, OPT_USER },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	struct ctl_grant		 req;
	struct ctl_end			 end;
	struct table			*t;
	int				 ch, ret = 0;

	memset(&req, 0, sizeof(req));
	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (ch == OPT_NODE)
			ret = admin_word(req.node, sizeof(req.node), "--node",
			    optarg);
		else if (ch == OPT_USER)
			ret = admin_word(req.email, sizeof(req.email),
			    "--user", optarg);
		else if (!admin_option(ch, optarg))
			ret = -1;
		if (ret == -1)
			return (EXIT_USAGE);
	}
	if (optind != argc)
		return (usage());
	if ((t = table_new(grant_fields, nitems(grant_fields), json,
	    stdout)) == NULL)
		fatal("list");
	if (control_ask(CTL_GRANT_LIST, &req, sizeof(req), CTL_GRANT,
	    sizeof(struct ctl_grant), grant_row, t, &end) == -1) {
		table_free(t);
		return (EXIT_OTHER);
	}
	return (table_end(t) == -1 ? EXIT_OTHER : EXIT_OK);
}

int
cmd_grant_revoke(int argc, char **argv)
{
	struct ctl_grant	 req;
	struct ctl_end		 end;
	char			**args;

	if ((args = admin_args(argc, argv, 2)) == NULL)
		return (EXIT_USAGE);
	memset(&req, 0, sizeof(req));
	if (grant_pair(&req, args) == -1)
		return (EXIT_USAGE);
	if (control_ask(CTL_GRANT_REVOKE, &req, sizeof(req), 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	admin_ended(&end, "revoked %s's grant to %s", req.email, req.node);
	return (EXIT_OK);
}
