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

#ifndef PROC_RUN_H
#define PROC_RUN_H

/* A daemon that is started, told what to do, and read. */

#include "clock.h"
#include "proc_daemon.h"
#include "proc_internal.h"

#define WAIT_MS		20000	/* for what must happen; sanitizers are slow */

struct run {
	pid_t	 pid;		/* what we started */
	pid_t	 parent;	/* the daemon's parent, once it is up */
	int	 in;		/* we write */
	int	 out;		/* we read */
	int	 log;		/* its standard error */
	char	 text[65536];	/* all that came out of either */
	size_t	 len;
	size_t		 from;		/* where expect() looks */
};

extern struct run	 run;
extern int		 self_fd;

void	 run_start(const char *, const char *, uid_t);
/* Take in what comes; 0 when both are at their end, or too late. */
int	 run_more(int);
/* What happened until now does not count. */
void	 mark(void);
/* Wait for a text. */
char	*look(const char *, int);

#define seen(text)	look((text), 1)
#define expect(text)	look((text), 0)		/* since mark() */

void	 command(const char *);
void	 run_up(const char *, const char *);
pid_t	 pid_of(const char *);
/* A zombie is not there, even if nobody buries it. */
int	 is_there(pid_t);
/* The exit status of what we started. */
int	 run_wait(void);
void	 run_end(void);
/* Whatever a failed case left behind. */
int	 teardown(void **);

#endif /* PROC_RUN_H */
