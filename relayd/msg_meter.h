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

#ifndef MSG_METER_H
#define MSG_METER_H

#include <stdint.h>

#include "ctl.h"
#include "relayd.h"

/* Messages: bandwidth and traffic of users, nodes and published ports. */

/* Who or what carries bytes, and may carry so many. */
enum meter_what { METER_USER = 1, METER_NODE, METER_PORT };
#define METER_NAMES	{ "?", "user", "node", "port" }

struct meter_id {
	uint32_t		 what;		/* 0: none */
	char			 id[USER_ID_LEN + 4];
};

/* Its ways: to the node, and from it. */
enum { WAY_OUT, WAY_IN, WAYS };

struct meter_info {
	struct meter_id		 meter;
	char			 name[CTL_EMAIL_LEN];	/* for people */
	uint64_t		 rate;		/* bytes/s each way; 0: any */
	uint64_t		 quota;		/* bytes a month; 0: any */
	uint64_t		 used;		/* of it */
	uint32_t		 month;		/* 202611, in UTC */
};

struct traffic {
	struct meter_id		 meter;
	uint64_t		 in, out;	/* bytes more */
};

/* What a listener may use of a limit. */
struct share_set {
	struct meter_id		 meter;
	uint64_t		 rate[WAYS];	/* bytes/s; 0: any */
	uint32_t		 full;		/* no streams: its quota of the
						   month is used up */
};

struct share_use {
	struct meter_id		 meter;
	uint64_t		 used[WAYS];	/* bytes since the last time */
	uint32_t		 lack[WAYS];	/* streams it held up */
	uint32_t		 ms;		/* how long that is */
};

#endif /* MSG_METER_H */
