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
 * Lines about memory, as the parent, auth, router and the listeners tell
 * them.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "relayd.h"

void
memory_line(struct ctl_memory *m, uint32_t kind, int process, int instance)
{
	static const char *const names[PROC_KINDS] = {
		[PROC_PARENT] = "parent",
		[PROC_KEYS] = "keys",
		[PROC_AUTH] = "auth",
		[PROC_ROUTER] = "router",
		[PROC_LISTENER] = "listener"
	};

	memset(m, 0, sizeof(*m));
	m->kind = kind;
	if (process == PROC_LISTENER)
		(void)snprintf(m->process, sizeof(m->process), "%s %d",
		    names[process], instance);
	else
		strlcpy(m->process, names[process], sizeof(m->process));
}

void
memory_things(struct proc_peer *to, uint32_t id, int process, int instance,
    const char *what, uint64_t count, uint64_t bytes)
{
	struct ctl_memory	 m;

	memory_line(&m, MEMORY_THINGS, process, instance);
	strlcpy(m.what, what, sizeof(m.what));
	m.count = count;
	m.state = bytes;
	(void)proc_send(to, CTL_MEMORY_LINE, id, -1, &m, sizeof(m));
}
