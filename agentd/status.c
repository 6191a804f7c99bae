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
 * agentd status: ask the agentd that runs here how it is.
 */

#include "compat.h"

#include <getopt.h>
#include <locale.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agentd.h"
#include "control_ask.h"
#include "ctl.h"
#include "log.h"
#include "print.h"

/* As agentd(8) says. */
enum status_exit {
	STATUS_CONNECTED = 0, STATUS_NO_LINK = 1, STATUS_FAILED = 1,
	STATUS_USAGE = 2, STATUS_NO_ANSWER = 3
};

static const struct option	 options[] = {
	{ "json",	no_argument, NULL, 'j' },
	{ "socket",	required_argument, NULL, 's' },
	{ NULL, 0, NULL, 0 }
};

const struct control_daemon control_agentd = {
	"agentd", "--socket, CULVERT_AGENTD_SOCKET, or \"control\" in "
	"agentd.conf", "ask as the user that agentd was started by, or as root"
};

#define A(field)	offsetof(struct ctl_agent, field)
static const struct field	 agent_fields[] = {
	{ "node", "NODE", FIELD_TEXT, A(name), NULL },
	{ "state", "STATE", FIELD_TEXT, A(state), NULL },
	{ "connected", NULL, FIELD_BOOL, A(connected), NULL },
	{ "relay", NULL, FIELD_TEXT, A(relay), NULL },
	{ "through", NULL, FIELD_TEXT, A(way), NULL },
	{ "relay_software", NULL, FIELD_TEXT, A(software), NULL },
	{ "tls", NULL, FIELD_TEXT, A(tls), NULL },
	{ "since", NULL, FIELD_TIME, A(since), NULL },
	{ "rtt_ms", NULL, FIELD_MS, A(rtt_us), NULL },
	{ "links_left", NULL, FIELD_COUNT, A(links), NULL },
	{ "next_relay", NULL, FIELD_TEXT, A(next_relay), NULL },
	{ "next_in_ms", NULL, FIELD_COUNT, A(next_ms), NULL },
	{ "started", NULL, FIELD_TIME, A(started), NULL },
	{ "times_up", NULL, FIELD_NUMBER, A(times_up), NULL },
	{ "times_failed", NULL, FIELD_NUMBER, A(times_failed), NULL },
	{ "streams_open", NULL, FIELD_COUNT, A(streams), NULL },
	{ "streams_total", NULL, FIELD_NUMBER, A(streams_total), NULL },
	{ "bytes_in", NULL, FIELD_BYTES, A(in), NULL },
	{ "bytes_out", NULL, FIELD_BYTES, A(out), NULL },
};
#undef A

#define T(field)	offsetof(struct ctl_agent_try, field)
static const struct field	 try_fields[] = {
	{ "at", "WHEN", FIELD_TIME, T(at), NULL },
	{ "at", "AGO", FIELD_AGE, T(at), NULL },
	{ "what", "WHAT", FIELD_TEXT, T(what), NULL },
	{ "relay", "RELAY", FIELD_TEXT, T(relay), NULL },
	{ "through", "THROUGH", FIELD_TEXT, T(way), NULL },
	{ "why", "WHY", FIELD_TEXT, T(text), NULL },
};
#undef T

#define S(field)	offsetof(struct ctl_agent_stream, field)
static const struct field	 stream_fields[] = {
	{ "id", "STREAM", FIELD_NUMBER, S(id), NULL },
	{ "kind", "KIND", FIELD_KIND, S(kind), NULL },
	{ "user", "USER", FIELD_TEXT, S(user), NULL },
	{ "address", "FROM", FIELD_TEXT, S(addr), NULL },
	{ "target", "TO", FIELD_TEXT, S(target), NULL },
	{ "connected", NULL, FIELD_BOOL, S(connected), NULL },
	{ "since", "AGE", FIELD_AGE, S(since), NULL },
	{ "bytes_in", "IN", FIELD_BYTES, S(in), NULL },
	{ "bytes_out", "OUT", FIELD_BYTES, S(out), NULL },
};
#undef S

#define B(field)	offsetof(struct ctl_agent_backend, field)
static const struct field	 backend_fields[] = {
	{ "service", "SERVICE", FIELD_TEXT, B(name), "(default)" },
	{ "kind", "KIND", FIELD_KIND, B(kind), NULL },
	{ "url", "BACKEND", FIELD_TEXT, B(url), NULL },
	{ "health", NULL, FIELD_TEXT, B(health), NULL },
	{ "state", "STATE", FIELD_TEXT, B(state), "not checked" },
	{ "since", NULL, FIELD_TIME, B(since), NULL },
	{ "since", "SINCE", FIELD_AGE, B(since), NULL },
	{ "checks", NULL, FIELD_NUMBER, B(checks), NULL },
	{ "checks_failed", NULL, FIELD_NUMBER, B(failed), NULL },
	{ "why", "WHY", FIELD_TEXT, B(text), NULL },
};
#undef B

/* The lists, in order. */
#define LISTS	3
static const struct list_kind {
	const char		*name;		/* in JSON */
	uint32_t		 request, type;
	size_t			 size;		/* of a record */
	const struct field	*fields;
	size_t			 nfields;
} kinds[LISTS] = {
	{ "backends", CTL_AGENT_BACKENDS, CTL_AGENT_BACKEND,
	    sizeof(struct ctl_agent_backend), backend_fields,
	    nitems(backend_fields) },
	{ "attempts", CTL_AGENT_TRIES, CTL_AGENT_TRY,
	    sizeof(struct ctl_agent_try), try_fields, nitems(try_fields) },
	{ "streams", CTL_AGENT_STREAMS, CTL_AGENT_STREAM,
	    sizeof(struct ctl_agent_stream), stream_fields,
	    nitems(stream_fields) },
};

/* The records of an answer, as text, and how many. */
struct list {
	const struct field	*fields;
	size_t			 nfields;
	int			 json;
	struct table		*table;
	FILE			*out;
	char			*text;
	size_t			 len;
	unsigned int		 n;
};

static int	usage(void);
static void	agent_record(const void *, void *);
static void	list_record(const void *, void *);
static int	list_ask(struct list *, uint32_t, uint32_t, size_t,
		    const struct field *, size_t, int);
static void	status_show(const struct ctl_agent *, const struct list[LISTS]);
static void	status_json(const struct ctl_agent *, const struct list[LISTS]);
static int	lists_ask(struct list[LISTS], int);
static int	status_print(const char *, int);

static int
usage(void)
{
	fprintf(stderr, "usage: agentd status [-f file] [-j] [-s socket]\n");
	return (STATUS_USAGE);
}

int
agentd_status(int argc, char **argv)
{
	const char	*file = NULL, *named = NULL;
	char		 path[SOCKET_MAX];
	int		 ch, json = 0;

	log_init("agentd", LOG_STYLE_COMMAND, 0);
	setlocale(LC_CTYPE, "");
	while ((ch = getopt_long(argc, argv, "f:js:", options, NULL)) != -1) {
		switch (ch) {
		case 'f':
			file = optarg;
			break;
		case 'j':
			json = 1;
			break;
		case 's':
			named = optarg;
			break;
		default:
			return (usage());
		}
	}
	if (argc != optind)
		return (usage());
	if (agentd_socket(file, named, path, sizeof(path)) == -1)
		return (STATUS_NO_ANSWER);
	return (status_print(path, json));
}

int
agentd_socket(const char *file, const char *named, char *path, size_t size)
{
	struct agentd_conf	*conf = config_new();
	const char		*env = getenv("CULVERT_AGENTD_SOCKET");
	int			 usual = 0;

	if (named == NULL && env != NULL && env[0] != '\0')
		named = env;
	if (named == NULL && (file != NULL || access(AGENTD_CONF, R_OK) ==
	    0)) {
		(void)parse_config(file != NULL ? file : AGENTD_CONF, conf);
		named = conf->control;
	}
	if (named != NULL && strcmp(named, "none") == 0) {
		log_warnx("agentd.conf says that there is no control socket");
		config_free(conf);
		return (-1);
	}
	if (named == NULL) {
		usual = 1;
		if (config_control(path, size) == -1)
			path[0] = '\0';
	} else if (strlcpy(path, named, size) >= size)
		path[0] = '\0';
	config_free(conf);
	if (usual && access(path, F_OK) == -1 &&
	    access(CULVERT_RUNDIR "/agentd.sock", F_OK) == 0)
		strlcpy(path, CULVERT_RUNDIR "/agentd.sock", size);
	if (path[0] != '\0')
		return (0);
	log_warnx("which control socket?  --socket names it");
	return (-1);
}

/* ---- asking ---- */

static void
agent_record(const void *rec, void *arg)
{
	memcpy(arg, rec, sizeof(struct ctl_agent));
}

static void
list_record(const void *rec, void *arg)
{
	struct list	*l = arg;

	if (!l->json)
		table_add(l->table, rec);
	else {
		fputs(l->n > 0 ? ",\n" : "\n", l->out);
		print_record(l->fields, l->nfields, rec, l->out);
	}
	l->n++;
}

/* 0 or -1 (logged); list_free in every case. */
static int
list_ask(struct list *l, uint32_t request, uint32_t type, size_t size,
    const struct field *fields, size_t nfields, int json)
{
	struct ctl_name	 req;
	struct ctl_end	 end;

	memset(l, 0, sizeof(*l));
	memset(&req, 0, sizeof(req));
	l->fields = fields;
	l->nfields = nfields;
	l->json = json;
	if ((l->out = open_memstream(&l->text, &l->len)) == NULL ||
	    (!json && (l->table = table_new(fields, nfields, 0, l->out)) ==
	    NULL))
		fatal("list");
	if (control_ask(request, &req, sizeof(req), type, size, list_record,
	    l, &end) == -1) {
		table_free(l->table);
		l->table = NULL;
		return (-1);
	}
	if (l->table != NULL)
		(void)table_end(l->table);
	l->table = NULL;
	if (fclose(l->out) == EOF)
		fatal("list");
	l->out = NULL;
	return (0);
}

static void
list_free(struct list *l)
{
	if (l->out != NULL)
		fclose(l->out);
	free(l->text);
}

static int
lists_ask(struct list lists[LISTS], int json)
{
	const struct list_kind	*k;
	int			 i;

	for (i = 0; i < LISTS; i++) {
		k = &kinds[i];
		if (list_ask(&lists[i], k->request, k->type, k->size,
		    k->fields, k->nfields, json) == -1)
			return (-1);
	}
	return (0);
}

static int
status_print(const char *path, int json)
{
	struct ctl_agent	 a;
	struct ctl_name		 req;
	struct ctl_end		 end;
	struct list		 lists[LISTS] = { 0 };
	int			 i, status = STATUS_NO_ANSWER;

	memset(&a, 0, sizeof(a));
	memset(&req, 0, sizeof(req));
	control_to(&control_agentd, path);
	if (control_ask(CTL_AGENT_STATUS, &req, sizeof(req), CTL_AGENT,
	    sizeof(a), agent_record, &a, &end) == 0 && lists_ask(lists,
	    json) == 0) {
		if (json)
			status_json(&a, lists);
		else
			status_show(&a, lists);
		status = a.connected ? STATUS_CONNECTED : STATUS_NO_LINK;
		if (print_end(stdout) == -1)
			status = STATUS_FAILED;
	}
	for (i = 0; i < LISTS; i++)
		list_free(&lists[i]);
	return (status);
}

/* ---- showing ---- */

static void
status_json(const struct ctl_agent *a, const struct list lists[LISTS])
{
	int	 i;

	printf("{\"agent\":\n");
	print_record(agent_fields, nitems(agent_fields), a, stdout);
	for (i = 0; i < LISTS; i++)
		printf(",\n\"%s\": [%s]", kinds[i].name, lists[i].text);
	printf("}\n");
}

static void
show(const char *what, const char *text)
{
	char	 clean[1024];

	print_clean(text, clean, sizeof(clean));
	printf("%-14s%s\n", what, clean);
}

static void
show_link(const struct ctl_agent *a)
{
	char	 text[1024], when[32], age[32];

	if (a->connected) {
		print_time(a->since, when, sizeof(when));
		print_age(time(NULL) - a->since, age, sizeof(age));
		snprintf(text, sizeof(text), "connected to %s since %s (%s)",
		    a->relay, when, age);
		show("state", text);
		snprintf(text, sizeof(text), "%s, %s", a->software, a->tls);
		show("relay", text);
		print_ms(a->rtt_us, text, sizeof(text));
		show("round trip", a->rtt_us == 0 ? "not measured yet" :
		    text);
	} else {
		snprintf(text, sizeof(text), "not connected: %s", a->state);
		show("state", text);
	}
	if (a->has_next) {
		snprintf(text, sizeof(text), "%s", a->next_relay);
		if (a->next_ms > 0)
			snprintf(text, sizeof(text), "%s in %u.%u s",
			    a->next_relay, a->next_ms / 1000,
			    a->next_ms % 1000 / 100);
		show(strcmp(a->state, "waiting") == 0 || a->next_ms > 0 ||
		    a->connected ? "next attempt" : "attempt", text);
	}
	show("through", a->way[0] == '\0' ? "no proxy" : a->way);
	if (a->links > 0) {
		snprintf(text, sizeof(text), "%u that still carr%s streams",
		    a->links, a->links == 1 ? "ies" : "y");
		show("left links", text);
	}
}

static void
status_show(const struct ctl_agent *a, const struct list lists[LISTS])
{
	char	 text[256], in[32], out[32], when[32];
	int	 i;

	show("node", a->name);
	show_link(a);
	print_bytes(a->in, in, sizeof(in));
	print_bytes(a->out, out, sizeof(out));
	snprintf(text, sizeof(text), "%u open, %llu in all, %s bytes in, %s "
	    "out", a->streams, (unsigned long long)a->streams_total, in, out);
	show("streams", text);
	print_time(a->started, when, sizeof(when));
	snprintf(text, sizeof(text), "%llu, and %llu failed attempts, since "
	    "%s", (unsigned long long)a->times_up,
	    (unsigned long long)a->times_failed, when);
	show("links", text);
	for (i = 0; i < LISTS; i++) {
		if (lists[i].n > 0)
			printf("\n%s", lists[i].text);
	}
}
