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
#include <unistd.h>

#include "dgramstream.h"
#include "fdstream.h"
#include "log.h"
#include "tunnel.h"

/*
 * A stream and its target.  While that is being connected, the tree owns it;
 * then its end at the target's socket does.
 */
struct target {
	RB_ENTRY(target)	 by_id;
	uint32_t		 id;
	struct mux_stream	*stream;
	uint64_t		 since;		/* us */
	char			*who;		/* "A from B to C", for the log */
};

static int
target_cmp(struct target *a, struct target *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static RB_HEAD(target_tree, target) waiting = RB_INITIALIZER(&waiting);
RB_GENERATE_STATIC(target_tree, target, by_id, target_cmp)

static uint32_t	 nstreams;

static char	*target_who(const struct mux_open *);
static struct target *target_find(uint32_t);
static void	target_unconnected(struct target *, const char *);
static void	target_free(struct target *);
static void	waiting_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static int	target_ask(uint32_t, const struct mux_open *);
static int	target_serve(struct target *, int);
static void	target_closed(struct fdstream *, void *, uint16_t,
		    const char *);
static void	target_dgram_closed(struct dgramstream *, void *, uint16_t,
		    const char *);
static void	target_down(struct target *, uint64_t, uint64_t, uint16_t,
		    const char *);

/* Early data waits in the stream's window or queue. */
static const struct mux_stream_ops waiting_ops = {
	.reset = waiting_reset
};

static const struct fdstream_ops target_ops = { NULL, target_closed };
static const struct dgramstream_ops target_dgram_ops = {
	.closed = target_dgram_closed
};

uint32_t
target_count(void)
{
	return (nstreams);
}

void
target_open(struct mux_stream *s, const struct mux_open *open)
{
	struct target	*t;
	int		 path = open->kind == MUX_KIND_UNIX;

	if (open->kind != MUX_KIND_TCP && open->kind != MUX_KIND_UDP &&
	    !path) {
		mux_reset(s, MUX_CODE_UNSUPPORTED,
		    "this agentd does not serve this kind of stream");
		return;
	}
	if (open->host[0] == '\0' || path != (open->port == 0) ||
	    (path && open->host[0] != '/')) {
		mux_reset(s, MUX_CODE_PROTOCOL, "no target");
		return;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->who = target_who(open)) == NULL) {
		free(t);
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		return;
	}
	t->id = tunnel_next_id();
	t->stream = s;
	t->since = link_now();
	if (RB_INSERT(target_tree, &waiting, t) != NULL) {
		free(t->who);
		free(t);
		mux_reset(s, MUX_CODE_INTERNAL, "identifiers ran out");
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

/* By whom, from where, to what. */
static char *
target_who(const struct mux_open *open)
{
	const char	*user = open->user[0] == '\0' ? "?" : open->user;
	const char	*client = open->client[0] == '\0' ? "?" : open->client;
	char		 target[MUX_TARGET_LEN], *who;

	if (asprintf(&who, "%s from %s to %s", user, client,
	    mux_target(open->kind, open->host, open->port, target)) == -1)
		return (NULL);
	return (who);
}

static struct target *
target_find(uint32_t id)
{
	struct target	 key;

	key.id = id;
	return (RB_FIND(target_tree, &waiting, &key));
}

static void
target_unconnected(struct target *t, const char *why)
{
	log_verbose("stream %u: not connected: %s: %s", t->id, t->who, why);
	RB_REMOVE(target_tree, &waiting, t);
	target_free(t);
}

static void
target_free(struct target *t)
{
	free(t->who);
	free(t);
}

static void
waiting_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	struct conf_end	 end = { 0 };
	struct target	*t = arg;

	(void)proc_send(proc_peer(PROC_PROXY, 0), IMSG_CANCEL, t->id, -1,
	    &end, sizeof(end));
	target_unconnected(t, text);
}

/* The target's socket becomes the stream's end; -1 without memory. */
static int
target_serve(struct target *t, int fd)
{
	struct mux_stream	*s = t->stream;

	if (mux_stream_dgram(s))
		return (dgramstream_new(proc_base(), fd, fd, s,
		    &target_dgram_ops, t) == NULL ? -1 : 0);
	return (fdstream_new(proc_base(), fd, fd, s, &target_ops, t) ==
	    NULL ? -1 : 0);
}

int
target_recv_connected(struct proc_peer *peer, struct imsg *imsg)
{
	struct mux_stream	*s;
	struct target		*t;
	int			 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
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
	if (target_serve(t, fd) == -1) {
		close(fd);
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		target_unconnected(t, "no memory");
		return (0);
	}
	RB_REMOVE(target_tree, &waiting, t);
	t->stream = NULL;
	nstreams++;
	log_verbose("stream %u: up: %s", t->id, t->who);
	mux_accept(s);
	return (0);
}

int
target_recv_failed(struct proc_peer *peer, struct imsg *imsg)
{
	struct connect_failed	 f;
	struct target		*t;

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

void
targets_proxy_gone(void)
{
	struct target	*t, *tmp;

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
	uint64_t	 in, out;

	fdstream_bytes(fs, &in, &out);
	target_down(arg, in, out, code, text);
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
target_down(struct target *t, uint64_t in, uint64_t out, uint16_t code,
    const char *text)
{
	log_verbose("stream %u: down: %s after %llu ms, %llu bytes in, %llu "
	    "bytes out: %s", t->id, t->who,
	    (unsigned long long)(link_now() - t->since) / 1000,
	    (unsigned long long)in, (unsigned long long)out,
	    text != NULL && text[0] != '\0' ? text : code != 0 ?
	    mux_code_name(code) : "ended");
	nstreams--;
	target_free(t);
}
