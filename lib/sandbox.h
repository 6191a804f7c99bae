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

#ifndef SANDBOX_H
#define SANDBOX_H

#include <sys/types.h>

#include <stddef.h>

/*
 * What a process may still do once it serves: one small interface, one file
 * per system.  On Linux: no_new_privs, rlimits, Landlock, seccomp-bpf; a
 * forbidden call ends the process with SIGSYS, after its number and the
 * process's name were written to the report descriptor.
 */

/*
 * Under a sanitizer there is no system call filter and no chroot, and every
 * file may be read: the leak checker traces the process when it ends, and a
 * report names functions from the binary.  The rest stays.
 */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || \
    __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED	1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED	0
#endif

enum sandbox_profile {
	SANDBOX_RELAYD_PARENT,
	SANDBOX_KEYS,
	SANDBOX_LISTENER,
	SANDBOX_AUTH,
	SANDBOX_ROUTER,
	SANDBOX_AGENTD_PARENT,
	SANDBOX_TUNNEL,
	SANDBOX_PROXY,
	SANDBOX_CLIENT,			/* accessctl, once connected */
	SANDBOX_ADMIN,			/* the same, at the control socket */
	SANDBOX_ADMIN_AGAIN,		/* and connecting to another one */
	SANDBOX_BACKUP,			/* and putting a file in its place */
	SANDBOX_PROFILES
};

#define SANDBOX_READ	0x1		/* files: read; folders: list */
#define SANDBOX_WRITE	0x2		/* write, truncate */
#define SANDBOX_CREATE	0x4		/* make and remove entries */
#define SANDBOX_EXEC	0x8

struct sandbox_path {
	const char	*path;		/* a file or a folder, with all below */
	int		 access;
};

/*
 * sandbox_process: what holds for a process from its first moment, before
 * exec and after: it dies with its parent (0: it is the first; a change of
 * user undoes this: call it again), leaves no core and cannot be traced.
 * Returns -1 if the parent is gone already.
 */
int		 sandbox_process(pid_t parent);
/* When memory is short, the kernel ends the dispensable first. */
void		 sandbox_oom(enum sandbox_profile);
/* Write forbidden calls to this descriptor, from now on; -1: to the log. */
void		 sandbox_report(int);
/*
 * sandbox_enter: restrict this process, for good.  Paths are what Landlock
 * still lets it reach (none for most).  report is a descriptor, or -1: a
 * forbidden call writes its number there as 4 bytes, host order.  Returns 0,
 * or -1 with errno where the kernel lacks what is needed.  Landlock missing,
 * or for agentd seccomp, is not an error but told by sandbox_missing().
 */
int		 sandbox_enter(enum sandbox_profile,
		    const struct sandbox_path *, size_t, int report);
/*
 * When a process is executed anew the filters it has stay, and it adds its
 * own.  sandbox_calls: the calls that this program's parents may make, in
 * words for the next one, or NULL; it checks by sandbox_calls_within that it
 * may make all it wants: 0, or -1.  sandbox_filters: which filters there are,
 * and sandbox_filtered: none of these need be added again.
 */
const char	*sandbox_calls(void);
int		 sandbox_calls_within(const char *);
const char	*sandbox_filters(void);
void		 sandbox_filtered(const char *);
/* What of the sandbox this system could not give, for the log; or NULL. */
const char	*sandbox_missing(void);
/* The name of a system call number, for the log; never NULL. */
const char	*sandbox_call_name(int);

/*
 * For test programs and builds (CULVERT_TEST) only: try a forbidden thing by
 * name, "open", "socket", "connect", "fork", "execve", "kill", "ptrace",
 * "setuid", "mmap_exec", "fchdir", "io_uring".  Returns 0 if it was
 * possible, or -1 with errno; or does not return.
 */
int		 sandbox_try(const char *);

#endif /* SANDBOX_H */
