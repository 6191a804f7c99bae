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

#ifndef UPGRADE_H
#define UPGRADE_H

#include <limits.h>

#include "parent.h"

/*
 * What upgrade.c and upgrade_state.c share.
 */

#define UPGRADE_ARGS_MAX	32

struct event;

enum step { STEP_NONE, STEP_QUIET, STEP_SESSIONS, STEP_ROUTER, STEP_AUTH,
	STEP_SERVE };

struct upgrade {
	char		*args[UPGRADE_ARGS_MAX + 1];
	size_t		 nargs;
	char		 program[PATH_MAX];
	uint32_t	 client;	/* that asked; 0: none */
	uint64_t	 count;		/* upgrades that there were */
	char		 from[32];	/* the version before this */
	enum step	 step;
	int		 began;		/* auth may serve */
	int		 serves;	/* all may */
	uint64_t	 began_ms;
	struct event	*timer;		/* of a step */
	struct event	*tick;		/* while some drain */
	int		 waiting[PROC_INSTANCES_MAX];	/* not quiet yet */
	uint64_t	 until[PROC_INSTANCES_MAX];	/* ms; 0: no limit */
	int		 known[PROC_INSTANCES_MAX];	/* from before */
	int		 resumed;	/* there was one before */
};

extern struct upgrade	 upgrade;

/* We are not what went before any more. */
void	 upgrade_forget(void);

#endif /* UPGRADE_H */
