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
 * The parent's listeners: which sockets each has, and the pipes by which they
 * reach keys and each other.
 */

#include "compat.h"

#include <sys/socket.h>

#include <imsg.h>

#include <string.h>

#include "clock.h"
#include "log.h"
#include "parent.h"

/* Listeners that have got their configuration, for the links among them. */
static int	 configured[PROC_INSTANCES_MAX];
static int	 slots[PROC_INSTANCES_MAX];	/* + 1 */

/*
 * Which of the sockets is whose: of those that are not to drain each has its
 * own, whatever instances they are.
 */
int
listener_slot(int instance)
{
	int	 i, slot;

	for (slot = 1; slots[instance] == 0 && slot <= conf->prefork; slot++) {
		for (i = 0; i < PROC_INSTANCES_MAX; i++)
			if (slots[i] == slot && !proc_is_old(PROC_LISTENER, i))
				break;
		if (i == PROC_INSTANCES_MAX)
			slots[instance] = slot;
	}
	return (slots[instance] - 1);
}

struct proc_peer *
listener_peer(int instance)
{
	return (configured[instance] ? proc_peer(PROC_LISTENER, instance) :
	    NULL);
}

void
listener_slot_set(int instance, int slot)
{
	slots[instance] = slot + 1;
	if (slot == -1)
		configured[instance] = 0;
}

void
send_sign_socket(int listener)
{
	struct sign_socket	 msg = { .listener = listener };
	struct proc_peer	*k = proc_peer(PROC_KEYS, 0);
	struct proc_peer	*l = proc_peer(PROC_LISTENER, listener);
	int			 sv[2];

	if (k == NULL || l == NULL)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == -1)
		fatal("socketpair");
	proc_send(k, IMSG_SIGN_SOCKET, 0, sv[0], &msg, sizeof(msg));
	proc_send(l, IMSG_SIGN_SOCKET, 0, sv[1], &msg, sizeof(msg));
}

/* One link between each two listeners, made when the second is there. */
void
send_listener_links(int a)
{
	int	 b;

	listener_joins(a);
	for (b = 0; b < PROC_INSTANCES_MAX; b++)
		if (b != a && configured[b])
			send_listener_link(a, b);
}

void
listener_joins(int instance)
{
	configured[instance] = 1;
}

void
send_listener_link(int a, int b)
{
	struct listener_link	 msg;
	struct proc_peer	*pa = proc_peer(PROC_LISTENER, a);
	struct proc_peer	*pb = proc_peer(PROC_LISTENER, b);
	int			 sv[2];

	if (pa == NULL || pb == NULL)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		fatal("socketpair");
	memset(&msg, 0, sizeof(msg));
	msg.peer = b;
	msg.dialer = 1;
	proc_send(pa, IMSG_LISTENER_LINK, 0, sv[0], &msg, sizeof(msg));
	msg.peer = a;
	msg.dialer = 0;
	proc_send(pb, IMSG_LISTENER_LINK, 0, sv[1], &msg, sizeof(msg));
}

/* A link that one of the two ended, perhaps for want of memory. */
int
listener_recv_again(struct proc_peer *p, struct imsg *imsg)
{
	static uint64_t		 last[PROC_INSTANCES_MAX];
	struct listener_link	 msg;
	uint64_t		 now = clock_ms() / 1000;
	int			 self = proc_peer_instance(p);

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 || msg.peer < 0 ||
	    msg.peer >= PROC_INSTANCES_MAX || msg.peer == self)
		return (-1);
	/* It cuts off what the other had with it: not as often as one likes. */
	if (p != listener_peer(self) || now == last[self] ||
	    listener_peer(msg.peer) == NULL)
		return (0);
	last[self] = now;
	log_debug("link between listeners %d and %d: made again", self,
	    msg.peer);
	send_listener_link(self, msg.peer);
	return (0);
}
