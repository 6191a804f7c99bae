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
 * Sites: who may see what nodes show by HTTP, and the domains that lead to
 * it.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"

enum { OPT_PASSTHROUGH = 256 };

/* Records as they are shown. */
struct service_row {
	struct ctl_site		 s;
	char			 http[16];
};
struct domain_row {
	struct ctl_domain	 d;
	char			 http[16];
};

static const struct field	 service_fields[] = {
	{ "node", "NODE", FIELD_TEXT, offsetof(struct service_row, s.node),
	    NULL },
	{ "service", "SERVICE", FIELD_TEXT,
	    offsetof(struct service_row, s.service), NULL },
	{ "http", "HTTP", FIELD_TEXT, offsetof(struct service_row, http),
	    NULL },
	{ "host", "HOST", FIELD_TEXT, offsetof(struct service_row, s.host),
	    NULL },
	{ "user", "OWNER", FIELD_TEXT, offsetof(struct service_row, s.email),
	    NULL },
};

static const struct field	 domain_fields[] = {
	{ "host", "HOST", FIELD_TEXT, offsetof(struct domain_row, d.name),
	    NULL },
	{ "node", "NODE", FIELD_TEXT, offsetof(struct domain_row, d.node),
	    NULL },
	{ "service", "SERVICE", FIELD_TEXT,
	    offsetof(struct domain_row, d.service), NULL },
	{ "passthrough", "PASSTHROUGH", FIELD_BOOL,
	    offsetof(struct domain_row, d.passthrough), NULL },
	{ "http", "HTTP", FIELD_TEXT, offsetof(struct domain_row, http),
	    NULL },
	{ "user", "OWNER", FIELD_TEXT, offsetof(struct domain_row, d.email),
	    NULL },
	{ "created", NULL, FIELD_TIME,
	    offsetof(struct domain_row, d.created_at), NULL },
};

static const char	*access_name(uint32_t);
static int		 access_parse(const char *, uint32_t *);
static int		 site_set(const char *, const char *, const char *);
static int		 site_target(const char *, struct ctl_domain *);
static void		 service_row(const void *, void *);
static void		 domain_row(const void *, void *);

static const char *
access_name(uint32_t access)
{
	static const char *const names[] = SITE_ACCESS_NAMES;

	return (names[access < nitems(names) ? access : 0]);
}

/* "http=public"; -1 (logged): it is not such. */
static int
access_parse(const char *word, uint32_t *access)
{
	static const char	 http[] = "http=";
	uint32_t		 a;

	if (strncmp(word, http, strlen(http)) == 0) {
		for (a = SITE_PRIVATE; a <= SITE_BASIC; a++) {
			if (strcmp(word + strlen(http), access_name(a)) == 0) {
				*access = a;
				return (0);
			}
		}
	}
	log_warnx("%s: can be http=private, http=public or http=basic", word);
	return (-1);
}

static int
site_set(const char *node, const char *service, const char *word)
{
	struct ctl_end	 end;
	struct ctl_site	 req;

	memset(&req, 0, sizeof(req));
	if (admin_word(req.node, sizeof(req.node), "node", node) == -1 ||
	    admin_word(req.service, sizeof(req.service), "service",
	    service) == -1 || access_parse(word, &req.access) == -1)
		return (EXIT_USAGE);
	if (control_ask(CTL_SITE_SET, &req, sizeof(req), 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	admin_ended(&end, "%s%s%s is %s", node, service[0] == '\0' ? "" : ":",
	    service, access_name(req.access));
	return (EXIT_OK);
}

int
cmd_node_set(int argc, char **argv)
{
	char	**args;

	if ((args = admin_args(argc, argv, 2)) == NULL)
		return (EXIT_USAGE);
	return (site_set(args[0], "", args[1]));
}

/* ---- services ---- */

int
cmd_service_set(int argc, char **argv)
{
	char	**args;

	if ((args = admin_args(argc, argv, 3)) == NULL)
		return (EXIT_USAGE);
	if (args[1][0] == '\0')
		return (usage());
	return (site_set(args[0], args[1], args[2]));
}

static void
service_row(const void *rec, void *arg)
{
	struct service_row	 r;

	memset(&r, 0, sizeof(r));
	memcpy(&r.s, rec, sizeof(r.s));
	strlcpy(r.http, access_name(r.s.access), sizeof(r.http));
	table_add(arg, &r);
}

int
cmd_service_list(int argc, char **argv)
{
	static const struct option	 options[] = {
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	struct ctl_end			 end;
	struct ctl_site			 req;
	struct table			*t;
	int				 ch;

	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (!admin_option(ch, optarg))
			return (EXIT_USAGE);
	}
	if (argc - optind > 1)
		return (usage());
	memset(&req, 0, sizeof(req));
	if (argc > optind && admin_word(req.node, sizeof(req.node), "node",
	    argv[optind]) == -1)
		return (EXIT_USAGE);
	if ((t = table_new(service_fields, nitems(service_fields), json,
	    stdout)) == NULL)
		fatal("list");
	if (control_ask(CTL_SITE_LIST, &req, sizeof(req), CTL_SITE,
	    sizeof(struct ctl_site), service_row, t, &end) == -1) {
		table_free(t);
		return (EXIT_OTHER);
	}
	return (table_end(t) == -1 ? EXIT_OTHER : EXIT_OK);
}

int
cmd_service_remove(int argc, char **argv)
{
	struct ctl_end	 end;
	struct ctl_site	 req;
	char		**args;

	if ((args = admin_args(argc, argv, 2)) == NULL)
		return (EXIT_USAGE);
	memset(&req, 0, sizeof(req));
	if (admin_word(req.node, sizeof(req.node), "node", args[0]) == -1 ||
	    admin_word(req.service, sizeof(req.service), "service",
	    args[1]) == -1)
		return (EXIT_USAGE);
	if (control_ask(CTL_SITE_REMOVE, &req, sizeof(req), 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	admin_ended(&end, "%s:%s is as %s", args[0], args[1], args[0]);
	return (EXIT_OK);
}

/* ---- domains ---- */

/* "pi", "pi:grafana"; -1 (logged). */
static int
site_target(const char *word, struct ctl_domain *req)
{
	const char	*colon = strchr(word, ':');
	size_t		 n = colon == NULL ? strlen(word) :
			    (size_t)(colon - word);

	if (n == 0 || n >= sizeof(req->node) ||
	    (colon != NULL && colon[1] == '\0')) {
		log_warnx("%s: not a node, or node:service", word);
		return (-1);
	}
	memcpy(req->node, word, n);
	return (colon == NULL ? 0 : admin_word(req->service,
	    sizeof(req->service), "service", colon + 1));
}

int
cmd_domain_add(int argc, char **argv)
{
	static const struct option	 options[] = {
		{ "passthrough", no_argument, NULL, OPT_PASSTHROUGH },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	struct ctl_end			 end;
	struct ctl_domain		 req;
	int				 ch;

	memset(&req, 0, sizeof(req));
	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (ch == OPT_PASSTHROUGH)
			req.passthrough = 1;
		else if (!admin_option(ch, optarg))
			return (EXIT_USAGE);
	}
	if (argc - optind != 2)
		return (usage());
	if (admin_word(req.name, sizeof(req.name), "host", argv[optind]) ==
	    -1 || site_target(argv[optind + 1], &req) == -1)
		return (EXIT_USAGE);
	if (control_ask(CTL_DOMAIN_ADD, &req, sizeof(req), 0, 0, NULL, NULL,
	    &end) == -1)
		return (EXIT_OTHER);
	printf("%s leads to %s%s\n", argv[optind], argv[optind + 1],
	    req.passthrough ? ", untouched" : "");
	(void)fflush(stdout);
	if (end.text[0] != '\0')
		log_info("%s", end.text);
	return (EXIT_OK);
}

static void
domain_row(const void *rec, void *arg)
{
	struct domain_row	 r;

	memset(&r, 0, sizeof(r));
	memcpy(&r.d, rec, sizeof(r.d));
	/* Who visits what passes through is the device's to ask. */
	if (!r.d.passthrough)
		strlcpy(r.http, access_name(r.d.access), sizeof(r.http));
	table_add(arg, &r);
}

int
cmd_domain_list(int argc, char **argv)
{
	struct ctl_end	 end;
	struct table	*t;

	if (admin_args(argc, argv, 0) == NULL)
		return (EXIT_USAGE);
	if ((t = table_new(domain_fields, nitems(domain_fields), json,
	    stdout)) == NULL)
		fatal("list");
	if (control_ask_name(CTL_DOMAIN_LIST, "", CTL_DOMAIN,
	    sizeof(struct ctl_domain), domain_row, t, &end) == -1) {
		table_free(t);
		return (EXIT_OTHER);
	}
	return (table_end(t) == -1 ? EXIT_OTHER : EXIT_OK);
}

int
cmd_domain_remove(int argc, char **argv)
{
	struct ctl_end		 end;
	struct ctl_domain	 req;
	char			**args;

	if ((args = admin_args(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	memset(&req, 0, sizeof(req));
	if (admin_word(req.name, sizeof(req.name), "host", args[0]) == -1)
		return (EXIT_USAGE);
	if (control_ask(CTL_DOMAIN_REMOVE, &req, sizeof(req), 0, 0, NULL,
	    NULL, &end) == -1)
		return (EXIT_OTHER);
	admin_ended(&end, "%s leads nowhere", args[0]);
	return (EXIT_OK);
}
