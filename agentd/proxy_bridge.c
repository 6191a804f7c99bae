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
 * A backend that speaks TLS: what flows passes through here, in the clear on
 * a socket pair whose other end tunnel has.  Nothing is kept: what one side
 * does not take stays with the other, but for what one pass of evtls holds.
 *
 * A socket pair can end, but not break.  So its end says nothing: tunnel
 * waits for our word on whether all has come, and tells us when the stream
 * was reset.
 */

#include "compat.h"

#include <sys/socket.h>
#include <sys/tree.h>

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "proxy.h"

#define DISCARD	(16 * 1024)

struct bridge {
	RB_ENTRY(bridge) by_id;
	uint32_t	 id;
	struct evtls	*tls;		/* NULL: the backend has ended */
	int		 fd;
	struct event	*rev;		/* tunnel has something */
	struct event	*wev;		/* tunnel takes more */
	int		 eof;		/* of tunnel */
};

static int
bridge_cmp(struct bridge *a, struct bridge *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static RB_HEAD(bridge_tree, bridge) bridges = RB_INITIALIZER(&bridges);
RB_GENERATE_STATIC(bridge_tree, bridge, by_id, bridge_cmp)

static void	bridge_free(struct bridge *);
static void	bridge_linger(const struct bridge *, int);
static void	bridge_read(evutil_socket_t, short, void *);
static void	bridge_write(evutil_socket_t, short, void *);
static int	bridge_left(const struct bridge *);
static void	bridge_discard(struct bridge *);
static void	bridge_ready(struct evtls *, void *);
static size_t	bridge_input(struct evtls *, void *, uint8_t *, size_t);
static size_t	bridge_output(struct evtls *, void *, uint8_t *, size_t);
static void	bridge_closed(struct evtls *, void *, enum evtls_why,
		    const char *);

static const struct evtls_ops bridge_ops = {
	.ready = bridge_ready, .input = bridge_input, .output = bridge_output,
	.closed = bridge_closed
};

int
bridge_new(uint32_t id, struct evtls *tls)
{
	struct bridge	 key, *b;
	int		 pair[2];

	key.id = id;
	if (RB_FIND(bridge_tree, &bridges, &key) != NULL) {
		log_warnx("tunnel uses the number of a stream twice");
		evtls_free(tls);
		return (-1);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    pair) == -1) {
		log_warn("backend: socketpair");
		evtls_free(tls);
		return (-1);
	}
	if ((b = calloc(1, sizeof(*b))) == NULL) {
		close(pair[0]);
		close(pair[1]);
		evtls_free(tls);
		return (-1);
	}
	b->id = id;
	b->fd = pair[0];
	b->tls = tls;
	b->rev = event_new(proc_base(), b->fd, EV_READ, bridge_read, b);
	b->wev = event_new(proc_base(), b->fd, EV_WRITE, bridge_write, b);
	RB_INSERT(bridge_tree, &bridges, b);
	if (b->rev == NULL || b->wev == NULL || event_add(b->rev, NULL) == -1) {
		bridge_free(b);
		close(pair[1]);
		return (-1);
	}
	/* Until it has ended in order, its close is a reset. */
	bridge_linger(b, 1);
	evtls_set_ops(tls, &bridge_ops, b);
	return (pair[1]);
}

static void
bridge_free(struct bridge *b)
{
	RB_REMOVE(bridge_tree, &bridges, b);
	evtls_free(b->tls);
	if (b->rev != NULL)
		event_free(b->rev);
	if (b->wev != NULL)
		event_free(b->wev);
	close(b->fd);
	free(b);
}

static void
bridge_linger(const struct bridge *b, int on)
{
	struct linger	 linger = { .l_onoff = on, .l_linger = 0 };

	(void)setsockopt(evtls_fd(b->tls), SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger));
}

int
bridge_cancel(uint32_t id)
{
	struct bridge	 key, *b;

	key.id = id;
	if ((b = RB_FIND(bridge_tree, &bridges, &key)) == NULL)
		return (0);
	bridge_free(b);
	return (1);
}

void
bridges_down(void)
{
	struct bridge	*b, *tmp;

	RB_FOREACH_SAFE(b, bridge_tree, &bridges, tmp)
		bridge_free(b);
}

/* ---- tunnel's side ---- */

static void
bridge_read(evutil_socket_t fd, short what, void *arg)
{
	struct bridge	*b = arg;

	if (b->tls == NULL)
		bridge_discard(b);
	else
		evtls_want_output(b->tls);
}

static void
bridge_write(evutil_socket_t fd, short what, void *arg)
{
	struct bridge	*b = arg;

	if (b->tls != NULL)
		evtls_resume(b->tls);
}

/*
 * At its end: has tunnel only said so, or closed it?  That it does before the
 * backend has ended when the stream was reset.  It tells us as well, but the
 * backend is not to see an end in order first.
 */
static int
bridge_left(const struct bridge *b)
{
	struct pollfd	 pfd = { .fd = b->fd };

	return (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP) != 0);
}

/* The backend wants no more; tunnel closes when it has read its end. */
static void
bridge_discard(struct bridge *b)
{
	static uint8_t	 buf[DISCARD];
	ssize_t		 n;

	n = read(b->fd, buf, sizeof(buf));
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		bridge_free(b);
	else
		event_add(b->rev, NULL);
}

/* ---- the backend's side ---- */

static void
bridge_ready(struct evtls *c, void *arg)
{
}

static size_t
bridge_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	struct bridge	*b = arg;
	ssize_t		 n;

	do {
		n = send(b->fd, buf, len, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK &&
	    errno != ENOBUFS) {
		bridge_free(b);		/* tunnel has closed it */
		return (len);
	}
	if (n == (ssize_t)len)
		return (len);
	evtls_pause(c);
	event_add(b->wev, NULL);
	return (n == -1 ? 0 : n);
}

static size_t
bridge_output(struct evtls *c, void *arg, uint8_t *buf, size_t size)
{
	struct bridge	*b = arg;
	ssize_t		 n;

	if (b->eof)
		return (0);
	do {
		n = read(b->fd, buf, size);
	} while (n == -1 && errno == EINTR);
	if (n > 0)
		return (n);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		event_add(b->rev, NULL);
		return (0);
	}
	if (n == -1 || bridge_left(b)) {
		bridge_free(b);
		return (0);
	}
	b->eof = 1;
	evtls_shutdown(c);
	return (0);
}

static void
bridge_closed(struct evtls *c, void *arg, enum evtls_why why,
    const char *text)
{
	struct connect_failed	 end;
	struct bridge		*b = arg;

	memset(&end, 0, sizeof(end));
	/* Who was told that we had no more may leave without a word. */
	if (why != EVTLS_EOF && !(why == EVTLS_CUT && b->eof)) {
		end.code = MUX_CODE_TARGET_RESET;
		strlcpy(end.text, text, sizeof(end.text));
	} else
		bridge_linger(b, 0);
	evtls_free(b->tls);
	b->tls = NULL;
	if (proc_send(proc_peer(PROC_TUNNEL, 0), IMSG_ENDED, b->id, -1, &end,
	    sizeof(end)) == -1) {
		bridge_free(b);
		return;
	}
	(void)shutdown(b->fd, SHUT_WR);
	event_del(b->wev);
	event_add(b->rev, NULL);
}
