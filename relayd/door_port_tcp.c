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
 * Visitors of published ports by TCP: each connection is a stream of bytes,
 * before which the target may be told who it is.
 */

#include "compat.h"

#include <sys/socket.h>

#include <event2/event.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "door_port.h"
#include "fdstream.h"
#include "log.h"
#include "proxyproto.h"

#define ACCEPT_BATCH	32	/* then others have a turn */

static void	visitor_come(struct port_listen *, int,
		    const struct sockaddr_storage *);
static void	visitor_closed(struct fdstream *, void *, uint16_t,
		    const char *);

static const struct fdstream_ops visitor_ops = { .closed = visitor_closed };

void
visitor_reset(int fd)
{
	struct linger	 linger = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

void
port_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct port_listen	*l = arg;
	struct port_entry	*e = l->port;
	struct sockaddr_storage	 ss;
	int			 fd, i;

	for (i = 0; i < ACCEPT_BATCH && e->known; i++) {
		if ((fd = listener_accept_one(lfd, &ss)) == -1) {
			/* Closed by the parent, which tells us. */
			if (errno == EINVAL)
				event_del(l->ev);
			return;
		}
		visitor_come(l, fd, &ss);
	}
}

static void
visitor_come(struct port_listen *l, int fd, const struct sockaddr_storage *ss)
{
	const struct route	*route;
	struct visitor		*v;
	uint32_t		 code;

	if (!visitor_welcome(l, fd, ss) ||
	    (v = visitor_new(l, fd, ss)) == NULL)
		return;
	switch (visitor_route(v, &route, &code)) {
	case 0:
		visitor_go(v, route);
		break;
	case 1:
		visitor_wait(v);
		break;
	default:
		visitor_refuse(v, code, mux_code_name(code));
		break;
	}
}

int
visitor_open_tcp(struct visitor *v, struct link *link,
    const struct mux_open *open)
{
	v->stream = fdstream_metered(proc_base(), v->fd, v->fd,
	    link_mux(link), open, &visitor_ops, v,
	    record_flow(&v->record, WAY_OUT),
	    record_flow(&v->record, WAY_IN));
	return (v->stream == NULL ? -1 : 0);
}

void
visitor_prefix(struct visitor *v)
{
	struct sockaddr_storage	 to;
	socklen_t		 len = sizeof(to);
	uint8_t			 buf[PROXYPROTO_BUILD_MAX];
	size_t			 n;

	if (v->port->p.proxy == 0)
		return;
	memset(&to, 0, sizeof(to));
	if (getsockname(v->fd, (struct sockaddr *)&to, &len) != -1) {
		n = proxyproto_build(buf, v->port->p.proxy, 0, &v->peer, &to);
		if (fdstream_prefix(v->stream, buf, n) != -1)
			return;
	}
	fdstream_kill(v->stream, MUX_CODE_INTERNAL, "no memory");
}

static void
visitor_closed(struct fdstream *f, void *arg, uint16_t code, const char *text)
{
	struct visitor	*v = arg;

	record_down(&v->record, code, text);
	visitor_free(v);
}
