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
 * The sandbox on OpenBSD: pledge(2), and unveil(2) for the paths.  What is
 * forbidden ends the process with SIGABRT; the kernel names the call in its
 * own log, so nothing is reported here.
 */

#include "compat.h"

#include <sys/resource.h>
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

/* recvfd and sendfd: descriptors travel in messages, to nearly all. */
static const char *const sandbox_promises[SANDBOX_PROFILES] = {
	[SANDBOX_RELAYD_PARENT] = "stdio rpath wpath cpath fattr inet unix "
	    "dns getpw id proc exec chown flock sendfd recvfd",
	[SANDBOX_AGENTD_PARENT] = "stdio rpath wpath cpath fattr inet unix "
	    "dns getpw id proc exec sendfd recvfd",
	[SANDBOX_KEYS] = "stdio recvfd",
	[SANDBOX_LISTENER] = "stdio inet unix sendfd recvfd",
	[SANDBOX_AUTH] = "stdio rpath wpath cpath flock fattr sendfd recvfd",
	[SANDBOX_ROUTER] = "stdio unix sendfd recvfd",
	[SANDBOX_TUNNEL] = "stdio inet unix sendfd recvfd",
	[SANDBOX_PROXY] = "stdio rpath inet unix dns sendfd recvfd",
	[SANDBOX_ADMIN] = "stdio tty recvfd",
	[SANDBOX_ADMIN_AGAIN] = "stdio unix tty recvfd",
	[SANDBOX_BACKUP] = "stdio rpath wpath cpath tty recvfd",
	[SANDBOX_CLIENT] = "stdio rpath inet unix dns tty",
};

int
sandbox_process(pid_t parent)
{
	struct rlimit	 rl = { 0, 0 };

	/* The end of the pipe tells a child that its parent is gone. */
	if (setrlimit(RLIMIT_CORE, &rl) == -1)
		return (-1);
	return (parent == 0 || getppid() == parent ? 0 : -1);
}

void
sandbox_oom(enum sandbox_profile profile)
{
}

void
sandbox_report(int fd)
{
}

int
sandbox_enter(enum sandbox_profile profile, const struct sandbox_path *paths,
    size_t npaths, int report)
{
	char	 how[5], *p;
	size_t	 i;

	if ((unsigned int)profile >= SANDBOX_PROFILES) {
		errno = EINVAL;
		return (-1);
	}
	for (i = 0; i < npaths; i++) {
		p = how;
		if (paths[i].access & SANDBOX_READ)
			*p++ = 'r';
		if (paths[i].access & SANDBOX_WRITE)
			*p++ = 'w';
		if (paths[i].access & SANDBOX_CREATE)
			*p++ = 'c';
		if (paths[i].access & SANDBOX_EXEC)
			*p++ = 'x';
		*p = '\0';
		if (unveil(paths[i].path, how) == -1 && errno != ENOENT)
			return (-1);
	}
	if (npaths > 0 && unveil(NULL, NULL) == -1)
		return (-1);
	return (pledge(sandbox_promises[profile], NULL));
}

const char *
sandbox_missing(void)
{
	return (NULL);
}

const char *
sandbox_call_name(int nr)
{
	return ("unknown");
}

const char *
sandbox_calls(void)
{
	return (NULL);
}

int
sandbox_calls_within(const char *calls)
{
	return (0);
}

const char *
sandbox_filters(void)
{
	return (NULL);
}

void
sandbox_filtered(const char *filters)
{
}
