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
 */

#include "compat.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessctl.h"
#include "addr.h"
#include "fdstream.h"
#include "log.h"
#include "sandbox.h"

#define GOODBYE_MS	1000	/* for the relay to take our last bytes */

struct connection {
	struct event_base	*base;
	struct relay_link	*relay;
	struct mux_open		 open;
	struct fdstream		*stream;
	int			 accepted;
	int			 over;		/* only the goodbye is left */
	int			 status;
};

/* Terminals are shared with the shell: as we found them. */
static struct {
	int	 fd, flags;
} ttys[2] = { { -1, 0 }, { -1, 0 } };

static void	connect_up(void *, struct link *);
static void	connect_down(void *, enum exit_status, const char *);
static void	connect_accepted(struct fdstream *, void *);
static void	connect_closed(struct fdstream *, void *, uint16_t,
		    const char *);
static void	connect_end(struct connection *, int);
static void	on_signal(evutil_socket_t, short, void *);
static int	connect_run(struct relay_options *, struct mux_open *);

static const struct relay_link_ops relay_ops = {
	connect_up, connect_down, NULL
};
static const struct fdstream_ops stream_ops = {
	connect_accepted, connect_closed
};

/* ---- standard input and output ---- */

static void
ttys_restore(void)
{
	size_t	 i;

	for (i = 0; i < nitems(ttys); i++) {
		if (ttys[i].fd != -1)
			(void)fcntl(ttys[i].fd, F_SETFL, ttys[i].flags);
	}
}

static void
make_nonblocking(int fd)
{
	int	 flags = fcntl(fd, F_GETFL);

	if (flags == -1 || flags & O_NONBLOCK)
		return;
	if (isatty(fd) && fd < 2) {
		ttys[fd].fd = dup(fd);
		ttys[fd].flags = flags;
	}
	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* One socket as both, as inetd(8) gives it: its halves close apart then. */
static int
same_socket(void)
{
	struct stat	 in, out;

	return (fstat(STDIN_FILENO, &in) == 0 &&
	    fstat(STDOUT_FILENO, &out) == 0 && S_ISSOCK(in.st_mode) &&
	    in.st_dev == out.st_dev && in.st_ino == out.st_ino);
}

/* ---- the stream ---- */

static void
connect_up(void *arg, struct link *link)
{
	struct connection	*c = arg;
	int			 out = STDOUT_FILENO;

	if (sandbox_enter(SANDBOX_CLIENT, NULL, 0, -1) == -1)
		log_debug("sandbox: %s", strerror(errno));
	make_nonblocking(STDIN_FILENO);
	make_nonblocking(STDOUT_FILENO);
	if (same_socket()) {
		close(STDOUT_FILENO);
		out = STDIN_FILENO;
	}
	c->stream = fdstream_open(c->base, STDIN_FILENO, out,
	    link_mux(link), &c->open, &stream_ops, c);
	if (c->stream == NULL) {
		fprintf(stderr, "%s: no memory\n", program);
		connect_end(c, EXIT_OTHER);
	}
}

static void
connect_accepted(struct fdstream *s, void *arg)
{
	struct connection	*c = arg;

	c->accepted = 1;
}

/* What to say of a stream that ended early; one line. */
static void
connect_explain(const struct connection *c, uint16_t code, const char *text)
{
	const struct mux_open	*o = &c->open;

	if (text == NULL || text[0] == '\0')
		text = mux_code_name(code);
	switch (code) {
	case MUX_CODE_NO_NODE:
		fprintf(stderr, "%s: %s: no such node; accessctl nodes lists "
		    "those you may reach\n", program, o->node);
		break;
	case MUX_CODE_NODE_OFFLINE:
		fprintf(stderr, "%s: %s: %s; is agentd running there?\n",
		    program, o->node, text);
		break;
	case MUX_CODE_DENIED:
		fprintf(stderr, "%s: %s: %s port %u: denied: %s\n", program,
		    o->node, o->host, o->port, text);
		break;
	default:
		/* The node's own words name what it tried. */
		if (strncmp(text, o->host, strlen(o->host)) == 0)
			fprintf(stderr, "%s: %s: %s\n", program, o->node,
			    text);
		else
			fprintf(stderr, "%s: %s: %s port %u: %s\n", program,
			    o->node, o->host, o->port, text);
		break;
	}
}

static void
connect_closed(struct fdstream *s, void *arg, uint16_t code,
    const char *text)
{
	struct connection	*c = arg;

	c->stream = NULL;
	if (code == 0 && text == NULL) {
		connect_end(c, EXIT_OK);
		return;
	}
	connect_explain(c, code, text);
	connect_end(c, c->accepted ? EXIT_CUT : exit_of_code(code));
}

static void
connect_down(void *arg, enum exit_status status, const char *why)
{
	struct connection	*c = arg;

	if (!c->over) {
		fprintf(stderr, "%s: relay: %s\n", program, why);
		c->status = status;
	}
	event_base_loopbreak(c->base);
}

/* The link ends in order: what we sent last gets there. */
static void
connect_end(struct connection *c, int status)
{
	struct timeval	 tv = { GOODBYE_MS / 1000, GOODBYE_MS % 1000 * 1000 };
	struct link	*link = relay_link_get(c->relay);

	c->over = 1;
	c->status = status;
	if (link == NULL) {
		event_base_loopbreak(c->base);
		return;
	}
	event_base_loopexit(c->base, &tv);
	link_close(link, WS_CLOSE_NORMAL, NULL);
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct connection	*c = arg;

	c->over = 1;
	c->status = 128 + sig;
	event_base_loopbreak(c->base);
}

static int
connect_run(struct relay_options *o, struct mux_open *open)
{
	static const int	 signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct connection	 c;
	struct event		*ev[nitems(signals)];
	size_t			 i;

	memset(&c, 0, sizeof(c));
	c.open = *open;
	c.status = EXIT_OTHER;
	if ((c.base = event_base_new()) == NULL)
		fatal("event");
	for (i = 0; i < nitems(signals); i++) {
		ev[i] = evsignal_new(c.base, signals[i], on_signal, &c);
		if (ev[i] == NULL || event_add(ev[i], NULL) == -1)
			fatal("event");
	}
	c.relay = relay_link_new(c.base, o, 0, &relay_ops, &c);
	if (c.relay == NULL)
		return (EXIT_OTHER);
	event_base_dispatch(c.base);
	c.over = 1;
	relay_link_free(c.relay);
	for (i = 0; i < nitems(signals); i++)
		event_free(ev[i]);
	ttys_restore();
	return (c.status);
}

/* node [host] port [tcp], in a struct mux_open; 0 or -1. */
static int
connect_target(int argc, char **argv, struct mux_open *open)
{
	const char	*host = "127.0.0.1", *port;

	memset(open, 0, sizeof(*open));
	open->kind = MUX_KIND_TCP;
	if (argc > 2 && strcmp(argv[argc - 1], "tcp") == 0)
		argc--;
	else if (argc == 4) {
		fprintf(stderr, "%s: protocol %s: only tcp is served\n",
		    program, argv[3]);
		return (-1);
	}
	if (argc == 2)
		port = argv[1];
	else if (argc == 3) {
		host = argv[1];
		port = argv[2];
	} else
		return (-1);
	if (addr_parse_port(port, &open->port) == -1) {
		fprintf(stderr, "%s: port %s: a number from 1 to 65535\n",
		    program, port);
		return (-1);
	}
	if (argv[0][0] == '\0' || host[0] == '\0' || strlcpy(open->node,
	    argv[0], sizeof(open->node)) >= sizeof(open->node) ||
	    strlcpy(open->host, host, sizeof(open->host)) >=
	    sizeof(open->host)) {
		fprintf(stderr, "%s: a name is empty or too long\n", program);
		return (-1);
	}
	return (0);
}

int
cmd_connect(int argc, char **argv)
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
	if (connect_target(argc - optind, argv + optind, &open) == -1)
		return (usage());
	if (relay_complete(&o) == -1)
		return (EXIT_OTHER);
	status = connect_run(&o, &open);
	login_clear(&o.login);
	free(o.token_file);
	return (status);
}

/* access-client node ip port protocol --relay-url url --secret secret */
int
cmd_access_client(int argc, char **argv)
{
	static const struct option	 options[] = {
		RELAY_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	struct relay_options		 o;
	struct mux_open			 open;
	int				 ch, status;

	memset(&o, 0, sizeof(o));
	while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!relay_option(&o, ch, optarg))
			goto usage;
	}
	if (argc - optind != 4 ||
	    connect_target(argc - optind, argv + optind, &open) == -1)
		goto usage;
	if (relay_complete(&o) == -1)
		return (EXIT_OTHER);
	status = connect_run(&o, &open);
	login_clear(&o.login);
	free(o.token_file);
	return (status);
 usage:
	fprintf(stderr, "usage: access-client node ip port protocol "
	    "[--relay-url url] [--secret secret]\n");
	return (EXIT_USAGE);
}
