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

#include "compat.h"

#include <sys/mman.h>

#include <event2/event.h>
#ifdef __linux__
#include <link.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "trim.h"

#define TRIM_S	1

static struct event	*timer;
static int		 all;		/* of both, this time */

#ifdef __linux__
/* Where relocations were written into what is read-only afterwards. */
static int
trim_has_textrel(const struct dl_phdr_info *info)
{
	const ElfW(Dyn)	*d;
	int		 i;

	for (i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_DYNAMIC)
			continue;
		d = (const ElfW(Dyn) *)(info->dlpi_addr +
		    info->dlpi_phdr[i].p_vaddr);
		for (; d->d_tag != DT_NULL; d++)
			if (d->d_tag == DT_TEXTREL || (d->d_tag == DT_FLAGS &&
			    (d->d_un.d_val & DF_TEXTREL)))
				return (1);
	}
	return (0);
}

/*
 * Code and constants are in memory as they are in their file: who needs a
 * page again finds it there.  (A debugger's breakpoints are lost with it.)
 */
static int
trim_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t	 page = *(uintptr_t *)arg, from, to;
	int		 i;

	if (trim_has_textrel(info))
		return (0);
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr)	*ph = &info->dlpi_phdr[i];

		if (ph->p_type != PT_LOAD || (ph->p_flags & PF_W))
			continue;
		from = info->dlpi_addr + ph->p_vaddr;
		to = from + ph->p_memsz + page - 1;
		from -= from % page;
		to -= to % page;
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return (0);
}
#endif

static void
trim_free(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

void
trim_all(void)
{
#ifdef __linux__
	uintptr_t	 page = (uintptr_t)sysconf(_SC_PAGESIZE);

	dl_iterate_phdr(trim_object, &page);
#endif
	trim_free();
}

static void
trim_now(evutil_socket_t fd, short what, void *arg)
{
	if (all) {
		all = 0;
		trim_all();
	} else
		trim_free();
}

int
trim_init(struct event_base *base)
{
	timer = evtimer_new(base, trim_now, NULL);
	return (timer == NULL ? -1 : 0);
}

void
trim_free_later(void)
{
	static const struct timeval	 tv = { TRIM_S, 0 };

	if (timer != NULL && !evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
}

void
trim_all_later(void)
{
	all = 1;
	trim_free_later();
}
