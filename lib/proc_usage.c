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
 * What the processes take, as their parent sees it from outside: none of
 * them has to be asked, and even one that hangs is seen.
 */

#include "compat.h"

#include <sys/types.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proc_internal.h"

static int	proc_usage_read(pid_t, struct proc_usage *);

#ifdef __linux__
/* proc(5): the fields of stat, behind the name, which may hold anything. */
static int
proc_usage_read(pid_t pid, struct proc_usage *u)
{
	char			 name[64], buf[1024], *p;
	unsigned long long	 utime, stime;
	long long		 rss;
	ssize_t			 n;
	int			 fd;

	snprintf(name, sizeof(name), "/proc/%ld/stat", (long)pid);
	if ((fd = open(name, O_RDONLY | O_CLOEXEC)) == -1)
		return (-1);
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return (-1);
	buf[n] = '\0';
	if ((p = strrchr(buf, ')')) == NULL ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%llu %llu %*d %*d %*d %*d %*d %*d %*u %*u %lld", &utime, &stime,
	    &rss) != 3)
		return (-1);
	u->rss = rss > 0 ? (uint64_t)rss * sysconf(_SC_PAGESIZE) : 0;
	u->cpu_us = (utime + stime) * (1000000 / sysconf(_SC_CLK_TCK));
	return (0);
}
#else
static int
proc_usage_read(pid_t pid, struct proc_usage *u)
{
	return (-1);
}
#endif

int
proc_usage(int kind, int instance, struct proc_usage *u)
{
	static int64_t	 since;
	struct proc_kid	*k;

	memset(u, 0, sizeof(*u));
	if (kind == PROC_PARENT) {
		if (since == 0)
			since = time(NULL);
		u->starts = 1;
		u->started = since;
		(void)proc_usage_read(getpid(), u);
		return (0);
	}
	if ((k = proc_kid_find(kind, instance)) == NULL)
		return (-1);
	u->starts = k->starts;
	if (k->pid == 0)
		return (0);
	u->started = k->started;
	(void)proc_usage_read(k->pid, u);
	return (0);
}
