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
 * Users and tokens.  Passwords are hashed and tokens are made here: what
 * crosses the control socket can't be used to log in.
 */

#include "compat.h"

#include <crypt.h>
#include <imsg.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accessctl.h"

#define PASSWORD_MAX	512
#define PASSWORD_MIN	8

enum user_option {
	OPT_USERNAME = 256, OPT_ADMIN, OPT_PASSWORD_STDIN, OPT_NO_PASSWORD,
	OPT_USER, OPT_SCOPE, OPT_NAME, OPT_EXPIRES, OPT_NODES
};

enum password_source { PASSWORD_ASK, PASSWORD_STDIN, PASSWORD_NONE };

static int	password_read(enum password_source, char *, size_t);
static int	password_hash(enum password_source, char *, size_t);
static int	user_named(int, char **, const char *, uint32_t);
static void	user_record(void *, uint32_t, struct imsg *);
static void	token_record(void *, uint32_t, struct imsg *);

/* ---- passwords ---- */

static int
password_read(enum password_source source, char *buf, size_t size)
{
	char	 again[PASSWORD_MAX];
	int	 same;

	if (source == PASSWORD_STDIN) {
		if (fgets(buf, size, stdin) == NULL) {
			fprintf(stderr, "accessctl: no password on standard "
			    "input\n");
			return (-1);
		}
		buf[strcspn(buf, "\r\n")] = '\0';
		return (0);
	}
	if (readpassphrase("Password: ", buf, size, RPP_REQUIRE_TTY) ==
	    NULL || readpassphrase("Once more: ", again, sizeof(again),
	    RPP_REQUIRE_TTY) == NULL) {
		fprintf(stderr, "accessctl: no terminal to ask for a "
		    "password: use --password-stdin or --no-password\n");
		return (-1);
	}
	same = strcmp(buf, again) == 0;
	explicit_bzero(again, sizeof(again));
	if (!same) {
		fprintf(stderr, "accessctl: these were not the same\n");
		return (-1);
	}
	return (0);
}

static int
password_hash(enum password_source source, char *out, size_t size)
{
	struct crypt_data	*cd;
	const char		*hash = NULL;
	char			 buf[PASSWORD_MAX], salt[CRYPT_GENSALT_OUTPUT_SIZE];
	int			 ret = -1;

	if (source == PASSWORD_NONE) {
		out[0] = '\0';
		return (0);
	}
	if (password_read(source, buf, sizeof(buf)) == -1)
		return (-1);
	if (strlen(buf) < PASSWORD_MIN)
		fprintf(stderr, "accessctl: a password has %d characters at "
		    "least\n", PASSWORD_MIN);
	else if ((cd = calloc(1, sizeof(*cd))) != NULL) {
		if (crypt_gensalt_rn(NULL, 0, NULL, 0, salt, sizeof(salt)) !=
		    NULL)
			hash = crypt_r(buf, salt, cd);
		if (hash == NULL || hash[0] != '$' ||
		    strlcpy(out, hash, size) >= size)
			fprintf(stderr, "accessctl: crypt(3) failed\n");
		else
			ret = 0;
		freezero(cd, sizeof(*cd));
	}
	explicit_bzero(buf, sizeof(buf));
	return (ret);
}

/* ---- users ---- */

static const struct option	 user_options[] = {
	{ "username",		required_argument, NULL, OPT_USERNAME },
	{ "admin",		no_argument, NULL, OPT_ADMIN },
	{ "password-stdin",	no_argument, NULL, OPT_PASSWORD_STDIN },
	{ "no-password",	no_argument, NULL, OPT_NO_PASSWORD },
	{ NULL, 0, NULL, 0 }
};

static int
user_write(int argc, char **argv, uint32_t type, const char *usage)
{
	enum password_source	 source = PASSWORD_ASK;
	struct ctl_user		 u;
	int			 ch, status;

	memset(&u, 0, sizeof(u));
	while ((ch = admin_getopt(argc, argv, user_options)) != -1) {
		switch (ch) {
		case OPT_USERNAME:
			if (admin_name(u.username, sizeof(u.username), optarg,
			    "--username") == -1)
				return (EXIT_USAGE);
			break;
		case OPT_ADMIN:
			u.admin = 1;
			break;
		case OPT_PASSWORD_STDIN:
			source = PASSWORD_STDIN;
			break;
		case OPT_NO_PASSWORD:
			source = PASSWORD_NONE;
			break;
		default:
			return (usage_of(usage));
		}
	}
	if (argc - optind != 1)
		return (usage_of(usage));
	if (admin_name(u.email, sizeof(u.email), argv[optind], "email") == -1)
		return (EXIT_USAGE);
	if (password_hash(source, u.hash, sizeof(u.hash)) == -1)
		return (EXIT_OTHER);
	status = admin_do(type, &u, sizeof(u));
	explicit_bzero(&u, sizeof(u));
	return (status);
}

int
cmd_user_add(int argc, char **argv)
{
	return (user_write(argc, argv, CTL_USER_ADD, "user add"));
}

int
cmd_user_passwd(int argc, char **argv)
{
	return (user_write(argc, argv, CTL_USER_PASSWD, "user passwd"));
}

static int
user_named(int argc, char **argv, const char *usage, uint32_t type)
{
	struct ctl_name	 n;

	memset(&n, 0, sizeof(n));
	if (admin_getopt(argc, argv, NULL) != -1 || argc - optind != 1)
		return (usage_of(usage));
	if (admin_name(n.name, sizeof(n.name), argv[optind], "name") == -1)
		return (EXIT_USAGE);
	return (admin_do(type, &n, sizeof(n)));
}

int
cmd_user_enable(int argc, char **argv)
{
	return (user_named(argc, argv, "user enable", CTL_USER_ENABLE));
}

int
cmd_user_disable(int argc, char **argv)
{
	return (user_named(argc, argv, "user disable", CTL_USER_DISABLE));
}

int
cmd_user_delete(int argc, char **argv)
{
	return (user_named(argc, argv, "user delete", CTL_USER_DELETE));
}

static void
user_record(void *arg, uint32_t type, struct imsg *imsg)
{
	struct ctl_user	 u;
	struct list	*l = arg;

	if (type != CTL_USER || imsg_get_data(imsg, &u, sizeof(u)) == -1)
		return;
	u.email[sizeof(u.email) - 1] = '\0';
	u.username[sizeof(u.username) - 1] = '\0';
	list_row(l);
	list_string(l, u.email);
	list_string(l, u.username);
	list_bool(l, u.enabled, "yes", "no");
	list_bool(l, u.admin, "yes", "no");
	list_bool(l, u.has_password, "yes", "no");
	list_number(l, u.tokens);
	list_number(l, u.nodes);
	list_time(l, u.created_at);
}

int
cmd_user_list(int argc, char **argv)
{
	static const char *const	 columns[] = { "email", "username",
	    "enabled", "admin", "password", "tokens", "nodes", "created" };
	struct admin_answer		 a = { .record = user_record };
	struct ctl_name			 n;
	int				 status;

	memset(&n, 0, sizeof(n));
	if (admin_getopt(argc, argv, NULL) != -1 || argc != optind)
		return (usage_of("user list"));
	a.arg = list_begin(columns, nitems(columns));
	status = admin_ask(CTL_USER_LIST, &n, sizeof(n), &a);
	if (status == EXIT_OK)
		list_end(a.arg);
	return (status);
}

/* ---- tokens ---- */

static const struct option	 token_options[] = {
	{ "user",	required_argument, NULL, OPT_USER },
	{ "scope",	required_argument, NULL, OPT_SCOPE },
	{ "name",	required_argument, NULL, OPT_NAME },
	{ "expires",	required_argument, NULL, OPT_EXPIRES },
	{ "nodes",	required_argument, NULL, OPT_NODES },
	{ NULL, 0, NULL, 0 }
};

static int
token_parse_options(int argc, char **argv, struct ctl_token *t)
{
	int64_t	 seconds;
	int	 ch;

	while ((ch = admin_getopt(argc, argv, token_options)) != -1) {
		switch (ch) {
		case OPT_USER:
			if (admin_name(t->email, sizeof(t->email), optarg,
			    "--user") == -1)
				return (-1);
			break;
		case OPT_SCOPE:
			if (parse_scopes(optarg, &t->scopes) == -1)
				return (-1);
			break;
		case OPT_NAME:
			if (admin_name(t->name, sizeof(t->name), optarg,
			    "--name") == -1)
				return (-1);
			break;
		case OPT_NODES:
			if (admin_name(t->nodes, sizeof(t->nodes), optarg,
			    "--nodes") == -1)
				return (-1);
			break;
		case OPT_EXPIRES:
			if (parse_duration(optarg, &seconds) == -1) {
				fprintf(stderr, "accessctl: --expires %s: "
				    "like 30d, 12h, 45m, or never\n", optarg);
				return (-1);
			}
			t->expires_at = seconds == 0 ? 0 :
			    time(NULL) + seconds;
			break;
		default:
			return (usage_of("token create"), -1);
		}
	}
	if (argc != optind || t->email[0] == '\0' || t->scopes == 0)
		return (usage_of("token create"), -1);
	return (0);
}

int
cmd_token_create(int argc, char **argv)
{
	struct admin_answer	 a = { .record = NULL };
	struct ctl_token	 t;
	struct token		 token;
	char			 text[TOKEN_LEN + 1];
	int			 status;

	memset(&t, 0, sizeof(t));
	if (token_parse_options(argc, argv, &t) == -1)
		return (EXIT_USAGE);
	token_make(&token);
	strlcpy(t.token_id, token.id, sizeof(t.token_id));
	if (token_public(&token, t.public) == -1) {
		fprintf(stderr, "accessctl: a key can't be made\n");
		return (EXIT_OTHER);
	}
	status = admin_ask(CTL_TOKEN_CREATE, &t, sizeof(t), &a);
	if (status == EXIT_OK) {
		token_format(&token, text);
		printf("%s\n", text);
		explicit_bzero(text, sizeof(text));
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "This is shown once; the relay does "
			    "not know it.  Give it to \"%s login\".\n",
			    t.scopes & SCOPE_NODE ? "agentd" : "accessctl");
	}
	explicit_bzero(&token, sizeof(token));
	return (status);
}

static void
token_record(void *arg, uint32_t type, struct imsg *imsg)
{
	struct ctl_token	 t;
	struct list		*l = arg;
	char			 scopes[128];

	if (type != CTL_TOKEN || imsg_get_data(imsg, &t, sizeof(t)) == -1)
		return;
	t.token_id[sizeof(t.token_id) - 1] = '\0';
	t.email[sizeof(t.email) - 1] = '\0';
	t.name[sizeof(t.name) - 1] = '\0';
	t.nodes[sizeof(t.nodes) - 1] = '\0';
	format_scopes(t.scopes, scopes, sizeof(scopes));
	list_row(l);
	list_string(l, t.token_id);
	list_string(l, t.name);
	list_string(l, t.email);
	list_string(l, scopes);
	list_string(l, t.nodes);
	list_time(l, t.created_at);
	list_time(l, t.expires_at);
	list_time(l, t.last_used_at);
}

int
cmd_token_list(int argc, char **argv)
{
	static const struct option	 options[] = {
		{ "user",	required_argument, NULL, OPT_USER },
		{ NULL, 0, NULL, 0 }
	};
	static const char *const	 columns[] = { "id", "name", "user",
	    "scopes", "nodes", "created", "expires", "last_used" };
	struct admin_answer		 a = { .record = token_record };
	struct ctl_name			 n;
	int				 ch, status;

	memset(&n, 0, sizeof(n));
	while ((ch = admin_getopt(argc, argv, options)) != -1) {
		if (ch != OPT_USER)
			return (usage_of("token list"));
		if (admin_name(n.name, sizeof(n.name), optarg, "--user") ==
		    -1)
			return (EXIT_USAGE);
	}
	if (argc != optind)
		return (usage_of("token list"));
	a.arg = list_begin(columns, nitems(columns));
	status = admin_ask(CTL_TOKEN_LIST, &n, sizeof(n), &a);
	if (status == EXIT_OK)
		list_end(a.arg);
	return (status);
}

int
cmd_token_revoke(int argc, char **argv)
{
	return (user_named(argc, argv, "token revoke", CTL_TOKEN_REVOKE));
}
