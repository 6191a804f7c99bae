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
#include "addr.h"
#include "fdstream.h"
#include "log.h"

#define BUDGET		(64UL << 20)
#define FLUSH_MS	60000	/* for our last bytes to leave */
#define GOODBYE_MS	500	/* the same, when told to end */
#define LOOK_S		1	/* between looks at our reader */
#define RELAY_OLD	"ws://127.0.0.1:8000"	/* access-client's default */

struct connection {
	struct event_base	*base;
	struct relay_link	*relay;
	struct mux_open		 open;
	struct fdstream		*stream;
	struct event		*look;
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
static void	connect_end(struct connection *, int, unsigned int);
static void	connect_look(evutil_socket_t, short, void *);
static void	on_signal(evutil_socket_t, short, void *);
static int	connect_run(struct relay_options *, struct mux_open *);

static const struct relay_link_ops relay_ops = { connect_up, connect_down };
static const struct fdstream_ops stream_ops = {
	connect_accepted, connect_closed
};

/* ---- the stream ---- */

static void
connect_up(void *arg, struct link *link)
{
	struct connection	*c = arg;

	c->stream = fdstream_open(c->base, c->in, c->out, link_mux(link),
	    &c->open, &stream_ops, c);
	if (c->stream == NULL) {
		log_warnx("%s: no memory", c->open.node);
		connect_end(c, EXIT_OTHER, 0);
	}
}

static void
connect_accepted(struct fdstream *s, void *arg)
{
	struct timeval		 tv = { LOOK_S, 0 };
	struct connection	*c = arg;

	c->accepted = 1;
	event_add(c->look, &tv);
}

static void
connect_closed(struct fdstream *s, void *arg, uint16_t code,
    const char *text)
{
	struct connection	*c = arg;
	enum exit_status	 status = outcome_status(code);
	char			 line[512];

	c->stream = NULL;
	event_del(c->look);
	if (c->over)
		return;
	if (code == 0 && text == NULL) {
		connect_end(c, EXIT_OK, FLUSH_MS);
		return;
	}
	outcome_text(code, text, &c->open, line, sizeof(line));
	log_warnx("%s", line);
	if (c->accepted && status != EXIT_PROTOCOL)
		status = EXIT_CUT;
	connect_end(c, status, 0);
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
		log_debug("%s: standard output was closed", c->open.node);
		connect_end(c, EXIT_CUT, 0);
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
connect_run(struct relay_options *o, struct mux_open *open)
{
	static const int	 signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct connection	 c;
	struct event		*ev[nitems(signals)];
	enum exit_status	 why;
	size_t			 i;

	memset(&c, 0, sizeof(c));
	c.open = *open;
	c.status = EXIT_OTHER;
	if ((c.base = event_base_new()) == NULL ||
	    (c.look = evtimer_new(c.base, connect_look, &c)) == NULL)
		fatal("event");
	for (i = 0; i < nitems(signals); i++) {
		ev[i] = evsignal_new(c.base, signals[i], on_signal, &c);
		if (ev[i] == NULL || event_add(ev[i], NULL) == -1)
			fatal("event");
	}
	c.relay = relay_link_new(c.base, o, 0, BUDGET, &relay_ops, &c, &why);
	if (c.relay == NULL)
		c.status = why;
	else if (stdio_take(&c.in, &c.out) == 0)
		event_base_dispatch(c.base);
	c.over = 1;
	relay_link_free(c.relay);
	for (i = 0; i < nitems(signals); i++)
		event_free(ev[i]);
	event_free(c.look);
	if (c.signal != 0)
		connect_die(c.signal);
	return (c.status);
}

/* ---- commands ---- */

/* node [host] port [tcp], in a struct mux_open; 0 or -1 (logged). */
static int
connect_target(int argc, char **argv, struct mux_open *open)
{
	const char	*host = "127.0.0.1", *port;

	memset(open, 0, sizeof(*open));
	open->kind = MUX_KIND_TCP;
	if (argc > 2 && strcmp(argv[argc - 1], "tcp") == 0)
		argc--;
	else if (argc == 4) {
		log_warnx("protocol %s: only tcp is served", argv[3]);
		return (-1);
	}
	if (argc != 2 && argc != 3) {
		usage();
		return (-1);
	}
	if (argc == 3)
		host = argv[1];
	port = argv[argc - 1];
	if (addr_parse_port(port, &open->port) == -1) {
		log_warnx("port %s: a number from 1 to 65535", port);
		return (-1);
	}
	if (argv[0][0] == '\0' || host[0] == '\0' || strlcpy(open->node,
	    argv[0], sizeof(open->node)) >= sizeof(open->node) ||
	    strlcpy(open->host, host, sizeof(open->host)) >=
	    sizeof(open->host)) {
		log_warnx("a name is empty or too long");
		return (-1);
	}
	return (0);
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
	int				 ch, status;

	memset(&o, 0, sizeof(o));
	while ((ch = getopt_long(argc, argv, "hv", options, NULL)) != -1) {
		if (!relay_option(&o, ch, optarg) && !option_common(ch))
			return (EXIT_USAGE);
	}
	if (exactly != 0 && argc - optind != exactly)
		return (usage());
	if (connect_target(argc - optind, argv + optind, &open) == -1)
		return (EXIT_USAGE);
	status = relay_complete(&o, relay);
	if (status == EXIT_OK)
		status = connect_run(&o, &open);
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
