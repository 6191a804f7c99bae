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

#ifndef MSG_LIST_H
#define MSG_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "ctl.h"
#include "relayd.h"
#include "target.h"

/*
 * Messages: what there is to list, a page at a time: nodes and streams to
 * users, memory to the control socket.
 */

/* The question, and the end of its answer. */
struct nodes_ask {
	uint64_t		 session;
	uint32_t		 max;		/* about so many; 0: all */
	uint32_t		 code;		/* end: 0, or enum mux_code:
						   it broke off */
	uint32_t		 more;		/* end: ask again for them */
	uint32_t		 pad;
	char			 after[CTL_NAME_LEN];	/* behind this node */
};

struct nodes_entry {
	uint64_t		 session;
	uint32_t		 online;
	int64_t			 since;
	char			 node[CTL_NAME_LEN];
	char			 node_id[USER_ID_LEN + 4];
	char			 owner[CTL_EMAIL_LEN];
	uint32_t		 scopes;	/* of a grant; 0: its own */
	int64_t			 expires_at;	/* of the grant */
	char			 targets[TARGETS_LEN];	/* sent to its NUL */
};
#define NODES_ENTRY_MIN	(offsetof(struct nodes_entry, targets) + 1)

/* Streams that a session may see; the question, and the end of its answer. */
struct conns_ask {
	uint64_t		 session;
	uint64_t		 after;		/* behind this stream */
	uint32_t		 max;
	uint32_t		 code;		/* end: 0, or enum mux_code */
	uint32_t		 more;		/* end: ask again for them */
	uint32_t		 pad;
};
#define CONNS_ASK_MAX	64

struct conns_entry {
	uint64_t		 session;
	struct ctl_conn		 conn;
};

struct memory_page {
	uint32_t		 part;		/* 0: the first */
	uint32_t		 more;		/* 0: that was all */
	uint64_t		 after;		/* of that part */
};

#endif /* MSG_LIST_H */
