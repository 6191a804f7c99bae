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

#ifndef SEAM_H
#define SEAM_H

/*
 * What fails (seam.c) and the calls that do (seam_calls.c).
 */

#include <stddef.h>
#include <stdint.h>

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#define FAULT_KINDS	9	/* of processes */
#define WAYS		65536	/* that can be remembered */
#define DEPTH		64	/* of calls, looked at */
#define OUTER		8	/* of these: the program's own */

enum call {
	CALL_MALLOC,		/* anything that allocates */
	CALL_WRITE,		/* write, writev, send, sendto, sendmsg */
	CALL_READ,		/* read, readv, recv, recvfrom, recvmsg */
	CALL_SYNC,		/* fsync, fdatasync */
	CALL_PWRITE,		/* pwrite, ftruncate */
	CALL_OPEN,		/* open, openat */
	CALL_SOCKET,		/* socket, socketpair, pipe2, accept4 */
	CALLS
};

enum slow {
	SLOW_NONE,
	SLOW_NOW,		/* ask for a byte only */
	SLOW_EINTR,
	SLOW_EAGAIN
};

/* Of the same size wherever it is compiled. */
struct fault {
	uint32_t	 kind;		/* of process, and... */
	uint32_t	 call;		/* ...call that shall fail... */
	uint32_t	 error;		/* ...with this error... */
	uint32_t	 slow;
	uint64_t	 at;		/* ...this one of them, from 1... */
	uint64_t	 times;		/* ...and so many in all; 0: none */
	uint64_t	 seen;		/* since then */
	uint64_t	 fired;
	int64_t		 clock;		/* s that the wall clock is off */
	uint64_t	 made[FAULT_KINDS][CALLS];	/* in all */
	uint64_t	 fresh;		/* see above: how many innermost; */
					/* ...at counts these ways */
	uint64_t	 way[OUTER];	/* the last: the program's part */
	uint64_t	 ways[WAYS];	/* tried; 0: none */
};

/* NULL: nothing fails.  held: nothing shall, just now. */
extern volatile struct fault	*fault;
extern __thread int		 fault_held;

/* Whether this call is to fail; errno is set then. */
int		 fault_fails(enum call);
/* How so many bytes to or from this descriptor are to go. */
enum slow	 fault_slow(int, size_t);
/* With SLOW_NOW: so many. */
size_t		 fault_some(void);
/* Whether this is such a process, "keys". */
int		 fault_is(const char *);
/* Of files, which never say EAGAIN. */
void		 fault_file(int, int);

#endif /* SEAM_H */
