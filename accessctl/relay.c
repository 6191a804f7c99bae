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
 * Which relay, and as whom: a flag beats the environment beats the login
 * file.
 */

#include "compat.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessctl.h"
#include "log.h"

static void	set_string(char **, const char *);
static void	from_environment(char **, const char *);
static int	same_relay(const char *, const char *);
static int	from_login(struct relay_options *);

static void
set_string(char **where, const char *value)
{
	if (*where != NULL)
		freezero(*where, strlen(*where));
	if ((*where = strdup(value)) == NULL)
		fatal("options");
}

int
relay_option(struct relay_options *o, int ch, char *arg)
{
	switch (ch) {
	case OPT_RELAY:
		set_string(&o->login.relay, arg);
		return (1);
	case OPT_TOKEN:
		set_string(&o->login.token, arg);
		/* Out of sight of ps(1). */
		explicit_bzero(arg, strlen(arg));
		return (1);
	case OPT_TOKEN_FILE:
		set_string(&o->token_file, arg);
		return (1);
	case OPT_CA:
		set_string(&o->login.ca, arg);
		return (1);
	case OPT_PIN:
		set_string(&o->login.pin, arg);
		return (1);
	case OPT_WAY_PROXY:
		set_string(&o->login.proxy, arg);
		/* It may hold a password. */
		if (strchr(arg, '@') != NULL)
			explicit_bzero(arg, strlen(arg));
		return (1);
	case OPT_WAY_HELPER:
		set_string(&o->login.helper, arg);
		return (1);
	case OPT_PLAINTEXT:
		o->plaintext = 1;
		return (1);
	}
	return (0);
}

void
relay_options_clear(struct relay_options *o)
{
	login_clear(&o->login);
	free(o->token_file);
	o->token_file = NULL;
}

static void
from_environment(char **where, const char *name)
{
	const char	*value = getenv(name);

	if (*where == NULL && value != NULL && value[0] != '\0')
		set_string(where, value);
}

static int
same_relay(const char *a, const char *b)
{
	struct relay_url	 ua, ub;
	const char		*why;

	return (relay_url_parse(a, &ua, &why) == 0 &&
	    relay_url_parse(b, &ub, &why) == 0 && ua.port == ub.port &&
	    ua.tls == ub.tls && strcmp(ua.host, ub.host) == 0);
}

/*
 * What is not known yet, from the login file.  How that relay is recognized
 * says nothing about another one.  0 or -1 (logged).
 */
static int
from_login(struct relay_options *o)
{
	struct login	 file;
	char		 path[PATH_MAX];
	int		 known;

	known = o->login.relay != NULL && o->login.token != NULL;
	if (known && getenv("HOME") == NULL)
		return (0);
	if (login_path("accessctl", NULL, path, sizeof(path)) == -1)
		return (known ? 0 : -1);
	if (known && access(path, R_OK) == -1)
		return (0);
	memset(&file, 0, sizeof(file));
	if (login_read(path, &file) == -1)
		return (-1);
	if (file.relay != NULL && (o->login.relay == NULL ||
	    same_relay(o->login.relay, file.relay)) &&
	    o->login.ca == NULL && o->login.pin == NULL) {
		if (file.ca != NULL)
			set_string(&o->login.ca, file.ca);
		if (file.pin != NULL)
			set_string(&o->login.pin, file.pin);
	}
	/* The way out is the same to any relay. */
	if (o->login.proxy == NULL && o->login.helper == NULL) {
		if (file.proxy != NULL)
			set_string(&o->login.proxy, file.proxy);
		if (file.helper != NULL)
			set_string(&o->login.helper, file.helper);
	}
	if (o->login.relay == NULL && file.relay != NULL)
		set_string(&o->login.relay, file.relay);
	if (o->login.token == NULL && file.token != NULL)
		set_string(&o->login.token, file.token);
	login_clear(&file);
	return (0);
}

enum exit_status
relay_complete(struct relay_options *o, const char *otherwise)
{
	if (o->login.token == NULL && o->token_file != NULL &&
	    (o->login.token = login_token_file(o->token_file)) == NULL)
		return (EXIT_OTHER);
	from_environment(&o->login.relay, "RELAY_URL");
	from_environment(&o->login.relay, "HTTP_NETWORK_RELAY_URL");
	from_environment(&o->login.token, "RELAY_TOKEN");
	from_environment(&o->login.token, "HTTP_NETWORK_RELAY_SECRET");
	if (from_login(o) == -1)
		return (EXIT_OTHER);
	if (o->login.relay == NULL && otherwise != NULL)
		set_string(&o->login.relay, otherwise);
	if (o->login.relay == NULL) {
		log_warnx("which relay?  accessctl login --relay "
		    "wss://relay.example.org keeps it; or --relay, RELAY_URL");
		return (EXIT_USAGE);
	}
	if (o->login.token == NULL) {
		log_warnx("no token: accessctl login keeps one; or "
		    "--token-file, RELAY_TOKEN");
		return (EXIT_USAGE);
	}
	return (EXIT_OK);
}
