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
 * Streams of the link: the relay asks for a target, proxy connects, or the
 * parent to a Unix socket, and the socket that is handed over becomes the
 * stream's end here.
 */

#include "compat.h"

#include <sys/tree.h>

#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "ctl.h"
#include "dgramstream.h"
#include "fdstream.h"
#include "log.h"
#include "trim.h"
#include "tunnel.h"

/*
 * A stream and its target.  While that is being connected, the tree owns it;
 * then its end at the target's socket does.
 */
struct served {
	RB_ENTRY(served)	 by_id;
	RB_ENTRY(served)	 in_all;
	uint32_t		 id;
	struct mux_stream	*stream;	/* while it waits, then... */
	struct fdstream		*bytes;		/* ...one of these */
	struct dgramstream	*datagrams;
	uint64_t		 since;		/* us */
	int64_t			 at;		/* the same, s since 1970 */
	uint16_t		 kind;
	/* Of a bridge to TLS: its end is none before proxy says so. */
	int			 bridge;
	int			 drained;	/* all that came is sent */
	int			 told;		/* proxy has said, that... */
	uint16_t		 end_code;	/* 0: it is in order */
	char			*end_text;	/* or NULL */
	char			*user, *client, *target;
};

static int
target_cmp(struct served *a, struct served *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static RB_HEAD(target_tree, served) waiting = RB_INITIALIZER(&waiting);
RB_GENERATE_STATIC(target_tree, served, by_id, target_cmp)

/* The same, and those that are connected. */
static RB_HEAD(target_all, served) targets = RB_INITIALIZER(&targets);
RB_GENERATE_STATIC(target_all, served, in_all, target_cmp)

static uint32_t	 nstreams;
static uint64_t	 nstreams_total, bytes_in, bytes_out;	/* that ended */

static struct served *target_new(struct mux_stream *,
		    const struct mux_open *);
static const char *target_who(const struct served *);
static void	target_bytes(const struct served *, uint64_t *, uint64_t *);
static struct served *target_find(uint32_t);
static void	target_unconnected(struct served *, const char *);
static void	target_free(struct served *);
static void	waiting_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	target_cancel(const struct served *);
static int	target_ask(uint32_t, const struct mux_open *);
static int	target_serve(struct served *, int, const struct connected *);
static void	target_drained(struct fdstream *, void *);
static void	target_end(struct served *);
static void	target_closed(struct fdstream *, void *, uint16_t,
		    const char *);
static void	target_dgram_closed(struct dgramstream *, void *, uint16_t,
		    const char *);
static void	target_down(struct served *, uint64_t, uint64_t, uint16_t,
		    const char *);

/* Early data waits in the stream's window or queue. */
static const struct mux_stream_ops waiting_ops = {
	.reset = waiting_reset
};

static const struct fdstream_ops target_ops = { .closed = target_closed };
static const struct dgramstream_ops target_dgram_ops = {
	.closed = target_dgram_closed
};

void
target_open(struct mux_stream *s, const struct mux_open *open)
{
	struct served	*t;
	int		 path = open->kind == MUX_KIND_UNIX;
	int		 backend = open->kind == MUX_KIND_HTTP ||
			    open->kind == MUX_KIND_TLS;

	if (open->kind != MUX_KIND_TCP && open->kind != MUX_KIND_UDP &&
	    !path && !backend) {
		mux_reset(s, MUX_CODE_UNSUPPORTED,
		    "this agentd does not serve this kind of stream");
		return;
	}
	if ((open->host[0] == '\0' && open->kind != MUX_KIND_HTTP) ||
	    (path || backend) != (open->port == 0) ||
	    (path && open->host[0] != '/')) {
		mux_reset(s, MUX_CODE_PROTOCOL, "no target");
		return;
	}
	if ((t = target_new(s, open)) == NULL) {
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		return;
	}
	mux_stream_own(s, &waiting_ops, t);
	if (target_ask(t->id, open) == -1) {
		mux_reset(s, MUX_CODE_INTERNAL, "the device is starting");
		target_unconnected(t, "the proxy process is starting");
	}
}

/*
 * Unix sockets are the parent's: what may use one is most often a user or a
 * group that proxy is not, and proxy is to stay without.
 */
static int
target_ask(uint32_t id, const struct mux_open *open)
{
	static struct connect_target	 c;

	memset(&c, 0, sizeof(c));
	c.kind = open->kind;
	c.port = open->port;
	strlcpy(c.host, open->host, sizeof(c.host));
	strlcpy(c.client, open->client, sizeof(c.client));
	strlcpy(c.user, open->user, sizeof(c.user));
	if (c.kind == MUX_KIND_UNIX)
		return (proc_send(proc_peer(PROC_PARENT, 0), IMSG_UNIX, id,
		    -1, &c, sizeof(c)));
	return (proc_send(proc_peer(PROC_PROXY, 0), IMSG_CONNECT, id, -1, &c,
	    sizeof(c)));
}

static struct served *
target_new(struct mux_stream *s, const struct mux_open *open)
{
	struct served	*t;
	char		 target[MUX_TARGET_LEN];

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->id = tunnel_next_id();
	t->stream = s;
	t->since = clock_us();
	t->at = time(NULL);
	t->kind = open->kind;
	t->user = strdup(open->user[0] == '\0' ? "?" : open->user);
	t->client = strdup(open->client[0] == '\0' ? "?" : open->client);
	t->target = strdup(mux_target(open->kind, open->host, open->port,
	    target));
	/* The number may be that of one which is still there. */
	if (t->user == NULL || t->client == NULL || t->target == NULL ||
	    RB_INSERT(target_all, &targets, t) != NULL) {
		free(t->user);
		free(t->client);
		free(t->target);
		free(t);
		return (NULL);
	}
	(void)RB_INSERT(target_tree, &waiting, t);
	return (t);
}

/* By whom, from where, to what: for the log. */
static const char *
target_who(const struct served *t)
{
	static char	 who[2 * MUX_TEXT_MAX + MUX_TARGET_LEN + 16];

	snprintf(who, sizeof(who), "%s from %s to %s", t->user, t->client,
	    t->target);
	return (who);
}

static struct served *
target_find(uint32_t id)
{
	struct served	 key;

	key.id = id;
	return (RB_FIND(target_tree, &waiting, &key));
}

static void
target_unconnected(struct served *t, const char *why)
{
	log_verbose("stream %u: not connected: %s: %s", t->id, target_who(t),
	    why);
	RB_REMOVE(target_tree, &waiting, t);
	target_free(t);
}

static void
target_free(struct served *t)
{
	RB_REMOVE(target_all, &targets, t);
	free(t->user);
	free(t->client);
	free(t->target);
	free(t->end_text);
	free(t);
}

static void
waiting_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	struct served	*t = arg;

	target_cancel(t);
	target_unconnected(t, text);
}

/* proxy need not go on. */
static void
target_cancel(const struct served *t)
{
	struct conf_end	 end = { 0 };

	(void)proc_send(proc_peer(PROC_PROXY, 0), IMSG_CANCEL, t->id, -1,
	    &end, sizeof(end));
}

/* The target's socket becomes the stream's end; -1 without memory. */
static int
target_serve(struct served *t, int fd, const struct connected *c)
{
	struct mux_stream	*s = t->stream;

	if (mux_stream_dgram(s))
		t->datagrams = dgramstream_new(proc_base(), fd, fd, s,
		    &target_dgram_ops, t);
	else
		t->bytes = fdstream_new(proc_base(), fd, fd, s, &target_ops,
		    t);
	if (t->datagrams == NULL && t->bytes == NULL)
		return (-1);
	t->bridge = c->bridge;
	if (t->bridge)
		fdstream_guard(t->bytes, target_drained);
	return (0);
}

int
target_recv_connected(struct proc_peer *peer, struct imsg *imsg)
{
	struct connected	 c;
	struct mux_stream	*s;
	struct served		*t;
	int			 fd;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 ||
	    c.prologue_len > sizeof(c.prologue) ||
	    (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (tunnel_is_dial(imsg_get_id(imsg))) {
		tunnel_dialled(imsg_get_id(imsg), fd, 0, NULL);
		return (0);
	}
	if ((t = target_find(imsg_get_id(imsg))) == NULL) {
		/* Reset while it was on its way to us. */
		close(fd);
		return (0);
	}
	s = t->stream;
	if ((c.prologue_len > 0) != (t->kind == MUX_KIND_HTTP) ||
	    (c.bridge && t->kind != MUX_KIND_HTTP)) {
		close(fd);
		return (-1);
	}
	if (target_serve(t, fd, &c) == -1) {
		close(fd);
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		target_unconnected(t, "no memory");
		return (0);
	}
	RB_REMOVE(target_tree, &waiting, t);
	t->stream = NULL;
	nstreams++;
	nstreams_total++;
	log_verbose("stream %u: up: %s", t->id, target_who(t));
	if (c.prologue_len > 0 && fdstream_prefix(t->bytes, c.prologue,
	    c.prologue_len) == -1) {
		fdstream_kill(t->bytes, MUX_CODE_LIMIT, "no memory");
		return (0);
	}
	mux_accept(s);
	return (0);
}

int
target_recv_failed(struct proc_peer *peer, struct imsg *imsg)
{
	struct connect_failed	 f;
	struct served		*t;

	if (imsg_get_data(imsg, &f, sizeof(f)) == -1 ||
	    f.code > UINT16_MAX ||
	    memchr(f.text, '\0', sizeof(f.text)) == NULL)
		return (-1);
	if (tunnel_is_dial(imsg_get_id(imsg))) {
		tunnel_dialled(imsg_get_id(imsg), -1, f.code, f.text);
		return (0);
	}
	if ((t = target_find(imsg_get_id(imsg))) == NULL)
		return (0);
	mux_reset(t->stream, f.code, f.text);
	target_unconnected(t, f.text);
	return (0);
}

/* ---- a bridge's end ---- */

int
target_recv_ended(struct proc_peer *peer, struct imsg *imsg)
{
	struct connect_failed	 f;
	struct served		 key, *t;

	if (imsg_get_data(imsg, &f, sizeof(f)) == -1 ||
	    f.code > UINT16_MAX ||
	    memchr(f.text, '\0', sizeof(f.text)) == NULL)
		return (-1);
	key.id = imsg_get_id(imsg);
	if ((t = RB_FIND(target_all, &targets, &key)) == NULL)
		return (0);		/* it was reset */
	if (!t->bridge || t->told)
		return (-1);
	t->told = 1;
	t->end_code = f.code;
	t->end_text = strdup(f.text);
	target_end(t);
	return (0);
}

static void
target_drained(struct fdstream *fs, void *arg)
{
	struct served	*t = arg;

	t->drained = 1;
	target_end(t);
}

/* Both have to have come: the last byte, and what that means. */
static void
target_end(struct served *t)
{
	if (!t->told || !t->drained)
		return;
	if (t->end_code == 0)
		fdstream_release(t->bytes);
	else
		fdstream_kill(t->bytes, t->end_code, t->end_text);
}

void
targets_proxy_gone(void)
{
	struct served	*t, *tmp;

	/* Bridges went with it. */
	RB_FOREACH_SAFE(t, target_all, &targets, tmp) {
		if (t->bridge && !t->told)
			fdstream_kill(t->bytes, MUX_CODE_TARGET_RESET,
			    "the device's proxy process has ended");
	}

	RB_FOREACH_SAFE(t, target_tree, &waiting, tmp) {
		mux_reset(t->stream, MUX_CODE_INTERNAL,
		    "the device's proxy process has ended");
		target_unconnected(t, "the proxy process has ended");
	}
}

static void
target_closed(struct fdstream *fs, void *arg, uint16_t code,
    const char *text)
{
	struct served	*t = arg;
	uint64_t	 in, out;

	/* A bridge can't see by its socket that this was no end in order. */
	if (t->bridge && !t->told && text != NULL)
		target_cancel(t);
	fdstream_bytes(fs, &in, &out);
	target_down(t, in, out, code, text);
}

static void
target_dgram_closed(struct dgramstream *d, void *arg, uint16_t code,
    const char *text)
{
	uint64_t	 in, out;

	dgramstream_bytes(d, &in, &out);
	target_down(arg, in, out, code, text);
}

static void
target_down(struct served *t, uint64_t in, uint64_t out, uint16_t code,
    const char *text)
{
	log_verbose("stream %u: down: %s after %llu ms, %llu bytes in, %llu "
	    "bytes out: %s", t->id, target_who(t),
	    (unsigned long long)(clock_us() - t->since) / 1000,
	    (unsigned long long)in, (unsigned long long)out,
	    text != NULL && text[0] != '\0' ? text : code != 0 ?
	    mux_code_name(code) : "ended");
	if (--nstreams == 0)
		trim_free_later();
	bytes_in += in;
	bytes_out += out;
	target_free(t);
}

/* ---- status ---- */

static void
target_bytes(const struct served *t, uint64_t *in, uint64_t *out)
{
	*in = *out = 0;
	if (t->bytes != NULL)
		fdstream_bytes(t->bytes, in, out);
	else if (t->datagrams != NULL)
		dgramstream_bytes(t->datagrams, in, out);
}

void
target_totals(struct ctl_agent *a)
{
	struct served	*t;
	uint64_t	 in, out;

	a->streams = nstreams;
	a->streams_total = nstreams_total;
	a->in = bytes_in;
	a->out = bytes_out;
	RB_FOREACH(t, target_all, &targets) {
		target_bytes(t, &in, &out);
		a->in += in;
		a->out += out;
	}
}

int
target_next(uint32_t above, struct ctl_agent_stream *s)
{
	struct served	 key, *t;

	memset(s, 0, sizeof(*s));
	if (above == UINT32_MAX)
		return (-1);
	key.id = above + 1;
	if ((t = RB_NFIND(target_all, &targets, &key)) == NULL)
		return (-1);
	s->id = t->id;
	s->kind = t->kind;
	s->connected = t->stream == NULL;
	s->since = t->at;
	strlcpy(s->user, t->user, sizeof(s->user));
	strlcpy(s->addr, t->client, sizeof(s->addr));
	strlcpy(s->target, t->target, sizeof(s->target));
	target_bytes(t, &s->in, &s->out);
	return (0);
}
