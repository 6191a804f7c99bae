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

#ifndef EGRESS_HELPER_H
#define EGRESS_HELPER_H

#include <sys/types.h>

#include <stdint.h>

/*
 * Programs that connect for us, as ssh's ProxyCommand: called with host and
 * port as arguments, they lead their standard input and output there.
 *
 * Nothing in a sandbox can start one, so a process forked before does; it
 * knows the one program that it may start, and asks and answers go over a
 * socket that can be handed on.  A helper has to end when its standard input
 * does; of more than HELPER_MAX the oldest is ended.  One that ends with a
 * status other than 0, or by a signal, has a line about it on its standard
 * error.
 */

#define HELPER_MAX	8

/*
 * helper_fork: before threads and the sandbox.  The program's path; the
 * user it runs as, or NULL for ours; a title for ps(1) where
 * setproctitle_init(3) was called, or NULL; the standard error of both, or
 * -1 for ours: the others that we have they don't hold.  Returns the socket,
 * non-blocking and close-on-exec, and the process that was forked, or -1
 * (errno).  That process ends when no copy of the socket is left, or with us.
 */
int	helper_fork(const char *, const char *, const char *, int, pid_t *);
/* Ask for one to this host and port.  0, or -1 (errno). */
int	helper_ask(int, uint32_t, const char *, uint16_t);
/*
 * helper_answer: 1 and the id of what was asked, with a connected,
 * non-blocking, close-on-exec socket, or -1 and why not as errno; 0: nothing
 * now; -1: nobody is there any more.
 */
int	helper_answer(int, uint32_t *, int *, int *);
/* Whether it has ended: then there will never be another helper. */
int	helper_gone(int);

#endif /* EGRESS_HELPER_H */
