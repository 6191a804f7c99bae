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
 * What the processes take, as their parent reads it from descriptors that
 * they gave it when they started: none of them has to be asked, and even one
 * that hangs is seen.
 */

#include "compat.h"

#include <sys/types.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <imsg.h>

#include "proc_internal.h"

static int	proc_usage_stat(int, struct proc_usage *);
static int	proc_usage_smaps(int, struct proc_usage *);
static int	proc_usage_any(int, int, struct proc_usage *, int);
static uint64_t	proc_usage_line(const char *, const char *);
static ssize_t	proc_usage_text(int, char *, size_t);

static const char *const proc_files[PROC_FILES] = {
	[PROC_FILE_STAT] = "/proc/self/stat",
	[PROC_FILE_SMAPS] = "/proc/self/smaps_rollup"
};

void
proc_usage_send(void)
{
	int	 fd, i;

	for (i = 0; i < PROC_FILES; i++) {
		/* Where there is none, there is nothing to be told. */
		if ((fd = open(proc_files[i], O_RDONLY | O_CLOEXEC)) != -1)
			(void)proc_send(proc_peer(PROC_PARENT, 0),
			    IMSG_PROC_FILE, i, fd, NULL, 0);
	}
}

int
proc_recv_file(struct proc_peer *p, struct imsg *imsg)
{
	struct proc_kid	*k = proc_kid_find(p->kind, p->instance);
	uint32_t	 which = imsg_get_id(imsg);

	/* Whoever serves has told already. */
	if (k == NULL || k->ready || which >= PROC_FILES ||
	    k->files[which] != -1)
		return (-1);
	k->files[which] = imsg_get_fd(imsg);
	return (0);
}

/* All of it, read anew. */
static ssize_t
proc_usage_text(int fd, char *buf, size_t size)
{
	ssize_t	 n;

	if (fd == -1 || (n = pread(fd, buf, size - 1, 0)) <= 0)
		return (-1);
	buf[n] = '\0';
	return (n);
}

/* proc(5): the fields of stat, behind the name, which may hold anything. */
static int
proc_usage_stat(int fd, struct proc_usage *u)
{
	char			 buf[1024], *p;
	unsigned long long	 utime, stime;
	long long		 rss;

	if (proc_usage_text(fd, buf, sizeof(buf)) == -1 ||
	    (p = strrchr(buf, ')')) == NULL ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%llu %llu %*d %*d %*d %*d %*d %*d %*u %*u %lld", &utime, &stime,
	    &rss) != 3)
		return (-1);
	u->rss = rss > 0 ? (uint64_t)rss * sysconf(_SC_PAGESIZE) : 0;
	u->cpu_us = (utime + stime) * (1000000 / sysconf(_SC_CLK_TCK));
	return (0);
}

/* "Pss:   1234 kB", bytes. */
static uint64_t
proc_usage_line(const char *text, const char *name)
{
	const char		*p;
	unsigned long long	 kb;

	if ((p = strstr(text, name)) == NULL ||
	    sscanf(p + strlen(name), "%llu kB", &kb) != 1)
		return (0);
	return (kb * 1024);
}

static int
proc_usage_smaps(int fd, struct proc_usage *u)
{
	char	 buf[2048];

	if (proc_usage_text(fd, buf, sizeof(buf)) == -1)
		return (-1);
	u->pss = proc_usage_line(buf, "\nPss:");
	u->own = proc_usage_line(buf, "\nPrivate_Clean:") +
	    proc_usage_line(buf, "\nPrivate_Dirty:");
	return (0);
}

/* Descriptors of our own are opened each time: that costs little. */
static int
proc_usage_any(int kind, int instance, struct proc_usage *u, int memory)
{
	static int64_t	 since;
	struct proc_kid	*k;
	int		 fd;

	memset(u, 0, sizeof(*u));
	if (kind == PROC_PARENT) {
		if (since == 0)
			since = time(NULL);
		u->starts = 1;
		u->started = since;
		u->pid = getpid();
		fd = open(proc_files[PROC_FILE_STAT], O_RDONLY | O_CLOEXEC);
		(void)proc_usage_stat(fd, u);
		if (fd != -1)
			close(fd);
		fd = !memory ? -1 : open(proc_files[PROC_FILE_SMAPS],
		    O_RDONLY | O_CLOEXEC);
		(void)proc_usage_smaps(fd, u);
		if (fd != -1)
			close(fd);
		return (0);
	}
	if ((k = proc_kid_find(kind, instance)) == NULL)
		return (-1);
	u->starts = k->starts;
	if (k->pid == 0)
		return (0);
	u->pid = k->pid;
	u->started = k->started;
	(void)proc_usage_stat(k->files[PROC_FILE_STAT], u);
	if (memory)
		(void)proc_usage_smaps(k->files[PROC_FILE_SMAPS], u);
	return (0);
}

int
proc_usage(int kind, int instance, struct proc_usage *u)
{
	return (proc_usage_any(kind, instance, u, 0));
}

int
proc_usage_memory(int kind, int instance, struct proc_usage *u)
{
	return (proc_usage_any(kind, instance, u, 1));
}
