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
 * Landlock, by its system calls: files, and where the kernel is new enough
 * TCP ports, abstract sockets and signals.
 */

#include "compat.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "sandbox_internal.h"

/* What came after the headers this may be built with. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE	(1ULL << 14)	/* 3 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV	(1ULL << 15)	/* 5 */
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP	(1ULL << 0)	/* 4 */
#define LANDLOCK_ACCESS_NET_CONNECT_TCP	(1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)	/* 6 */
#define LANDLOCK_SCOPE_SIGNAL		(1ULL << 1)
#endif

/* The attribute as of version 6; older kernels take a shorter one. */
struct sandbox_ruleset {
	uint64_t	 fs;
	uint64_t	 net;
	uint64_t	 scoped;
};

#define SANDBOX_FS_1	((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define SANDBOX_FS_FILE	(LANDLOCK_ACCESS_FS_EXECUTE | \
			 LANDLOCK_ACCESS_FS_READ_FILE | \
			 LANDLOCK_ACCESS_FS_WRITE_FILE | \
			 LANDLOCK_ACCESS_FS_TRUNCATE)

static uint64_t	sandbox_rights(int);
static int	sandbox_allow(int, const struct sandbox_path *, uint64_t);

static uint64_t
sandbox_rights(int access)
{
	uint64_t	 rights = 0;

	if (access & SANDBOX_READ)
		rights |= LANDLOCK_ACCESS_FS_READ_FILE |
		    LANDLOCK_ACCESS_FS_READ_DIR;
	if (access & SANDBOX_WRITE)
		rights |= LANDLOCK_ACCESS_FS_WRITE_FILE |
		    LANDLOCK_ACCESS_FS_TRUNCATE;
	if (access & SANDBOX_CREATE)
		rights |= LANDLOCK_ACCESS_FS_MAKE_REG |
		    LANDLOCK_ACCESS_FS_MAKE_DIR |
		    LANDLOCK_ACCESS_FS_MAKE_SOCK |
		    LANDLOCK_ACCESS_FS_REMOVE_FILE |
		    LANDLOCK_ACCESS_FS_REMOVE_DIR;
	if (access & SANDBOX_EXEC)
		rights |= LANDLOCK_ACCESS_FS_EXECUTE;
	return (rights);
}

/* A path that does not exist needs no rule. */
static int
sandbox_allow(int ruleset, const struct sandbox_path *path, uint64_t handled)
{
	struct landlock_path_beneath_attr	 attr;
	struct stat				 st;
	int					 error = 0, fd;

	if ((fd = open(path->path, O_PATH | O_CLOEXEC)) == -1)
		return (errno == ENOENT || errno == ENOTDIR ? 0 : -1);
	attr.allowed_access = sandbox_rights(path->access) & handled;
	attr.parent_fd = fd;
	if (fstat(fd, &st) == -1)
		error = errno;
	else if (!S_ISDIR(st.st_mode))
		attr.allowed_access &= SANDBOX_FS_FILE;
	if (error == 0 && attr.allowed_access != 0 &&
	    syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &attr, 0) == -1)
		error = errno;
	close(fd);
	errno = error;
	return (error == 0 ? 0 : -1);
}

int
sandbox_landlock(unsigned int may, const struct sandbox_path *paths,
    size_t npaths, const char **missing)
{
	static const struct sandbox_path all = { "/", SANDBOX_READ };
	struct sandbox_ruleset		 attr = { 0, 0, 0 };
	size_t				 i, len;
	int				 abi, fd, save_errno;

	/* What a parent may reach, all it starts would be held to as well. */
	if (may & SANDBOX_MAY_PARENT && npaths == 0)
		return (0);
	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		*missing = "the kernel has no Landlock";
		return (0);
	}
	if (abi < 6)
		*missing = "the kernel's Landlock is old: files only";

	attr.fs = SANDBOX_FS_1;
	if (abi >= 2)
		attr.fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		attr.fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		attr.fs |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	len = sizeof(attr.fs);
	if (abi >= 4 && !(may & SANDBOX_MAY_PARENT)) {
		len = offsetof(struct sandbox_ruleset, scoped);
		attr.net = LANDLOCK_ACCESS_NET_BIND_TCP;
		if (!(may & SANDBOX_MAY_DIAL))
			attr.net |= LANDLOCK_ACCESS_NET_CONNECT_TCP;
	}
	if (abi >= 6 && !(may & SANDBOX_MAY_PARENT)) {
		len = sizeof(attr);
		attr.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET |
		    LANDLOCK_SCOPE_SIGNAL;
	}
	fd = syscall(SYS_landlock_create_ruleset, &attr, len, 0);
	if (fd == -1)
		return (-1);
	for (i = 0; i < npaths; i++)
		if (sandbox_allow(fd, &paths[i], attr.fs) == -1)
			goto fail;
	if (SANDBOX_SANITIZED && sandbox_allow(fd, &all, attr.fs) == -1)
		goto fail;
	if (syscall(SYS_landlock_restrict_self, fd, 0) == -1)
		goto fail;
	close(fd);
	return (0);

fail:
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return (-1);
}
