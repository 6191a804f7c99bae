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

#ifndef FLOOD_H
#define FLOOD_H

#include <stddef.h>
#include <stdint.h>

#include "proc.h"

/*
 * One of a daemon's processes, with its own rules and the dispatcher itself,
 * and peers that somebody else owns.  The daemon's main() reads its
 * configuration; in place of proc_parent() a test's __wrap_proc_parent() has
 * each process be flooded, in a process of its own.  link: needs
 *
 *	flags: -Wl,--wrap=main,--wrap=proc_parent
 */

/* Run this on its own: what it returns, or nonzero where it dies. */
int	 flood_apart(void (*)(void));
/* 1: it may end by itself, without a word. */
extern int flood_may_end;
/* Be this process; no peers are there yet. */
void	 flood_become(const struct proc_daemon *, int kind);
/* A peer is there (anew), at the other end of a pipe. */
void	 flood_join(int kind, int instance);
/*
 * A message from it, dispatched: 0, or -1 and it is gone, as it was owned.
 * The descriptor, or -1, is not taken over.
 */
int	 flood_say(int kind, int instance, uint32_t type, uint32_t id, int fd,
	    const void *, size_t);
/* The next message of this type and length that went to it: 1, or 0. */
int	 flood_took(int kind, int instance, uint32_t type, void *, size_t);
/* The next message, whatever it is: 1, or 0; the caller frees it. */
struct imsg;
int	 flood_next(int kind, int instance, struct imsg *);
/* Events that are due. */
void	 flood_run(void);
/* If not NULL: the process itself begins to work (1), has ended it (0). */
extern void (*flood_works)(int);

/*
 * Hostile messages from a peer, FLOOD (of the environment) or so many, the
 * same ones each time.  It is joined again where it was ended.  Dies unless
 * some were believed and some refused, descriptors are as many as before and
 * the log says little, other than who was ended for what.
 * pick, or NULL: lay something likely into a message that is all zero.
 */
void	 flood(int kind, int instance, unsigned long,
	    void (*pick)(uint32_t type, uint8_t *, size_t));
/*
 * So many of them, and nothing of what flood() asks for; with an allocation
 * that fails (nth_alloc.h) none of these is the harness's.
 */
void	 flood_messages(int kind, int instance, unsigned long,
	    void (*pick)(uint32_t type, uint8_t *, size_t));
/* A number below n; for pick. */
uint32_t flood_some(uint32_t n);

#endif /* FLOOD_H */
