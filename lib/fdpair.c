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

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <string.h>
#include <unistd.h>

#include "fdpair.h"

/* Of a socket: SOCK_STREAM and so on; else -1. */
static int
fd_socket_type(int fd)
{
	socklen_t	 len = sizeof(int);
	int		 type;

	return (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 ? type :
	    -1);
}

/* Files, and devices like /dev/null. */
static int
fd_is_file(int fd)
{
	struct stat	 st;

	return (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) ||
	    (S_ISCHR(st.st_mode) && !isatty(fd))));
}

int
fdpair_init(struct fdpair *p, struct event_base *base, int rfd, int wfd,
    event_callback_fn can_read, event_callback_fn can_write, void *arg)
{
	int	 rtype = fd_socket_type(rfd), wtype = fd_socket_type(wfd);

	memset(p, 0, sizeof(*p));
	p->rfd = rfd;
	p->wfd = wfd;
	p->rsock = rtype != -1;
	p->wsock = wtype != -1;
	p->rdgram = p->rsock && rtype != SOCK_STREAM;
	p->wdgram = p->wsock && wtype != SOCK_STREAM;
	p->rtty = !p->rsock && isatty(rfd);
	p->rfile = !p->rsock && fd_is_file(rfd);
	p->wfile = !p->wsock && fd_is_file(wfd);
	p->rev = event_new(base, rfd, EV_READ | EV_PERSIST, can_read, arg);
	p->wev = event_new(base, wfd, EV_WRITE | EV_PERSIST, can_write, arg);
	if (p->rev == NULL || p->wev == NULL ||
	    (!p->rfile && event_add(p->rev, NULL) == -1)) {
		fdpair_clear(p);
		return (-1);
	}
	return (0);
}

void
fdpair_try(struct fdpair *p)
{
	event_active(p->wev, EV_WRITE, 1);
}

void
fdpair_watch(struct fdpair *p)
{
	if (!p->wfile && !p->watched) {
		if (event_add(p->wev, NULL) == 0)
			p->watched = 1;
		else
			p->wfile = 1;
	}
	if (p->wfile)
		fdpair_try(p);
}

void
fdpair_unwatch(struct fdpair *p)
{
	if (p->watched) {
		event_del(p->wev);
		p->watched = 0;
	}
}

void
fdpair_clear(struct fdpair *p)
{
	if (p->rev != NULL)
		event_free(p->rev);
	if (p->wev != NULL)
		event_free(p->wev);
	p->rev = p->wev = NULL;
}
