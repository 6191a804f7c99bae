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
 * Users.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"

enum user_option {
	OPT_USERNAME = 256, OPT_ADMIN, OPT_PASSWORD_STDIN, OPT_NO_PASSWORD
};

/* What goes with a user that is deleted. */
struct belongings {
	const char	*email;
	uint32_t	 tokens, nodes;
};

static const struct field	 user_fields[] = {
	{ "email", "EMAIL", FIELD_TEXT, offsetof(struct ctl_user, email),
	    NULL },
	{ "username", "NAME", FIELD_TEXT, offsetof(struct ctl_user, username),
	    NULL },
	{ "enabled", "ENABLED", FIELD_BOOL, offsetof(struct ctl_user, enabled),
	    NULL },
	{ "admin", "ADMIN", FIELD_BOOL, offsetof(struct ctl_user, admin),
	    NULL },
	{ "password", "PASSWORD", FIELD_BOOL,
	    offsetof(struct ctl_user, has_password), NULL },
	{ "tokens", "TOKENS", FIELD_COUNT, offsetof(struct ctl_user, tokens),
	    NULL },
	{ "nodes", "NODES", FIELD_COUNT, offsetof(struct ctl_user, nodes),
	    NULL },
	{ "created", "CREATED", FIELD_TIME,
	    offsetof(struct ctl_user, created_at), NULL },
	{ "bandwidth", "BANDWIDTH", FIELD_RATE,
	    offsetof(struct ctl_user, rate), NULL },
	{ "quota", "QUOTA", FIELD_QUOTA, offsetof(struct ctl_user, quota),
	    NULL },
	{ "month", "MONTH", FIELD_BYTES, offsetof(struct ctl_user, used),
	    NULL },
};

/* The same, all of it, for one. */
static const struct field	 show_fields[] = {
	{ "email", "email", FIELD_TEXT, offsetof(struct ctl_user, email),
	    NULL },
	{ "username", "name", FIELD_TEXT, offsetof(struct ctl_user, username),
	    NULL },
	{ "enabled", "enabled", FIELD_BOOL, offsetof(struct ctl_user, enabled),
	    NULL },
	{ "admin", "admin", FIELD_BOOL, offsetof(struct ctl_user, admin),
	    NULL },
	{ "password", "password", FIELD_BOOL,
	    offsetof(struct ctl_user, has_password), NULL },
	{ "tokens", "tokens", FIELD_COUNT, offsetof(struct ctl_user, tokens),
	    NULL },
	{ "nodes", "nodes", FIELD_COUNT, offsetof(struct ctl_user, nodes),
	    NULL },
	{ "created", "created", FIELD_TIME,
	    offsetof(struct ctl_user, created_at), NULL },
	{ "bandwidth", "bandwidth each way", FIELD_RATE,
	    offsetof(struct ctl_user, rate), "no limit" },
	{ "quota", "quota a month", FIELD_QUOTA,
	    offsetof(struct ctl_user, quota), "no limit" },
	{ "month", "carried this month", FIELD_BYTES,
	    offsetof(struct ctl_user, used), NULL },
};

/* A row of a list to be shown alone. */
struct user_show {
	const char	*email;
	struct table	*table;
	int		 found;
};

static const struct option	 password_options[] = {
	{ "password-stdin",	no_argument, NULL, OPT_PASSWORD_STDIN },
	{ "no-password",	no_argument, NULL, OPT_NO_PASSWORD },
	OPTIONS_ADMIN,
	{ "username",		required_argument, NULL, OPT_USERNAME },
	{ "admin",		no_argument, NULL, OPT_ADMIN },
	{ NULL, 0, NULL, 0 }
};

static int	user_write(int, char **, uint32_t, const char **, int *,
		    struct ctl_end *);
static void	user_count(const void *, void *);
static void	user_row(const void *, void *);

int
cmd_user_list(int argc, char **argv)
{
	if (admin_args(argc, argv, 0) == NULL)
		return (EXIT_USAGE);
	return (admin_list(CTL_USER_LIST, "", CTL_USER,
	    sizeof(struct ctl_user), user_fields, nitems(user_fields)));
}

static void
user_row(const void *rec, void *arg)
{
	struct user_show	*show = arg;
	struct ctl_user		 u;

	memcpy(&u, rec, sizeof(u));
	if (strcasecmp(u.email, show->email) != 0)
		return;
	table_add(show->table, rec);
	show->found = 1;
}

int
cmd_user_show(int argc, char **argv)
{
	struct user_show	 show;
	struct ctl_end		 end;
	char			**args;

	if ((args = admin_args(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	memset(&show, 0, sizeof(show));
	show.email = args[0];
	if ((show.table = table_one(show_fields, nitems(show_fields), json,
	    stdout)) == NULL)
		fatal("user");
	if (control_ask_name(CTL_USER_LIST, "", CTL_USER,
	    sizeof(struct ctl_user), user_row, &show, &end) == -1) {
		table_free(show.table);
		return (EXIT_OTHER);
	}
	if (!show.found) {
		log_warnx("no user %s: accessctl user list shows them",
		    args[0]);
		table_free(show.table);
		return (EXIT_OTHER);
	}
	return (table_end(show.table) == -1 ? EXIT_OTHER : EXIT_OK);
}

/*
 * Add a user, or change a password: hashed here, before the sandbox closes
 * and anything is sent.
 */
static int
user_write(int argc, char **argv, uint32_t request, const char **email,
    int *no_password, struct ctl_end *end)
{
	struct ctl_user	 req;
	int		 ch, from_stdin = 0, ret;

	memset(&req, 0, sizeof(req));
	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT,
	    password_options, NULL)) != -1) {
		if (ch == OPT_PASSWORD_STDIN)
			from_stdin = 1;
		else if (ch == OPT_NO_PASSWORD)
			*no_password = 1;
		else if (ch == OPT_ADMIN && request == CTL_USER_ADD)
			req.admin = 1;
		else if (ch == OPT_USERNAME && request == CTL_USER_ADD) {
			if (admin_word(req.username, sizeof(req.username),
			    "username", optarg) == -1)
				return (EXIT_USAGE);
		} else if (ch == OPT_ADMIN || ch == OPT_USERNAME)
			return (usage());
		else if (!admin_option(ch, optarg))
			return (EXIT_USAGE);
	}
	if (argc - optind != 1 || (*no_password && from_stdin))
		return (usage());
	*email = argv[optind];
	if (admin_word(req.email, sizeof(req.email), "email", *email) == -1)
		return (EXIT_USAGE);
	if (!*no_password && password_hash(from_stdin, req.hash,
	    sizeof(req.hash)) == -1)
		return (EXIT_OTHER);
	ret = control_ask(request, &req, sizeof(req), 0, 0, NULL, NULL, end);
	explicit_bzero(req.hash, sizeof(req.hash));
	return (ret == -1 ? EXIT_OTHER : EXIT_OK);
}

int
cmd_user_add(int argc, char **argv)
{
	struct ctl_end	 end;
	const char	*email;
	int		 status, no_password = 0;

	status = user_write(argc, argv, CTL_USER_ADD, &email, &no_password,
	    &end);
	if (status == EXIT_OK)
		printf("added %s\n", email);
	return (status);
}

int
cmd_user_passwd(int argc, char **argv)
{
	const char	*email;
	struct ctl_end	 end;
	int		 status, no_password = 0;

	status = user_write(argc, argv, CTL_USER_PASSWD, &email,
	    &no_password, &end);
	if (status == EXIT_OK)
		admin_ended(&end, "%s has %s password now", email,
		    no_password ? "no" : "a new");
	return (status);
}

int
cmd_user_enable(int argc, char **argv)
{
	struct ctl_end	 end;
	char		**args;

	if ((args = admin_args(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	if (control_ask_name(CTL_USER_ENABLE, args[0], 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	printf("enabled %s\n", args[0]);
	return (EXIT_OK);
}

int
cmd_user_disable(int argc, char **argv)
{
	struct ctl_end	 end;
	char		**args;

	if ((args = admin_args(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	if (control_ask_name(CTL_USER_DISABLE, args[0], 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	admin_ended(&end, "disabled %s", args[0]);
	return (EXIT_OK);
}

static void
user_count(const void *rec, void *arg)
{
	struct belongings	*b = arg;
	struct ctl_user		 u;

	memcpy(&u, rec, sizeof(u));
	if (strcasecmp(u.email, b->email) == 0) {
		b->tokens = u.tokens;
		b->nodes = u.nodes;
	}
}

int
cmd_user_delete(int argc, char **argv)
{
	struct belongings	 b;
	struct ctl_end		 end;
	char			**args;

	if ((args = admin_args(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	memset(&b, 0, sizeof(b));
	b.email = args[0];
	if (control_ask_name(CTL_USER_LIST, "", CTL_USER,
	    sizeof(struct ctl_user), user_count, &b, &end) == -1 ||
	    control_ask_name(CTL_USER_DELETE, args[0], 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	admin_ended(&end, "deleted %s with %u token%s and %u node%s",
	    args[0], b.tokens, b.tokens == 1 ? "" : "s", b.nodes,
	    b.nodes == 1 ? "" : "s");
	return (EXIT_OK);
}
