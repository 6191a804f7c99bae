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
 * The local Unix sockets of accessctl forward.  Their files go when the
 * program does, however it ends: a child that holds nothing waits for that,
 * so the program itself may be without the right to remove files.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "forward.h"
#include "log.h"

/* A file of ours. */
struct socket_file {
	SLIST_ENTRY(socket_file) entry;
	struct sockaddr_un	 sun;
	dev_t			 dev;
	ino_t			 ino;
};

static SLIST_HEAD(, socket_file) files = SLIST_HEAD_INITIALIZER(files);
static int	 keeper = -1;		/* our end of the line to the child */

static void	file_remove(const struct socket_file *);
static int	file_ours(const char *);
static int	file_stale(const struct sockaddr_un *);
static void	keeper_run(int);

/* Only what is still ours. */
static void
file_remove(const struct socket_file *f)
{
	struct stat	 st;

	if (lstat(f->sun.sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    st.st_dev == f->dev && st.st_ino == f->ino)
		(void)unlink(f->sun.sun_path);
}

/*
 * What is in the way: a socket that nobody listens on is removed (0), all
 * else stays (-1, with errno).
 */
static int
file_stale(const struct sockaddr_un *sun)
{
	struct stat	 st;
	int		 fd, error = EADDRINUSE;

	if (lstat(sun->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return (-1);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return (-1);
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == -1 &&
	    errno == ECONNREFUSED)
		error = unlink(sun->sun_path) == -1 ? errno : 0;
	close(fd);
	errno = error;
	return (error == 0 ? 0 : -1);
}

/* A socket that only its owner may use; -1 with errno. */
static int
file_bind(const struct sockaddr_un *sun)
{
	mode_t	 mask;
	int	 fd, ret, save_errno;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return (-1);
	mask = umask(0177);
	ret = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	if (ret == -1 && errno == EADDRINUSE && file_stale(sun) == 0)
		ret = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	save_errno = errno;
	umask(mask);
	if (ret == 0)
		return (fd);
	close(fd);
	errno = save_errno;
	return (-1);
}

/* By another way to write its path, perhaps. */
static int
file_ours(const char *path)
{
	const struct socket_file	*f;
	struct stat			 st;

	if (lstat(path, &st) == -1)
		return (0);
	SLIST_FOREACH(f, &files, entry) {
		if (f->dev == st.st_dev && f->ino == st.st_ino)
			return (1);
	}
	return (0);
}

int
forward_unix_bind(const char *path)
{
	struct socket_file	*f;
	struct stat		 st;
	int			 fd;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (-1);
	f->sun.sun_family = AF_UNIX;
	strlcpy(f->sun.sun_path, path, sizeof(f->sun.sun_path));
	if ((fd = file_bind(&f->sun)) == -1) {
		if (errno == EADDRINUSE && file_ours(path))
			log_warnx("can't listen on %s: it is given twice: "
			    "another -L listens there already", path);
		else
			log_warnx("can't listen on %s: %s%s", path,
			    strerror(errno), errno == EADDRINUSE ?
			    " (by another program)" : errno == EEXIST ?
			    " (and it is no socket)" : "");
		free(f);
		return (-1);
	}
	if (lstat(path, &st) == 0) {
		f->dev = st.st_dev;
		f->ino = st.st_ino;
		SLIST_INSERT_HEAD(&files, f, entry);
	} else
		free(f);
	return (fd);
}

/* Wait for the end of the program, at the other end of the line. */
static void
keeper_run(int fd)
{
	static const int	 ignore[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT
	};
	struct socket_file	*f;
	ssize_t			 n;
	size_t			 i;
	char			 c;

	for (i = 0; i < nitems(ignore); i++)
		signal(ignore[i], SIG_IGN);
	/* Whoever waits for the end of our output does not wait for this. */
	if (dup2(fd, STDIN_FILENO) == -1)
		_exit(1);
	closefrom(STDIN_FILENO + 1);
	do {
		n = read(STDIN_FILENO, &c, 1);
	} while (n == 1 || (n == -1 && errno == EINTR));
	SLIST_FOREACH(f, &files, entry)
		file_remove(f);
	_exit(0);
}

void
forward_unix_keep(void)
{
	int	 sv[2];

	if (SLIST_EMPTY(&files) || keeper != -1)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		fatal("socketpair");
	switch (fork()) {
	case -1:
		fatal("fork");
	case 0:
		close(sv[0]);
		keeper_run(sv[1]);
	}
	close(sv[1]);
	keeper = sv[0];
}

void
forward_unix_remove(void)
{
	struct socket_file	*f;
	char			 c;

	if (keeper == -1) {
		SLIST_FOREACH(f, &files, entry)
			file_remove(f);
		return;
	}
	/* It goes when the files have gone. */
	shutdown(keeper, SHUT_WR);
	while (read(keeper, &c, 1) == -1 && errno == EINTR)
		continue;
	close(keeper);
	keeper = -1;
}
