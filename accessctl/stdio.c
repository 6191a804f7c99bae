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
 * Standard input and output for an event loop.  O_NONBLOCK belongs to the
 * open file, which a shell, or whoever holds the other end of a pipe with
 * us, shares: a pipe or a terminal is opened anew where the system can do
 * that (Linux, by /proc), and otherwise put back at the end.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "accessctl.h"
#include "log.h"

/* What is to be put back: a descriptor of our own, and its flags. */
static struct {
	int	 fd;
	int	 flags;
} changed[2] = { { -1, 0 }, { -1, 0 } };

static int	stdio_reopen(int, int);
static int	stdio_share(int);
static int	stdio_get(int, int);

/* The same pipe or terminal by an open file of our own, or -1. */
static int
stdio_reopen(int fd, int mode)
{
	struct stat	 before, after;
	char		 path[32];
	int		 new;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if ((new = open(path, mode | O_NONBLOCK | O_NOCTTY |
	    O_CLOEXEC)) == -1)
		return (-1);
	if (fstat(fd, &before) == 0 && fstat(new, &after) == 0 &&
	    before.st_dev == after.st_dev && before.st_ino == after.st_ino)
		return (new);
	close(new);
	return (-1);
}

/* The shared one made non-blocking, and noted to be put back. */
static int
stdio_share(int fd)
{
	struct stat	 st;
	int		 flags, new;

	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    (new = fcntl(fd, F_DUPFD_CLOEXEC, 3)) == -1)
		return (-1);
	if (flags & O_NONBLOCK)
		return (new);
	/* A pipe kept open for that would never end for its reader. */
	if (fstat(fd, &st) == 0 && !S_ISFIFO(st.st_mode)) {
		changed[fd].fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		changed[fd].flags = flags;
	}
	(void)fcntl(new, F_SETFL, flags | O_NONBLOCK);
	return (new);
}

static int
stdio_get(int fd, int mode)
{
	struct stat	 st;
	int		 new = -1;

	if (fstat(fd, &st) == -1)
		return (-1);
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return (-1);
	}
	/* Files and things like /dev/null never block. */
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) ||
	    (S_ISCHR(st.st_mode) && !isatty(fd)))
		return (fcntl(fd, F_DUPFD_CLOEXEC, 3));
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		new = stdio_reopen(fd, mode);
	return (new != -1 ? new : stdio_share(fd));
}

int
stdio_take(int *in, int *out)
{
	struct stat	 sin, sout;
	int		 null, one;

	/* As inetd(8) gives it: then its halves close apart. */
	one = fstat(STDIN_FILENO, &sin) == 0 &&
	    fstat(STDOUT_FILENO, &sout) == 0 && S_ISSOCK(sin.st_mode) &&
	    S_ISSOCK(sout.st_mode) && sin.st_dev == sout.st_dev &&
	    sin.st_ino == sout.st_ino;
	*out = -1;
	if ((*in = stdio_get(STDIN_FILENO, O_RDONLY)) == -1) {
		log_warn("standard input");
		return (-1);
	}
	if ((*out = one ? *in : stdio_get(STDOUT_FILENO, O_WRONLY)) == -1) {
		log_warn("standard output");
		goto fail;
	}
	/* The only ones are ours now: closing them is seen. */
	if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1 ||
	    dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1) {
		log_warn("/dev/null");
		goto fail;
	}
	close(null);
	atexit(stdio_restore);
	return (0);
 fail:
	close(*in);
	if (*out != -1 && *out != *in)
		close(*out);
	return (-1);
}

void
stdio_restore(void)
{
	size_t	 i;

	for (i = 0; i < nitems(changed); i++) {
		if (changed[i].fd == -1)
			continue;
		(void)fcntl(changed[i].fd, F_SETFL, changed[i].flags);
		close(changed[i].fd);
		changed[i].fd = -1;
	}
}

int
stdio_reader_gone(int fd)
{
	struct pollfd	 pfd = { .fd = fd, .events = 0 };

	if (poll(&pfd, 1, 0) <= 0)
		return (0);
	if (pfd.revents & POLLNVAL)
		return (-1);
	return ((pfd.revents & (POLLERR | POLLHUP)) != 0);
}
