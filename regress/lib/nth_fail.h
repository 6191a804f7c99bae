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

#ifndef NTH_FAIL_H
#define NTH_FAIL_H

/*
 * What fails in a process of flood.h, while it works itself: the nth_at()-th
 * allocation, or read or write of a socket that is no pipe between processes.
 * link: needs regress/lib/flood.c, nth_alloc.c, nth_each.c and
 *
 *	flags: those of nth_alloc.h,
 *		-Wl,--wrap=recv,--wrap=send,--wrap=read,--wrap=write
 *		-Wl,--wrap=readv,--wrap=writev,--wrap=recvmsg,--wrap=sendmsg
 */
enum nth_what {
	NTH_ALLOC,
	NTH_IO,		/* EIO, ECONNRESET or EPIPE */
	NTH_SHORT	/* a byte, and no fault: nothing may be otherwise */
};
extern enum nth_what	 nth_what;

/* From here on it may fail. */
void	 nth_begin(void);
/* And no more: nth_seen() is said. */
void	 nth_end(void);
/* 1: all must be as if nothing had failed. */
int	 nth_harmless(void);

#endif /* NTH_FAIL_H */
