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
 * Copies of the relay's database.  relayd makes one while it serves and hands
 * over a descriptor of it; what is left to do here is to put it where it is
 * wanted, whole or not at all, or to look at it.
 */

#include "compat.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessctl.h"
#include "log.h"

/* Where the copy goes. */
static struct {
	char		 file[PATH_MAX];
	char		 folder[PATH_MAX];
	char		 temporary[PATH_MAX];	/* "" when it is gone */
	int		 fd, folder_fd;
} dest = { .fd = -1, .folder_fd = -1 };

static int	 showing;		/* progress is on the terminal */

static void	copy_interrupted(int);
static void	copy_catch(void);
static void	copy_progress(const void *, void *);
static int	copy_ask(uint32_t, struct ctl_copy *);
static void	dest_drop(void);
static int	dest_open(const char *, int);
static int	dest_fill(int, uint64_t);
static int	dest_place(int);
static void	check_tell(void *, const char *);

/* ---- getting one ---- */

static void
copy_progress(const void *rec, void *arg)
{
	const struct ctl_copy	*now = rec;
	struct ctl_copy		*copy = arg;

	*copy = *now;
	if (!isatty(STDERR_FILENO) || now->total == 0)
		return;
	fprintf(stderr, "\rcopying: %llu%%",
	    (unsigned long long)(now->done * 100 / now->total));
	showing = 1;
}

/* A descriptor of a fresh copy, or -1 (logged). */
static int
copy_ask(uint32_t request, struct ctl_copy *copy)
{
	struct ctl_name	 name;
	struct ctl_end	 end;
	int		 fd, ret;

	memset(&name, 0, sizeof(name));
	memset(copy, 0, sizeof(*copy));
	ret = control_ask(request, &name, sizeof(name), CTL_COPY,
	    sizeof(*copy), copy_progress, copy, &end);
	if (showing)
		fprintf(stderr, "\r              \r");
	showing = 0;
	fd = control_fd();
	if (ret == -1) {
		if (fd != -1)
			close(fd);
		return (-1);
	}
	if (fd == -1)
		log_warnx("relayd sent no copy: is it of another version?");
	return (fd);
}

/*
 * Whether what SQLite keeps beside a database in use is beside this file: its
 * name goes into wal, of PATH_MAX bytes.
 */
static int
in_use(const char *file, char *wal)
{
	struct stat	 st;

	return ((size_t)snprintf(wal, PATH_MAX, "%s-wal", file) < PATH_MAX &&
	    stat(wal, &st) == 0);
}

/* ---- where it goes ---- */

static void
dest_drop(void)
{
	if (dest.temporary[0] != '\0')
		(void)unlink(dest.temporary);
	dest.temporary[0] = '\0';
}

static void
copy_interrupted(int sig)
{
	if (dest.temporary[0] != '\0')
		(void)unlink(dest.temporary);
	_exit(128 + sig);
}

static void
copy_catch(void)
{
	static const int	 ends[] = { SIGINT, SIGTERM, SIGHUP };
	size_t			 i;

	for (i = 0; i < nitems(ends); i++)
		if (signal(ends[i], copy_interrupted) == SIG_IGN)
			(void)signal(ends[i], SIG_IGN);
}

/* A file beside it until it is whole, for nobody else to read. */
static int
dest_open(const char *file, int force)
{
	static struct sandbox_path	 path;
	struct stat			 st;
	char				 copy[PATH_MAX], wal[PATH_MAX];

	if (strlcpy(dest.file, file, sizeof(dest.file)) >=
	    sizeof(dest.file) || file[0] == '\0') {
		log_warnx("%s: not the name of a file", file);
		return (-1);
	}
	if (lstat(file, &st) == 0) {
		if (!force) {
			log_warnx("%s: exists; --force replaces it", file);
			return (-1);
		}
		if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)) {
			log_warnx("%s: not a file", file);
			return (-1);
		}
		/* What that relayd writes would go where nobody finds it. */
		if (in_use(file, wal)) {
			log_warnx("%s is there: a relayd uses this database, "
			    "or was killed; name another file", wal);
			return (-1);
		}
	}
	strlcpy(copy, file, sizeof(copy));
	strlcpy(dest.folder, dirname(copy), sizeof(dest.folder));
	if ((dest.folder_fd = open(dest.folder, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC)) == -1) {
		log_warn("%s", dest.folder);
		return (-1);
	}
	if ((size_t)snprintf(dest.temporary, sizeof(dest.temporary),
	    "%s.%08x.tmp", file, arc4random()) >= sizeof(dest.temporary)) {
		log_warnx("%s: the name is too long", file);
		dest.temporary[0] = '\0';
		return (-1);
	}
	copy_catch();
	dest.fd = open(dest.temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (dest.fd == -1) {
		log_warn("%s", dest.temporary);
		dest.temporary[0] = '\0';
		return (-1);
	}
	path.path = dest.folder;
	path.access = SANDBOX_CREATE;
	control_sandbox(SANDBOX_BACKUP, &path, 1);
	return (0);
}

static int
dest_fill(int fd, uint64_t bytes)
{
	static char	 buf[128 * 1024];
	uint64_t	 total = 0;
	ssize_t		 n, off, w;

	while ((n = read(fd, buf, sizeof(buf))) > 0 ||
	    (n == -1 && errno == EINTR)) {
		for (off = 0; off < n; off += w) {
			w = write(dest.fd, buf + off, n - off);
			if (w == -1 && errno == EINTR)
				w = 0;
			if (w == -1) {
				log_warn("%s", dest.file);
				return (-1);
			}
		}
		if (n > 0)
			total += n;
	}
	if (n == -1) {
		log_warn("the copy can't be read");
		return (-1);
	}
	if (total != bytes) {
		log_warnx("the copy has %llu bytes instead of %llu",
		    (unsigned long long)total, (unsigned long long)bytes);
		return (-1);
	}
	if (fsync(dest.fd) == -1) {
		log_warn("%s", dest.file);
		return (-1);
	}
	return (0);
}

/* Its name, once it is whole; nobody else's file goes unless that is meant. */
static int
dest_place(int force)
{
	int	 ret;

	if (force)
		ret = rename(dest.temporary, dest.file);
	else if ((ret = link(dest.temporary, dest.file)) == 0)
		(void)unlink(dest.temporary);
	if (ret == -1) {
		log_warn("%s", dest.file);
		return (-1);
	}
	dest.temporary[0] = '\0';
	/* A file system that can't do so has nothing to lose by it. */
	(void)fsync(dest.folder_fd);
	return (0);
}

static void
check_tell(void *arg, const char *line)
{
	printf("%s\n", line);
}

/* ---- commands ---- */

int
cmd_backup(int argc, char **argv)
{
	static const struct option	 options[] = {
		{ "force",	no_argument, NULL, 'f' },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	struct ctl_copy			 copy;
	int				 ch, fd, force = 0;

	while ((ch = getopt_long(argc, argv, "f" OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (ch == 'f')
			force = 1;
		else if (!admin_option(ch, optarg))
			return (EXIT_USAGE);
	}
	if (argc - optind != 1)
		return (usage());
	if (dest_open(argv[optind], force) == -1)
		return (EXIT_OTHER);
	if ((fd = copy_ask(CTL_BACKUP, &copy)) == -1) {
		dest_drop();
		return (EXIT_OTHER);
	}
	if (dest_fill(fd, copy.bytes) == -1) {
		dest_drop();
		return (EXIT_OTHER);
	}
	close(fd);
	/* Found out now, not when it is needed. */
	if (store_check(dest.fd, copy.bytes, NULL, NULL) != 0) {
		log_warnx("the relay's database is damaged: accessctl check "
		    "says how; nothing was written");
		dest_drop();
		return (EXIT_OTHER);
	}
	if (dest_place(force) == -1) {
		dest_drop();
		return (EXIT_OTHER);
	}
	printf("%s: %llu bytes, checked\n", dest.file,
	    (unsigned long long)copy.bytes);
	return (EXIT_OK);
}

/* A file that nobody writes to, and what would lie beside one in use. */
static int
check_file(const char *file, size_t *len)
{
	struct stat	 st;
	char		 wal[PATH_MAX];
	int		 fd;

	if ((fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1 ||
	    fstat(fd, &st) == -1) {
		log_warn("%s", file);
		if (fd != -1)
			close(fd);
		return (-1);
	}
	*len = st.st_size;
	if (!S_ISREG(st.st_mode)) {
		log_warnx("%s: not a file", file);
		close(fd);
		return (-1);
	}
	if (in_use(file, wal)) {
		log_warnx("%s is there: a relayd uses this database, or was "
		    "killed; \"accessctl check\" without a file asks it", wal);
		close(fd);
		return (-1);
	}
	return (fd);
}

int
cmd_check(int argc, char **argv)
{
	struct ctl_copy	 copy;
	char		**args;
	size_t		 len;
	int		 fd;

	if ((args = admin_args_most(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	if (args[0] != NULL) {
		fd = check_file(args[0], &len);
		if (fd != -1 &&
		    sandbox_enter(SANDBOX_ADMIN, NULL, 0, -1) == -1)
			log_debug("no sandbox: %s", strerror(errno));
	} else {
		fd = copy_ask(CTL_CHECK, &copy);
		len = copy.bytes;
	}
	if (fd == -1)
		return (EXIT_OTHER);
	if (store_check(fd, len, check_tell, NULL) != 0)
		return (EXIT_OTHER);
	printf("ok\n");
	return (EXIT_OK);
}
