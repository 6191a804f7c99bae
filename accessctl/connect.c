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
 * accessctl connect: standard input and output to a target, as ssh's
 * ProxyCommand wants it, and under its older name access-client.
 *
 * Both directions end apart: the end of input is passed on while output goes
 * on, and the other way round.  Before this ends with status 0 everything
 * that came was written, and everything that was read has left for the
 * relay, which passes it on when we are gone.  Whatever cuts it short is
 * another status (see enum exit_status) and one line.
 *
 * UDP has no end: behind the end of input answers are waited for until none
 * has come for a while.
 */

#include "compat.h"

#include <event2/event.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessctl.h"
#include "dgramstream.h"
#include "fdstream.h"
#include "log.h"
#include "target_spec.h"

#define BUDGET		(64UL << 20)
#define FLUSH_MS	60000	/* for our last bytes to leave */
#define GOODBYE_MS	500	/* the same, when told to end */
#define LOOK_S		1	/* between looks at our reader */
#define WAIT_S		5	/* for datagrams behind the end of input */
#define WAIT_MAX	86400
#define RELAY_OLD	"ws://127.0.0.1:8000"	/* access-client's default */

struct connection {
	struct event_base	*base;
	struct relay_link	*relay;
	struct mux_open		 open;
	struct fdstream		*stream;
	struct dgramstream	*dgrams;	/* the one or the other */
	struct event		*look;
	unsigned int		 wait_ms;
	int			 in, out;
	int			 accepted;
	int			 over;		/* only the goodbye is left */
	int			 status;
	int			 signal;	/* that ended it, or 0 */
};

static void	connect_up(void *, struct link *);
static void	connect_down(void *, enum exit_status, const char *,
		    unsigned int);
static void	connect_accepted(struct fdstream *, void *);
static void	connect_closed(struct fdstream *, void *, uint16_t,
		    const char *);
static void	dgrams_accepted(struct dgramstream *, void *);
static void	dgrams_eof(struct dgramstream *, void *);
static void	dgrams_closed(struct dgramstream *, void *, uint16_t,
		    const char *);
static void	dgrams_gone(struct dgramstream *, void *);
static void	connect_unread(struct connection *);
static void	connect_end(struct connection *, int, unsigned int);
static void	connect_look(evutil_socket_t, short, void *);
static void	on_signal(evutil_socket_t, short, void *);
static int	connect_run(struct relay_options *, struct mux_open *,
		    unsigned int);

static const struct relay_link_ops relay_ops = {
	.up = connect_up, .down = connect_down
};
static const struct fdstream_ops stream_ops = {
	.accepted = connect_accepted, .closed = connect_closed
};
static const struct dgramstream_ops dgrams_ops = {
	dgrams_accepted, dgrams_eof, dgrams_closed, dgrams_gone
};

/* ---- the stream ---- */

static void
connect_up(void *arg, struct link *link)
{
	struct connection	*c = arg;

	if (mux_kind_dgram(c->open.kind))
		c->dgrams = dgramstream_open(c->base, c->in, c->out,
		    link_mux(link), &c->open, &dgrams_ops, c);
	else
		c->stream = fdstream_open(c->base, c->in, c->out,
		    link_mux(link), &c->open, &stream_ops, c);
	if (c->stream == NULL && c->dgrams == NULL) {
		log_warnx("%s: no memory", c->open.node);
		connect_end(c, EXIT_OTHER, 0);
	}
}

static void
connect_stands(struct connection *c)
{
	struct timeval	 tv = { LOOK_S, 0 };

	c->accepted = 1;
	event_add(c->look, &tv);
}

static void
connect_over(struct connection *c, uint16_t code, const char *text)
{
	enum exit_status	 status = outcome_status(code);
	char			 line[512];

	event_del(c->look);
	if (c->over)
		return;
	if (code == 0 && text == NULL) {
		connect_end(c, EXIT_OK, FLUSH_MS);
		return;
	}
	outcome_text(code, text, &c->open, line, sizeof(line));
	log_warnx("%s", line);
	/* That nobody receives datagrams is known only when one was sent. */
	if (c->accepted && status != EXIT_PROTOCOL &&
	    !mux_kind_dgram(c->open.kind))
		status = EXIT_CUT;
	connect_end(c, status, 0);
}

static void
connect_accepted(struct fdstream *s, void *arg)
{
	connect_stands(arg);
}

static void
connect_closed(struct fdstream *s, void *arg, uint16_t code,
    const char *text)
{
	struct connection	*c = arg;

	c->stream = NULL;
	connect_over(c, code, text);
}

static void
dgrams_accepted(struct dgramstream *d, void *arg)
{
	connect_stands(arg);
}

/* Nobody tells when the last answer has come. */
static void
dgrams_eof(struct dgramstream *d, void *arg)
{
	struct connection	*c = arg;

	if (c->wait_ms == 0 || dgramstream_idle(d, c->wait_ms) == -1)
		dgramstream_end(d);
}

static void
dgrams_closed(struct dgramstream *d, void *arg, uint16_t code,
    const char *text)
{
	struct connection	*c = arg;

	c->dgrams = NULL;
	connect_over(c, code, text);
}

/* Sockets of datagrams tell it only to who writes. */
static void
dgrams_gone(struct dgramstream *d, void *arg)
{
	connect_unread(arg);
}

static void
connect_unread(struct connection *c)
{
	log_debug("%s: standard output was closed", c->open.node);
	connect_end(c, EXIT_CUT, 0);
}

/*
 * Who read our output may go without a word from the target that would make
 * us write, and notice.
 */
static void
connect_look(evutil_socket_t fd, short what, void *arg)
{
	struct timeval		 tv = { LOOK_S, 0 };
	struct connection	*c = arg;

	switch (stdio_reader_gone(c->out)) {
	case 0:
		event_add(c->look, &tv);
		break;
	case 1:
		connect_unread(c);
		break;
	}
}

/* ---- the end ---- */

static void
connect_down(void *arg, enum exit_status status, const char *why,
    unsigned int ms)
{
	struct connection	*c = arg;

	if (!c->over) {
		log_warnx("relay %s: %s%s", relay_link_name(c->relay), why,
		    status == EXIT_DENIED ? "; accessctl login takes another "
		    "token" : "");
		c->status = status;
	}
	c->over = 1;
	event_base_loopbreak(c->base);
}

static void
connect_end(struct connection *c, int status, unsigned int flush_ms)
{
	if (c->over)
		return;
	c->over = 1;
	c->status = status;
	if (c->stream != NULL)
		fdstream_kill(c->stream, MUX_CODE_CANCEL, NULL);
	if (c->dgrams != NULL)
		dgramstream_kill(c->dgrams, MUX_CODE_CANCEL, NULL);
	relay_link_close(c->relay, flush_ms);
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct timeval		 tv = { 0, GOODBYE_MS * 1000 };
	struct connection	*c = arg;

	c->signal = sig;
	event_base_loopexit(c->base, &tv);
	connect_end(c, 128 + sig, GOODBYE_MS / 2);
}

/* What ended us ends us, for whoever waits for this process. */
static void
connect_die(int sig)
{
	stdio_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static int
connect_run(struct relay_options *o, struct mux_open *open,
    unsigned int wait_ms)
{
	struct connection	 c;
	enum exit_status	 why;

	memset(&c, 0, sizeof(c));
	c.open = *open;
	c.wait_ms = wait_ms;
	c.status = EXIT_OTHER;
	if ((c.base = event_base_new()) == NULL ||
	    (c.look = evtimer_new(c.base, connect_look, &c)) == NULL)
		fatal("event");
	ends_watch(c.base, on_signal, &c);
	c.relay = relay_link_new(c.base, o, 0, BUDGET, &relay_ops, &c, &why);
	if (c.relay == NULL)
		c.status = why;
	else if (stdio_take(&c.in, &c.out) == 0)
		event_base_dispatch(c.base);
	c.over = 1;
	relay_link_free(c.relay);
	ends_free();
	event_free(c.look);
	if (c.signal != 0)
		connect_die(c.signal);
	return (c.status);
}

/* ---- commands ---- */

/*
 * node target, or node [host] port [tcp|udp], into a struct mux_open; 0 or
 * -1 (logged).
 */
static int
connect_target(int argc, char **argv, struct mux_open *open)
{
	const char	*why = "", *proto = "";
	char		 text[MUX_TARGET_LEN];
	int		 v6, n;

	memset(open, 0, sizeof(*open));
	if (argc > 2 && (strcmp(argv[argc - 1], "tcp") == 0 ||
	    strcmp(argv[argc - 1], "udp") == 0))
		proto = argv[--argc];
	else if (argc == 4) {
		log_warnx("protocol %s: tcp or udp", argv[3]);
		return (-1);
	}
	if (argc != 2 && argc != 3) {
		usage();
		return (-1);
	}
	if (argv[0][0] == '\0' || !mux_text_valid(argv[0]) ||
	    strlcpy(open->node, argv[0], sizeof(open->node)) >=
	    sizeof(open->node)) {
		log_warnx("the node's name is empty, too long or no name");
		return (-1);
	}
	v6 = argc == 3 && strchr(argv[1], ':') != NULL && argv[1][0] != '[';
	n = snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", v6 ? "[" : "",
	    argc == 3 ? argv[1] : "", v6 ? "]" : "", argc == 3 ? ":" : "",
	    argv[argc - 1], proto[0] != '\0' ? "/" : "", proto);
	if (n < 0 || (size_t)n >= sizeof(text))
		why = "it is too long";
	else if (target_spec_parse(text, open, &why) == 0 &&
	    (open->kind != MUX_KIND_UNIX || (argc == 2 && proto[0] == '\0')))
		return (0);
	else if (why[0] == '\0')
		why = "a Unix socket has neither port nor protocol";
	log_warnx("target %s: %s", argc == 3 ? text : argv[1], why);
	return (-1);
}

/* exactly: so many arguments besides options; 0: as the target takes. */
static int
connect_command(int argc, char **argv, int exactly, const char *relay)
{
	static const struct option	 options[] = {
		RELAY_OPTIONS, OPTIONS_COMMON,
		{ NULL, 0, NULL, 0 }
	};
	struct relay_options		 o;
	struct mux_open			 open;
	const char			*errstr;
	unsigned int			 wait = WAIT_S;
	int				 ch, status;

	memset(&o, 0, sizeof(o));
	while ((ch = getopt_long(argc, argv, "hvw:", options, NULL)) != -1) {
		if (ch == 'w') {
			wait = strtonum(optarg, 0, WAIT_MAX, &errstr);
			if (errstr != NULL) {
				log_warnx("-w %s: seconds from 0 to %d",
				    optarg, WAIT_MAX);
				return (EXIT_USAGE);
			}
		} else if (!relay_option(&o, ch, optarg) &&
		    !option_common(ch))
			return (EXIT_USAGE);
	}
	if (exactly != 0 && argc - optind != exactly)
		return (usage());
	if (connect_target(argc - optind, argv + optind, &open) == -1)
		return (EXIT_USAGE);
	status = relay_complete(&o, relay);
	if (status == EXIT_OK)
		status = connect_run(&o, &open, wait * 1000);
	relay_options_clear(&o);
	return (status);
}

int
cmd_connect(int argc, char **argv)
{
	return (connect_command(argc, argv, 0, NULL));
}

/* access-client node ip port protocol --relay-url url --secret secret */
int
cmd_access_client(int argc, char **argv)
{
	return (connect_command(argc, argv, 4, RELAY_OLD));
}
