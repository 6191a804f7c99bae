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

#ifndef LISTENER_WORLD_H
#define LISTENER_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "../lib/far_link.h"

/*
 * A listener of relayd in this process, and all that it talks to: its parent,
 * auth, router, which answer its questions as those would, another listener,
 * nodes and clients of all doors, by sockets.  link: needs
 * regress/lib/flood.c, regress/lib/far_link.c, regress/relayd/hostile.c with
 * its flags, and all of relayd.
 */

#define WORLD_DOMAIN	"relay.test"

/* A connection to a port of the listener. */
struct client {
	int		 fd;
	int		 eof;
	size_t		 len;
	char		 text[65536];	/* what came, and a NUL */
};

extern int	 world_port, world_published, world_udp;
extern struct far_link	 world_node, world_user, world_peer;
extern uint32_t	 world_silent;		/* neither answered nor closed */

/* Without a fault: it serves, with a link to another listener. */
void	 world_begin(void);
/* Turns of all of them until nothing moves. */
void	 world_run(void);
/* Router, or auth, is another process from now on. */
void	 world_again(int kind);
/* Something router or the parent says. */
void	 world_say(int kind, uint32_t type, uint32_t id, int fd, const void *,
	    size_t);
/* All that is open ends. */
void	 world_end(void);

/* Say something, and run: whether there was an answer, or the end. */
void	 client_begin(struct client *, int port);
int	 client_say(struct client *, const char *);
void	 client_end(struct client *);
/* A connection of its own for a request: the status, 0: closed. */
int	 world_ask(const char *request);
/* What was said to the last of these. */
extern struct client	 world_said;

/* Log in with that token at such a path; -1: it can't. */
int	 far_begin(struct far_link *, const char *path, const char *token,
	    const char *fields);

/* Tokens that auth knows, and does not know. */
extern char	 world_token[], world_stranger[];
/* Of the node's link; and whether auth and router say no to everything. */
extern uint64_t	 world_node_session;
extern uint32_t	 world_node_conn;

#endif /* LISTENER_WORLD_H */
