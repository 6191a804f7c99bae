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

#ifndef CONTROL_H
#define CONTROL_H

#include <sys/types.h>
#include <sys/queue.h>

#include <imsg.h>
#include <stdint.h>

#include "ctl.h"

/*
 * The answering end of a control socket: clients, what they may hold, what
 * they wait for.  What is asked is the program's own (control_ops).
 */

struct event;

union control_payload {
	struct ctl_name		 name;
	struct ctl_rename	 rename;
	struct ctl_id		 id;
	struct ctl_user		 user;
	struct ctl_token	 token;
	struct ctl_node		 node;
	struct ctl_audit_ask	 audit;
	struct ctl_memory_ask	 memory;
	struct ctl_grant	 grant;
	struct ctl_publish	 publish;
	struct ctl_site		 site;
	struct ctl_domain	 domain;
	struct ctl_session	 session;
	struct ctl_limit	 limit;
	struct ctl_pair		 pair;
	struct ctl_traffic	 traffic;
};

/* What the answer to a request waits for. */
enum control_wait {
	CONTROL_IDLE,		/* there is no request */
	CONTROL_AUTH,		/* records and an end from auth */
	CONTROL_PARENT,
	CONTROL_STATS,		/* the listeners' figures */
	CONTROL_LINKS,		/* links to end */
	CONTROL_STREAM,		/* a stream to end */
	CONTROL_READER,		/* the client, to take what is there */
	CONTROL_AUDIT,		/* a page of the audit log */
	CONTROL_FOLLOW,		/* time, until there may be more of it */
	CONTROL_MEMORY,		/* a page of what a process takes */
	CONTROL_RELAY		/* what the relay says */
};

struct control_request;

/* One client.  The list owns it; it is freed by its timer only. */
struct control {
	TAILQ_ENTRY(control)	 entry;
	uint32_t		 id;
	uid_t			 uid;
	struct imsgbuf		 ibuf;
	struct event		*readable, *writable, *timer;
	int			 closing;	/* once all is written */
	int			 dead;
	const struct control_request *req;	/* NULL: none */
	enum control_wait	 wait;
	union control_payload	 payload;	/* of the request */
	int			 found;		/* ... as auth has found it */
	uint64_t		 cursor;	/* in a list, or its stream */
	uint64_t		 start_ms;	/* when that was to end */
};

/* What the program does with what comes. */
struct control_ops {
	/*
	 * A message came, and no request is under way.  0, or -1: it makes
	 * no sense, and the client is told so and dropped.
	 */
	int	(*take)(struct control *, struct imsg *);
	/* In CONTROL_READER: the client has taken some of a list. */
	void	(*go_on)(struct control *);
	/* Waiting has taken too long; NULL: it is answered with an error. */
	void	(*expired)(struct control *);
	/* A request has ended; for the record.  May be NULL. */
	void	(*record)(const struct control *, const struct ctl_end *);
	const char *unknown;		/* what such a client is told */
};

/*
 * control_bind: for the parent, of the daemon of this name: a socket of mode
 * 0600, or 0660 for a group that is given (else NULL); one that lies there
 * and where nobody answers is replaced.  Returns it, or -1 (logged), with
 * EADDRINUSE if somebody does.
 */
int		 control_bind(const char *, const char *, const char *);
/* The socket to accept on, which is taken over. */
void		 control_listen(int);
/* The event loop is about to run: accept.  The ops must live on. */
void		 control_serve(const struct control_ops *);
/* End what waits for this (for that, with an id, by done) in all clients. */
void		 control_end_all(enum control_wait, enum ctl_code,
		    const char *);
void		 control_end_cursor(enum control_wait, uint64_t,
		    void (*)(struct control *));

/* The client whose request waits for this; NULL if it has gone. */
struct control	*control_find(uint32_t, enum control_wait);
/* A record.  A client that takes too little is dropped, later. */
void		 control_send(struct control *, uint32_t, const void *,
		    size_t);
/* The same with a descriptor, which is taken over. */
void		 control_send_fd(struct control *, uint32_t, const void *,
		    size_t, int);
/* What waits for all clients, bytes; and how many they are. */
size_t		 control_queued(uint32_t *);
/* May more of a list be sent now? */
int		 control_room(const struct control *);
/* The end of a request; with no more to say than a code and its text. */
void		 control_end(struct control *, const struct ctl_end *);
void		 control_done(struct control *, enum ctl_code, const char *);
/* Wait for this now, at most so many milliseconds (0: as any request). */
void		 control_await(struct control *, enum control_wait, int);

#endif /* CONTROL_H */
