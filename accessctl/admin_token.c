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
 * Tokens.  They are made here: relayd is only told the public half.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accessctl.h"
#include "log.h"

enum token_option {
	OPT_USER = 256, OPT_SCOPE, OPT_NAME, OPT_EXPIRES, OPT_NODES
};

static const struct field	 token_fields[] = {
	{ "id", "ID", FIELD_TEXT, offsetof(struct ctl_token, token_id), NULL },
	{ "user", "USER", FIELD_TEXT, offsetof(struct ctl_token, email),
	    NULL },
	{ "name", "NAME", FIELD_TEXT, offsetof(struct ctl_token, name), NULL },
	{ "scopes", "SCOPES", FIELD_SCOPES,
	    offsetof(struct ctl_token, scopes), NULL },
	{ "nodes", "NODES", FIELD_LIST, offsetof(struct ctl_token, nodes),
	    "all" },
	{ "created", "CREATED", FIELD_TIME,
	    offsetof(struct ctl_token, created_at), NULL },
	{ "expires", "EXPIRES", FIELD_TIME,
	    offsetof(struct ctl_token, expires_at), "never" },
	{ "last_used", "LAST USED", FIELD_TIME,
	    offsetof(struct ctl_token, last_used_at), "never" },
};

static int	token_option(struct ctl_token *, int, char *);
static int	token_send(struct ctl_token *);

/* 0, or -1 (logged). */
static int
token_option(struct ctl_token *req, int ch, char *arg)
{
	int64_t	 seconds;

	switch (ch) {
	case OPT_USER:
		return (admin_word(req->email, sizeof(req->email), "--user",
		    arg));
	case OPT_NAME:
		return (admin_word(req->name, sizeof(req->name), "--name",
		    arg));
	case OPT_NODES:
		/* An empty variable of a script's is not to open all. */
		if (arg[0] == '\0') {
			log_warnx("--nodes: without it all nodes are meant");
			return (-1);
		}
		return (admin_word(req->nodes, sizeof(req->nodes), "--nodes",
		    arg));
	case OPT_SCOPE:
		if (spec_scopes(arg, &req->scopes) == 0)
			return (0);
		log_warnx("--scope %s: scopes are node, connect, http, ssh, "
		    "mesh and admin", arg);
		return (-1);
	case OPT_EXPIRES:
		if (spec_duration(arg, &seconds) == -1) {
			log_warnx("--expires %s: like 30d, 12h or never "
			    "(s, m, h, d, w, y)", arg);
			return (-1);
		}
		req->expires_at = seconds == 0 ? 0 : time(NULL) + seconds;
		return (0);
	default:
		return (admin_option(ch, arg) ? 0 : -1);
	}
}

/*
 * The secret is made, its public half sent, and the token printed when that
 * was accepted; alone on standard output, so that it can go to a file.
 */
static int
token_send(struct ctl_token *req)
{
	struct ctl_end	 end;
	struct token	 t;
	char		 text[TOKEN_LEN + 1], when[64] = "never";
	int		 status = EXIT_OTHER;

	token_make(&t);
	strlcpy(req->token_id, t.id, sizeof(req->token_id));
	if (token_public(&t, req->public) == -1) {
		log_warnx("the token's key can't be made");
		goto done;
	}
	if (control_ask(CTL_TOKEN_CREATE, req, sizeof(*req), 0, 0, NULL, NULL,
	    &end) == -1)
		goto done;
	if (req->expires_at != 0)
		print_time(req->expires_at, when, sizeof(when));
	log_info("token %s of %s, expires: %s; shown this once, for %s login",
	    t.id, req->email, when,
	    req->scopes & SCOPE_NODE ? "agentd" : "accessctl");
	token_format(&t, text);
	if (printf("%s\n", text) < 0 || fflush(stdout) == EOF) {
		log_warn("standard output");
		log_warnx("the token is lost: accessctl token revoke %s",
		    t.id);
	} else
		status = EXIT_OK;
	explicit_bzero(text, sizeof(text));
 done:
	explicit_bzero(&t, sizeof(t));
	return (status);
}

int
cmd_token_create(int argc, char **argv)
{
	static const struct option	 options[] = {
		{ "user",	required_argument, NULL, OPT_USER },
		{ "scope",	required_argument, NULL, OPT_SCOPE },
		{ "name",	required_argument, NULL, OPT_NAME },
		{ "expires",	required_argument, NULL, OPT_EXPIRES },
		{ "nodes",	required_argument, NULL, OPT_NODES },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	struct ctl_token		 req;
	int				 ch;

	memset(&req, 0, sizeof(req));
	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (token_option(&req, ch, optarg) == -1)
			return (EXIT_USAGE);
	}
	if (optind != argc || req.email[0] == '\0' || req.scopes == 0)
		return (usage());
	return (token_send(&req));
}

int
cmd_token_list(int argc, char **argv)
{
	static const struct option	 options[] = {
		{ "user",	required_argument, NULL, OPT_USER },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	const char			*user = "";
	int				 ch;

	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (ch == OPT_USER)
			user = optarg;
		else if (!admin_option(ch, optarg))
			return (EXIT_USAGE);
	}
	if (optind != argc)
		return (usage());
	return (admin_list(CTL_TOKEN_LIST, user, CTL_TOKEN,
	    sizeof(struct ctl_token), token_fields, nitems(token_fields)));
}

int
cmd_token_revoke(int argc, char **argv)
{
	struct ctl_end	 end;
	char		**args;

	if ((args = admin_args(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	/* It may be a whole token: not repeated. */
	if (!token_id_valid(args[0])) {
		log_warnx("not the id of a token: that is its second part, "
		    "%d letters and digits; accessctl token list shows them",
		    TOKEN_ID_LEN);
		return (EXIT_USAGE);
	}
	if (control_ask_name(CTL_TOKEN_REVOKE, args[0], 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	admin_ended(&end, "revoked %s", args[0]);
	return (EXIT_OK);
}
