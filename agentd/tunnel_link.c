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
 * Streams of the link: the relay asks for a target, proxy connects, and the
 * socket it hands over becomes the stream's end here.
 */

#include "compat.h"

#include <sys/tree.h>

#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdstream.h"
#include "log.h"
#include "tunnel.h"

/* A stream whose target is being connected; the tree owns it. */
struct waiting {
	RB_ENTRY(waiting)	 by_id;
	uint32_t		 id;
	struct mux_stream	*stream;
};

static int
waiting_cmp(struct waiting *a, struct waiting *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static RB_HEAD(waiting_tree, waiting) waitings = RB_INITIALIZER(&waitings);
RB_GENERATE_STATIC(waiting_tree, waiting, by_id, waiting_cmp)

static uint32_t	 nstreams;

static struct waiting	*waiting_take(uint32_t);
static void	waiting_free(struct waiting *);
static void	waiting_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	target_closed(struct fdstream *, void *, uint16_t,
		    const char *);

/* Early data waits in the stream's window. */
static const struct mux_stream_ops waiting_ops = {
	.reset = waiting_reset
};

static const struct fdstream_ops target_ops = { NULL, target_closed };

uint32_t
target_count(void)
{
	return (nstreams);
}

void
target_open(struct mux_stream *s, const struct mux_open *open)
{
	static struct connect_target	 c;
	struct waiting			*w;

	if (open->kind != MUX_KIND_TCP) {
		mux_reset(s, MUX_CODE_UNSUPPORTED,
		    "this agentd does not serve this kind of stream");
		return;
	}
	if (open->host[0] == '\0' || open->port == 0) {
		mux_reset(s, MUX_CODE_PROTOCOL, "no target");
		return;
	}
	if ((w = calloc(1, sizeof(*w))) == NULL) {
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		return;
	}
	w->id = tunnel_next_id();
	w->stream = s;
	if (RB_INSERT(waiting_tree, &waitings, w) != NULL) {
		free(w);
		mux_reset(s, MUX_CODE_INTERNAL, "identifiers ran out");
		return;
	}
	mux_stream_own(s, &waiting_ops, w);
	memset(&c, 0, sizeof(c));
	c.kind = open->kind;
	c.port = open->port;
	strlcpy(c.host, open->host, sizeof(c.host));
	strlcpy(c.client, open->client, sizeof(c.client));
	strlcpy(c.user, open->user, sizeof(c.user));
	if (proc_send(proc_peer(PROC_PROXY, 0), IMSG_CONNECT, w->id, -1, &c,
	    sizeof(c)) == -1) {
		mux_reset(s, MUX_CODE_INTERNAL, "the device is starting");
		waiting_free(w);
	}
}

static void
waiting_free(struct waiting *w)
{
	RB_REMOVE(waiting_tree, &waitings, w);
	free(w);
}

static struct waiting *
waiting_take(uint32_t id)
{
	struct waiting	 key;

	key.id = id;
	return (RB_FIND(waiting_tree, &waitings, &key));
}

static void
waiting_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	struct conf_end	 end = { 0 };
	struct waiting	*w = arg;

	(void)proc_send(proc_peer(PROC_PROXY, 0), IMSG_CANCEL, w->id, -1,
	    &end, sizeof(end));
	waiting_free(w);
}

int
target_recv_connected(struct proc_peer *peer, struct imsg *imsg)
{
	struct mux_stream	*s;
	struct waiting		*w;
	int			 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (tunnel_is_dial(imsg_get_id(imsg))) {
		tunnel_dialled(imsg_get_id(imsg), fd, NULL);
		return (0);
	}
	if ((w = waiting_take(imsg_get_id(imsg))) == NULL) {
		/* Reset while it was on its way to us. */
		close(fd);
		return (0);
	}
	s = w->stream;
	waiting_free(w);
	if (fdstream_new(proc_base(), fd, fd, s, &target_ops, NULL) == NULL) {
		close(fd);
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		return (0);
	}
	nstreams++;
	mux_accept(s);
	return (0);
}

int
target_recv_failed(struct proc_peer *peer, struct imsg *imsg)
{
	struct connect_failed	 f;
	struct waiting		*w;

	if (imsg_get_data(imsg, &f, sizeof(f)) == -1 ||
	    f.code > UINT16_MAX ||
	    memchr(f.text, '\0', sizeof(f.text)) == NULL)
		return (-1);
	if (tunnel_is_dial(imsg_get_id(imsg))) {
		tunnel_dialled(imsg_get_id(imsg), -1, f.text);
		return (0);
	}
	if ((w = waiting_take(imsg_get_id(imsg))) == NULL)
		return (0);
	mux_reset(w->stream, f.code, f.text);
	waiting_free(w);
	return (0);
}

void
targets_proxy_gone(void)
{
	struct waiting	*w, *tmp;

	RB_FOREACH_SAFE(w, waiting_tree, &waitings, tmp) {
		mux_reset(w->stream, MUX_CODE_INTERNAL,
		    "the device's proxy process has ended");
		waiting_free(w);
	}
}

static void
target_closed(struct fdstream *fs, void *arg, uint16_t code,
    const char *text)
{
	nstreams--;
}
