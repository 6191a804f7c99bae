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
 * accessctl forward: local ports and Unix sockets that lead to targets, all
 * over one link that is made again when it is lost.
 */

#include "compat.h"

#include <sys/resource.h>

#include <event2/event.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "background.h"
#include "clock.h"
#include "fdstream.h"
#include "forward.h"
#include "log.h"
#include "physmem.h"
#include "trim.h"

#define BUDGET_MOST	(512UL << 20)	/* of windows, on large machines */
#define SPECS_MAX	256
#define IDLE_S		60	/* of a UDP session */
#define IDLE_MAX	86400
#define GOODBYE_MS	500	/* for the relay, at the end */
#define COMPLAIN_US	1000000	/* between lines about streams of a forward
				   that failed */

static struct event_base	*base;
static struct relay_link	*relay;
static uint32_t			 nstreams;
static struct forward		*forwards;
static int			 was_up, to_background, status, ended_by;

static void	forward_first(void *);
static void	forward_up(void *, struct link *);
static void	forward_down(void *, enum exit_status, const char *,
		    unsigned int);
static void	forward_accepted(struct forward *, int, uint64_t);
static void	stream_closed(struct fdstream *, void *, uint16_t,
		    const char *);

static const struct relay_link_ops relay_ops = {
	forward_first, forward_up, forward_down
};
static const struct fdstream_ops stream_ops = { .closed = stream_closed };

/* ---- streams ---- */

struct link *
forward_link(void)
{
	return (relay_link_get(relay));
}

void
forward_wanted(unsigned int ms)
{
	if (relay != NULL)
		relay_link_wanted(relay, ms);
}

/* Thousands may fail in a second, all for one reason. */
void
forward_complain(struct forward *f, uint16_t code, const char *text)
{
	uint64_t	 now = clock_us();
	char		 line[512];

	if (f->told != 0 && now - f->told < COMPLAIN_US) {
		f->untold++;
		return;
	}
	outcome_text(code, text, &f->open, line, sizeof(line));
	if (f->untold > 0)
		log_warnx("%s (and %u more failed before)", line, f->untold);
	else
		log_warnx("%s", line);
	f->told = now;
	f->untold = 0;
}

static void
stream_closed(struct fdstream *s, void *arg, uint16_t code, const char *text)
{
	struct forward	*f = arg;
	char		 target[MUX_TARGET_LEN];

	if (--nstreams == 0)
		trim_free_later();
	if (code == 0 && text == NULL)
		return;
	if (code == MUX_CODE_NODE_OFFLINE || code == MUX_CODE_NODE_GONE)
		f->good = 0;
	/* That the link went was said once; resets are the programs' own. */
	if (code == MUX_CODE_CANCEL || code == MUX_CODE_TARGET_RESET ||
	    forward_link() == NULL)
		log_debug("%s %s: %s", f->open.node, mux_target(f->open.kind,
		    f->open.host, f->open.port, target), text == NULL ?
		    "ended" : text);
	else
		forward_complain(f, code, text);
}

void
forward_serve(struct forward *f, struct mux_stream *s, int fd)
{
	if (fdstream_new(base, fd, fd, s, &stream_ops, f) != NULL) {
		nstreams++;
		return;
	}
	mux_reset(s, MUX_CODE_CANCEL, NULL);
	forward_complain(f, MUX_CODE_INTERNAL, "no memory");
	wait_reset(fd);
}

/*
 * To a node that answered a moment ago what the program says goes along with
 * the asking; to one that may be away nothing is said before it is there.
 */
static void
forward_accepted(struct forward *f, int fd, uint64_t since)
{
	struct link	*link = forward_link();

	log_debug("%s: a connection", f->name);
	if (link == NULL || !f->good) {
		wait_add(f, fd, since);
		return;
	}
	if (fdstream_open(base, fd, fd, link_mux(link), &f->open, &stream_ops,
	    f) != NULL) {
		nstreams++;
		return;
	}
	forward_complain(f, MUX_CODE_LIMIT, "too many streams");
	wait_reset(fd);
}

/* ---- the link ---- */

/* Before the sandbox closes. */
static void
forward_first(void *arg)
{
	background_ready();
}

static void
forward_up(void *arg, struct link *link)
{
	struct forward	*f;
	char		 target[MUX_TARGET_LEN];

	if (was_up)
		log_info("the link to relay %s is up again",
		    relay_link_name(relay));
	for (f = forwards; f != NULL; f = f->next) {
		f->good = 0;
		if (!was_up)
			log_info("forwarding %s to %s %s", f->name,
			    f->open.node, mux_target(f->open.kind,
			    f->open.host, f->open.port, target));
	}
	was_up = 1;
	wait_up();
	forward_udp_up();
}

static void
forward_down(void *arg, enum exit_status why, const char *text,
    unsigned int ms)
{
	if (ended_by != 0) {
		event_base_loopbreak(base);
		return;
	}
	if (relay_link_over(relay)) {
		log_warnx("relay %s: %s: it takes a new start",
		    relay_link_name(relay), text);
		status = EXIT_OTHER;
		event_base_loopbreak(base);
		return;
	}
	/*
	 * Before it ever worked there is no reason to think it will; and who
	 * wants it in the background wants to know.
	 */
	if (!was_up && (why == EXIT_DENIED || why == EXIT_PROTOCOL ||
	    to_background)) {
		log_warnx("relay %s: %s%s", relay_link_name(relay), text,
		    why == EXIT_DENIED ? "; accessctl login takes another "
		    "token" : "");
		status = why;
		event_base_loopbreak(base);
		return;
	}
	log_warnx("relay %s: %s%s; next attempt in %u.%u s",
	    relay_link_name(relay), text, why == EXIT_DENIED ? "; accessctl "
	    "login takes another token, for a new start" : "", ms / 1000,
	    ms % 1000 / 100);
}

/* Goodbye to the relay; a second signal does not wait for that. */
static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct timeval	 tv = { 0, GOODBYE_MS * 1000 };

	if (ended_by != 0 || relay == NULL) {
		ended_by = sig;
		event_base_loopbreak(base);
		return;
	}
	ended_by = sig;
	listen_pause();
	event_base_loopexit(base, &tv);
	relay_link_close(relay, GOODBYE_MS / 2);
}

/* ---- command ---- */

/* One more -L: 0, or -1 (logged). */
static int
forward_add(struct forward_spec *specs, size_t *n, const char *arg)
{
	const char	*why = "there are too many of them";
	size_t		 i;

	if (*n == SPECS_MAX ||
	    forward_spec_parse(arg, &specs[*n], &why) == -1) {
		log_warnx("-L %s: %s", arg, why);
		return (-1);
	}
	for (i = 0; i < *n; i++) {
		if (!forward_spec_same(&specs[i], &specs[*n]))
			continue;
		log_warnx("-L %s: it is given twice: another -L listens there "
		    "already", arg);
		return (-1);
	}
	(*n)++;
	return (0);
}

static void
forward_new(const struct forward_spec *spec)
{
	struct forward	*f, **end = &forwards;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		fatal("forward");
	f->open.kind = spec->kind;
	f->open.port = spec->port;
	strlcpy(f->open.node, spec->node, sizeof(f->open.node));
	strlcpy(f->open.host, spec->host, sizeof(f->open.host));
	while (*end != NULL)
		end = &(*end)->next;
	*end = f;
}

static int
forward_listen(const struct forward_spec *specs, unsigned int idle_ms)
{
	struct forward	*f;
	size_t		 i;
	int		 ret = 0;

	for (f = forwards, i = 0; f != NULL && ret == 0; f = f->next, i++)
		ret = listen_add(base, &specs[i], f, idle_ms,
		    forward_accepted);
	return (ret);
}

static void
forward_loop(struct relay_options *o)
{
	enum exit_status	 why;

	/* Threads begin with the link: before them. */
	forward_unix_keep();
	wait_init(base);
	if (trim_init(base) == -1)
		fatal("event");
	relay = relay_link_new(base, o, 1, physmem_budget(BUDGET_MOST),
	    &relay_ops, NULL, &why);
	if (relay == NULL) {
		status = why;
		return;
	}
	listen_resume();
	forward_udp_start();
	event_base_dispatch(base);
	forward_udp_free();
	wait_free();
	relay_link_free(relay);
	relay = NULL;
}

static int
forward_run(struct relay_options *o, const struct forward_spec *specs,
    unsigned int idle_ms)
{
	struct rlimit	 rl;

	if (to_background)
		background_begin();
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	if ((base = event_base_new()) == NULL)
		fatal("event");
	ends_watch(base, on_signal, NULL);
	status = EXIT_OK;
	if (forward_listen(specs, idle_ms) == -1)
		status = EXIT_OTHER;
	else
		forward_loop(o);
	forward_unix_remove();
	ends_free();
	if (ended_by != 0) {
		/* What ended us ends us, for whoever waits for this. */
		signal(ended_by, SIG_DFL);
		raise(ended_by);
	}
	return (status);
}

int
cmd_forward(int argc, char **argv)
{
	static const struct option	 options[] = {
		RELAY_OPTIONS, OPTIONS_COMMON,
		{ "udp-idle",		required_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 }
	};
	static struct forward_spec	 specs[SPECS_MAX];
	struct relay_options		 o;
	const char			*errstr;
	unsigned int			 idle = IDLE_S;
	size_t				 n = 0, i;
	int				 ch, check = 0, ret;

	memset(&o, 0, sizeof(o));
	while ((ch = getopt_long(argc, argv, "fhL:nv", options, NULL)) != -1) {
		switch (ch) {
		case 'f':
			to_background = 1;
			break;
		case 'L':
			if (forward_add(specs, &n, optarg) == -1)
				return (EXIT_USAGE);
			break;
		case 'n':
			check = 1;
			break;
		case 'u':
			idle = strtonum(optarg, 1, IDLE_MAX, &errstr);
			if (errstr != NULL) {
				log_warnx("--udp-idle %s: seconds from 1 to "
				    "%d", optarg, IDLE_MAX);
				return (EXIT_USAGE);
			}
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
		ret = forward_run(&o, specs, idle * 1000);
	relay_options_clear(&o);
	return (ret);
}
