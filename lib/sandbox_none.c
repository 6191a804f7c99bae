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
 * Where there is no sandbox that we know how to build: the chroot, the user
 * of its own and the limits of a process are all there is, and it is said.
 */

#include "compat.h"

#include <sys/resource.h>
#include <sys/types.h>

#include <unistd.h>

#include "sandbox.h"

int
sandbox_process(pid_t parent)
{
	struct rlimit	 rl = { 0, 0 };

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
	return (0);
}

const char *
sandbox_missing(void)
{
	return ("none on this system");
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
