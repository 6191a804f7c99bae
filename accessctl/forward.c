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
 * accessctl forward: local ports that lead to targets, all over one link
 * that is made again when it is lost.
 */

#include "compat.h"

#include <sys/resource.h>

#include <event2/event.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "fdstream.h"
#include "forward.h"
#include "log.h"

#define BUDGET		(512UL << 20)
#define SPECS_MAX	256
#define COMPLAIN_US	1000000	/* between lines about streams that failed */

static struct event_base	*base;
static struct relay_link	*relay;
static struct forward		*forwards;
static int			 was_up, status;

static void	forward_up(void *, struct link *);
static void	forward_down(void *, enum exit_status, const char *,
		    unsigned int);
static void	forward_accepted(struct forward *, int);
static void	forward_serve(struct forward *, int);
static void	stream_closed(struct fdstream *, void *, uint16_t,
		    const char *);
static void	complain(const struct forward *, uint16_t, const char *);

static const struct relay_link_ops relay_ops = { forward_up, forward_down };
static const struct fdstream_ops stream_ops = { NULL, stream_closed };

/* ---- streams ---- */

/* Thousands may fail in a second, all for one reason. */
static void
complain(const struct forward *f, uint16_t code, const char *text)
{
	static uint64_t		 last;
	static unsigned int	 untold;
	uint64_t		 now = link_now();
	char			 line[512];

	if (last != 0 && now - last < COMPLAIN_US) {
		untold++;
		return;
	}
	outcome_text(code, text, &f->open, line, sizeof(line));
	if (untold > 0)
		log_warnx("%s (and %u more failed before)", line, untold);
	else
		log_warnx("%s", line);
	last = now;
	untold = 0;
}

static void
stream_closed(struct fdstream *s, void *arg, uint16_t code, const char *text)
{
	const struct forward	*f = arg;

	if (code == 0 && text == NULL)
		return;
	/* That the link went was said once; resets are the programs' own. */
	if (code == MUX_CODE_CANCEL || code == MUX_CODE_TARGET_RESET ||
	    relay_link_get(relay) == NULL)
		log_debug("%s %s:%u: %s", f->open.node, f->open.host,
		    f->open.port, text == NULL ? "ended" : text);
	else
		complain(f, code, text);
}

/* A connection and a link that is up. */
static void
forward_serve(struct forward *f, int fd)
{
	struct link	*link = relay_link_get(relay);

	if (link == NULL || fdstream_open(base, fd, fd, link_mux(link),
	    &f->open, &stream_ops, f) == NULL) {
		complain(f, MUX_CODE_LIMIT, "too many streams");
		wait_reset(fd);
		return;
	}
	log_debug("%s: to %s %s:%u", f->name, f->open.node, f->open.host,
	    f->open.port);
}

static void
forward_accepted(struct forward *f, int fd)
{
	if (relay_link_get(relay) != NULL)
		forward_serve(f, fd);
	else if (wait_add(f, fd) == -1)
		wait_reset(fd);
}

/* ---- the link ---- */

static void
forward_up(void *arg, struct link *link)
{
	struct forward	*f;

	if (was_up)
		log_info("the link to relay %s is up again",
		    relay_link_name(relay));
	for (f = forwards; f != NULL && !was_up; f = f->next)
		log_info("forwarding %s to %s %s%s%s:%u", f->name,
		    f->open.node, strchr(f->open.host, ':') != NULL ? "[" :
		    "", f->open.host, strchr(f->open.host, ':') != NULL ?
		    "]" : "", f->open.port);
	was_up = 1;
	wait_serve(forward_serve);
}

static void
forward_down(void *arg, enum exit_status why, const char *text,
    unsigned int ms)
{
	/* Before it ever worked there is no reason to think it will. */
	if (!was_up && (why == EXIT_DENIED || why == EXIT_PROTOCOL)) {
		log_warnx("relay %s: %s%s", relay_link_name(relay), text,
		    why == EXIT_DENIED ? "; accessctl login takes another "
		    "token" : "");
		status = why;
		event_base_loopbreak(base);
		return;
	}
	log_warnx("relay %s: %s; next attempt in %u.%u s",
	    relay_link_name(relay), text, ms / 1000, ms % 1000 / 100);
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	event_base_loopbreak(base);
}

/* ---- command ---- */

static void
forward_new(const struct forward_spec *spec)
{
	struct forward	*f, **end = &forwards;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		fatal("forward");
	f->open.kind = MUX_KIND_TCP;
	f->open.port = spec->port;
	strlcpy(f->open.node, spec->node, sizeof(f->open.node));
	strlcpy(f->open.host, spec->host, sizeof(f->open.host));
	while (*end != NULL)
		end = &(*end)->next;
	*end = f;
}

static int
forward_run(struct relay_options *o, const struct forward_spec *specs)
{
	static const int	 signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct rlimit		 rl;
	struct forward		*f;
	struct event		*ev;
	enum exit_status	 why;
	size_t			 i;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	if ((base = event_base_new()) == NULL)
		fatal("event");
	for (i = 0; i < nitems(signals); i++) {
		ev = evsignal_new(base, signals[i], on_signal, NULL);
		if (ev == NULL || event_add(ev, NULL) == -1)
			fatal("event");
	}
	wait_init(base);
	for (f = forwards, i = 0; f != NULL; f = f->next, i++) {
		if (listen_add(base, &specs[i], f, forward_accepted) == -1)
			return (EXIT_OTHER);
	}
	relay = relay_link_new(base, o, 1, BUDGET, &relay_ops, NULL, &why);
	if (relay == NULL)
		return (why);
	listen_resume();
	status = EXIT_OK;
	event_base_dispatch(base);
	relay_link_free(relay);
	relay = NULL;
	return (status);
}

int
cmd_forward(int argc, char **argv)
{
	static const struct option	 options[] = {
		RELAY_OPTIONS, OPTIONS_COMMON,
		{ NULL, 0, NULL, 0 }
	};
	static struct forward_spec	 specs[SPECS_MAX];
	struct relay_options		 o;
	const char			*why;
	size_t				 n = 0, i;
	int				 ch, check = 0, ret;

	memset(&o, 0, sizeof(o));
	while ((ch = getopt_long(argc, argv, "hL:nv", options, NULL)) != -1) {
		switch (ch) {
		case 'L':
			why = "there are too many of them";
			if (n == nitems(specs) || forward_spec_parse(optarg,
			    &specs[n], &why) == -1) {
				log_warnx("-L %s: %s", optarg, why);
				return (EXIT_USAGE);
			}
			n++;
			break;
		case 'n':
			check = 1;
			break;
		default:
			if (!relay_option(&o, ch, optarg) &&
			    !option_common(ch))
				return (EXIT_USAGE);
			break;
		}
	}
	if (argc != optind || n == 0)
		return (usage());
	for (i = 0; i < n; i++)
		forward_new(&specs[i]);
	ret = relay_complete(&o, NULL);
	if (ret == EXIT_OK && check)
		log_info("these forwards are good");
	else if (ret == EXIT_OK)
		ret = forward_run(&o, specs);
	relay_options_clear(&o);
	return (ret);
}
