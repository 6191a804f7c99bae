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
 * The log-ins that hold, from one auth to the next when the binary is
 * replaced: struct session after struct session, over a pipe that only the
 * two of them have.  They are the same in both, or the parent would not have
 * made it.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "log.h"
#include "msg_conf.h"

static struct {
	struct event	*ev;		/* NULL: nothing is handed over */
	int		 fd;
	struct session	 s;		/* on its way */
	size_t		 off;		/* so far */
	uint32_t	 n;
}			 hand;

static int	hand_begin(struct imsg *, short,
		    void (*)(evutil_socket_t, short, void *));
static void	hand_end(void);
static void	hand_write(evutil_socket_t, short, void *);
static void	hand_read(evutil_socket_t, short, void *);

static int
hand_begin(struct imsg *imsg, short what,
    void (*f)(evutil_socket_t, short, void *))
{
	struct conf_end	 msg;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 || hand.ev != NULL ||
	    (hand.fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	evutil_make_socket_nonblocking(hand.fd);
	hand.ev = event_new(proc_base(), hand.fd, what | EV_PERSIST, f, NULL);
	if (hand.ev == NULL || event_add(hand.ev, NULL) == -1)
		fatal("event");
	hand.off = 0;
	hand.n = 0;
	memset(&hand.s, 0, sizeof(hand.s));
	return (0);
}

static void
hand_end(void)
{
	event_free(hand.ev);
	hand.ev = NULL;
	close(hand.fd);
}

int
auth_recv_give(struct proc_peer *peer, struct imsg *imsg)
{
	return (hand_begin(imsg, EV_WRITE, hand_write));
}

int
auth_recv_take(struct proc_peer *peer, struct imsg *imsg)
{
	return (hand_begin(imsg, EV_READ, hand_read));
}

/* They may come and go meanwhile: from one id to the next. */
static void
hand_write(evutil_socket_t fd, short what, void *arg)
{
	const struct session	*next;
	ssize_t			 n;

	for (;;) {
		if (hand.off == 0) {
			next = auth_session_next(hand.s.session);
			if (next == NULL) {
				hand_end();
				return;
			}
			hand.s = *next;
		}
		n = write(fd, (const char *)&hand.s + hand.off,
		    sizeof(hand.s) - hand.off);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n == -1) {
			log_warn("log-ins can't be handed over");
			hand_end();
			return;
		}
		hand.off = (hand.off + n) % sizeof(hand.s);
	}
}

static void
hand_read(evutil_socket_t fd, short what, void *arg)
{
	struct conf_end	 end;
	ssize_t		 n;

	for (;;) {
		n = read(fd, (char *)&hand.s + hand.off,
		    sizeof(hand.s) - hand.off);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			break;
		hand.off = (hand.off + n) % sizeof(hand.s);
		if (hand.off != 0)
			continue;
		if (auth_session_take(&hand.s) == -1)
			log_warnx("a log-in was not taken over");
		else
			hand.n++;
	}
	hand_end();
	end.generation = hand.n;
	(void)proc_send(proc_peer(PROC_PARENT, 0), IMSG_SESSIONS_TAKEN, 0, -1,
	    &end, sizeof(end));
}
