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

#ifndef CONTROL_ASK_H
#define CONTROL_ASK_H

#include <stddef.h>
#include <stdint.h>

#include "ctl.h"
#include "sandbox.h"

/*
 * The asking end of a control socket, for accessctl and agentd status: one
 * request at a time, answered by records and an end (ctl.h).
 */

/* Who answers, for messages. */
struct control_daemon {
	const char	*name;		/* "relayd" */
	const char	*elsewhere;	/* how to name another socket */
	const char	*allow;		/* what to do when not permitted */
};

/*
 * control_to: ask this daemon, at this socket; both must live on.  Before
 * control_ask.
 */
void	control_to(const struct control_daemon *, const char *);
/* How long to wait for the next part of an answer, ms; -1: for ever. */
void	control_patience(int);
/*
 * The sandbox to be in once connected, instead of SANDBOX_ADMIN, and what of
 * the file system it leaves; the paths must live on.
 */
void	control_sandbox(enum sandbox_profile, const struct sandbox_path *,
	    size_t);
/* The descriptor that the last answer brought, now the caller's, or -1. */
int	control_fd(void);
/*
 * control_outlive: who is asked may be replaced by another meanwhile.  Then
 * control_ask returns 1, without a word, and the next question goes to the
 * other, which need not be there yet: it is waited for, so many seconds.  To
 * be called before the first question; the sandbox allows for it.
 */
void	control_outlive(int);
/*
 * The answers are for whoever reads this descriptor: when nobody does any
 * more, control_ask returns 2, without a word, and does not wait.
 */
void	control_reader(int);
/*
 * control_ask: connect if need be, send one request, hand every record of
 * the given type and size to the callback (NULL if none is expected).  0
 * when the daemon says it is done, with *end filled in; -1 (logged) if not;
 * 1 and 2 for who has called control_outlive and control_reader.
 */
int	control_ask(uint32_t, const void *, size_t, uint32_t, size_t,
	    void (*)(const void *, void *), void *, struct ctl_end *);

#endif /* CONTROL_ASK_H */
