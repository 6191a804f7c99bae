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

#ifndef MSG_AUDIT_H
#define MSG_AUDIT_H

#include <stdint.h>

#include "ctl.h"
#include "mux_frame.h"
#include "relayd.h"
#include "token.h"

/* Messages: the audit log. */

enum audit_what {
	AUDIT_LOGIN = 1, AUDIT_DENIED, AUDIT_LINK_UP, AUDIT_LINK_DOWN,
	AUDIT_STREAM, AUDIT_STREAM_DENIED, AUDIT_REVOKE, AUDIT_ADMIN,
	AUDIT_GRANT, AUDIT_GRANT_EXPIRED, AUDIT_QUOTA
};

struct audit_event {
	uint32_t		 what;
	int64_t			 at;		/* s since 1970; of the end */
	char			 email[CTL_EMAIL_LEN];
	char			 token_id[TOKEN_ID_LEN + 4];
	char			 node[CTL_NAME_LEN];
	char			 addr[CTL_ADDR_LEN];
	char			 target[MUX_TARGET_LEN];
	uint64_t		 ms;		/* how long */
	uint64_t		 in, out;
	char			 text[CTL_TEXT_LEN];
};

struct audit_ask {
	uint64_t		 after;		/* id; 0: from since on */
	int64_t			 since;
	char			 email[CTL_EMAIL_LEN];
	char			 node[CTL_NAME_LEN];
};

struct audit_page {
	uint64_t		 after;		/* where to go on */
	uint32_t		 more;		/* there is more already */
	uint32_t		 failed;	/* the store can't be read */
};

#endif /* MSG_AUDIT_H */
