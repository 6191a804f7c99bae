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
 * The access log's file, in the parent: the one process that can open it.
 * Its listeners write to it, and can do no more: they have no call that goes
 * back in a file, and what they were handed stands at its end.
 */

#include "compat.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

static int	 access_fd = -1;

/*
 * A new file is for the group of the control socket, whose gid nobody needs
 * to be asked for again.  Root has no other way left to give a file away.
 */
static gid_t
access_group(const struct relayd_conf *c)
{
	struct stat	 st;

	if (c->control_group == NULL || geteuid() != 0 ||
	    stat(c->control, &st) == -1)
		return (getegid());
	return (st.st_gid);
}

int
access_file_open(const struct relayd_conf *c, int *fd)
{
	struct stat	 st;
	mode_t		 mask;
	gid_t		 old, gid;
	int		 error;

	*fd = -1;
	if (c->access_log == NULL)
		return (0);
	old = getegid();
	gid = access_group(c);
	mask = umask(027);
	if (gid != old && setegid(gid) == -1)
		log_warn("access log %s: its group", c->access_log);
	/* A pipe must not hold us up. */
	*fd = open(c->access_log, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW |
	    O_CLOEXEC | O_NONBLOCK, 0640);
	error = errno;
	if (gid != old && setegid(old) == -1)
		fatal("setegid");
	umask(mask);
	if (*fd == -1) {
		errno = error;
		log_warn("access log %s", c->access_log);
		return (-1);
	}
	if (fstat(*fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    lseek(*fd, 0, SEEK_END) == -1) {
		log_warnx("access log %s: not a plain file", c->access_log);
		close(*fd);
		*fd = -1;
		return (-1);
	}
	return (0);
}

void
access_file_use(int fd)
{
	if (access_fd != -1)
		close(access_fd);
	access_fd = fd;
}

void
access_file_send(struct proc_peer *p)
{
	struct conf_access	 msg = { .format = conf->access_format };
	int			 fd;

	if (access_fd == -1)
		return;
	if ((fd = dup(access_fd)) == -1)
		fatal("dup");
	(void)proc_send(p, IMSG_CONF_ACCESS, 0, fd, &msg, sizeof(msg));
}

/* It was moved away: begin another one, everywhere. */
void
access_file_reopen(void)
{
	int	 fd, i;

	if (conf->access_log == NULL)
		return;
	if (access_file_open(conf, &fd) == -1) {
		log_warnx("access log: the file from before stays");
		return;
	}
	access_file_use(fd);
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (listener_peer(i) != NULL &&
		    proc_old_understands(PROC_LISTENER, i))
			access_file_send(listener_peer(i));
	}
	log_info("access log: %s was opened anew", conf->access_log);
}
