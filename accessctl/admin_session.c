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
 * Sessions of browsers that logged in, and of paired programs.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"

enum session_option { OPT_USER = 256, OPT_NODE };

static const struct field	 session_fields[] = {
	{ "id", "ID", FIELD_TEXT, offsetof(struct ctl_session, id), NULL },
	{ "kind", "KIND", FIELD_TEXT, offsetof(struct ctl_session, kind),
	    NULL },
	{ "email", "USER", FIELD_TEXT, offsetof(struct ctl_session, email),
	    NULL },
	{ "node", "NODE", FIELD_TEXT, offsetof(struct ctl_session, node),
	    "any" },
	{ "host", "SITE", FIELD_TEXT, offsetof(struct ctl_session, host),
	    "-" },
	{ "created", "SINCE", FIELD_TIME,
	    offsetof(struct ctl_session, created_at), NULL },
	{ "expires", "UNTIL", FIELD_TIME,
	    offsetof(struct ctl_session, expires_at), NULL },
	{ "last_used", "USED", FIELD_AGE,
	    offsetof(struct ctl_session, last_used_at), "never" },
	{ "addr", "FROM", FIELD_TEXT, offsetof(struct ctl_session, addr),
	    NULL },
	{ "software", "SOFTWARE", FIELD_TEXT,
	    offsetof(struct ctl_session, software), NULL },
};

static const struct option	 session_options[] = {
	{ "node",	required_argument, NULL, OPT_NODE },
	{ "user",	required_argument, NULL, OPT_USER },
	OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
};

static int	session_parse(int, char **, struct ctl_session *);
static void	session_row(const void *, void *);

/* 0, or -1 (logged). */
static int
session_parse(int argc, char **argv, struct ctl_session *req)
{
	int	 ch, ret = 0;

	memset(req, 0, sizeof(*req));
	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT,
	    session_options, NULL)) != -1) {
		if (ch == OPT_NODE)
			ret = admin_word(req->node, sizeof(req->node),
			    "--node", optarg);
		else if (ch == OPT_USER)
			ret = admin_word(req->email, sizeof(req->email),
			    "--user", optarg);
		else if (!admin_option(ch, optarg))
			ret = -1;
		if (ret == -1)
			return (-1);
	}
	return (0);
}

static void
session_row(const void *rec, void *arg)
{
	table_add(arg, rec);
}

int
cmd_session_list(int argc, char **argv)
{
	struct ctl_session	 req;
	struct ctl_end		 end;
	struct table		*t;

	if (session_parse(argc, argv, &req) == -1)
		return (EXIT_USAGE);
	if (optind != argc)
		return (usage());
	if ((t = table_new(session_fields, nitems(session_fields), json,
	    stdout)) == NULL)
		fatal("list");
	if (control_ask(CTL_SESSION_LIST, &req, sizeof(req), CTL_SESSION,
	    sizeof(struct ctl_session), session_row, t, &end) == -1) {
		table_free(t);
		return (EXIT_OTHER);
	}
	return (table_end(t) == -1 ? EXIT_OTHER : EXIT_OK);
}

int
cmd_session_revoke(int argc, char **argv)
{
	struct ctl_session	 req;
	struct ctl_end		 end;
	char			 text[CTL_TEXT_LEN];

	if (session_parse(argc, argv, &req) == -1)
		return (EXIT_USAGE);
	if (argc - optind + (req.email[0] != '\0') + (req.node[0] != '\0') !=
	    1)
		return (usage());
	if (optind < argc && admin_word(req.id, sizeof(req.id), "id",
	    argv[optind]) == -1)
		return (EXIT_USAGE);
	if (control_ask(CTL_SESSION_REVOKE, &req, sizeof(req), 0, 0, NULL,
	    NULL, &end) == -1)
		return (EXIT_OTHER);
	strlcpy(text, end.text, sizeof(text));
	end.text[0] = '\0';
	admin_ended(&end, "revoked %s", text);
	return (EXIT_OK);
}
