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

#ifndef RESOLVE_H
#define RESOLVE_H

#include <stddef.h>
#include <stdint.h>

/*
 * getaddrinfo(3) off the event loop: a few threads, started when they are
 * needed and gone when they were idle for a while.  What is asked once is
 * asked afresh the next time.
 */

struct addrinfo;
struct event_base;
struct resolve;

#define RESOLVE_THREADS_MAX	4
#define RESOLVE_QUEUE_MAX	64	/* asked and not yet delivered */

/*
 * resolve_init: before the sandbox closes.  Loads what a lookup loads and
 * opens the pipe by which answers come back to this event loop.  Does not
 * ask a name server.  0 or -1.
 */
int		 resolve_init(struct event_base *);
/*
 * So long a thread waits for more to look up.  None has to be there when a
 * sandbox closes that is for the thread alone which closes it: with 0 it is
 * gone once it has answered.
 */
void		 resolve_linger(unsigned int);
/*
 * Which folder lookups read besides /etc, for a sandbox: where a link in the
 * place of /etc/resolv.conf leads to, as programs that manage networks put
 * one there.  0, or -1: there is none, or it is no place for such a file.
 * resolve_conf_folder is told where the link leads to.
 */
int		 resolve_folder(char *, size_t);
int		 resolve_conf_folder(const char *, char *, size_t);
/*
 * resolve_new: look up a host's stream addresses.  The end is one call of
 * done: 0 and addresses, or an EAI_ code and, for EAI_SYSTEM, errno.  The
 * addresses and the lookup are freed when it returns.  NULL with errno when
 * too many wait (EAGAIN), or without memory.
 */
struct resolve	*resolve_new(const char *, uint16_t,
		    void (*)(void *, int, int, const struct addrinfo *),
		    void *);
/* Not wanted any more: done is not called.  Takes NULL. */
void		 resolve_cancel(struct resolve *);

#endif /* RESOLVE_H */
