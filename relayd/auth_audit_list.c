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
 * The audit log, read for router, which asks for a page when its client has
 * taken the one before.  Nothing is remembered here from one to the next.
 */

#include "compat.h"

#include <imsg.h>

#include <string.h>
#include <strings.h>

#include "auth.h"

/*
 * Lines are written in batches, and clocks are set: one may be older than
 * others with a lower id, but not by more lines than this.
 */
#define DISORDER	(AUTH_AUDIT_QUEUE + AUTH_BATCH)
#define PART		32		/* lines read at once */

static enum store_result ask_start(const struct audit_ask *, uint64_t *);
static enum store_result ask_part(const struct audit_ask *, uint32_t,
			    struct audit_page *, size_t *);
static enum store_result ask_end(struct audit_page *);

/* Where since begins.  Without any line since then, at the end. */
static enum store_result
ask_start(const struct audit_ask *ask, uint64_t *after)
{
	enum store_result	 r;
	uint64_t		 id;

	*after = 0;
	if (ask->since == 0)
		return (STORE_OK);
	if ((r = store_audit_since(auth_store, ask->since, &id)) == STORE_OK)
		*after = id > DISORDER ? id - DISORDER : 0;
	else if (r == STORE_NONE)
		r = store_audit_last(auth_store, after);
	return (r);
}

static enum store_result
ask_part(const struct audit_ask *ask, uint32_t client,
    struct audit_page *page, size_t *n)
{
	static struct ctl_audit	 lines[PART];
	enum store_result	 r;
	size_t			 i;

	*n = PART;
	r = store_audit_page(auth_store, page->after, lines, n);
	/* Lines have names as they were typed, too. */
	for (i = 0; r == STORE_OK && i < *n; i++) {
		page->after = lines[i].id;
		if (lines[i].at < ask->since || (ask->email[0] != '\0' &&
		    strcasecmp(ask->email, lines[i].email) != 0) ||
		    (ask->node[0] != '\0' &&
		    strcasecmp(ask->node, lines[i].node) != 0))
			continue;
		(void)proc_send(proc_peer(PROC_ROUTER, 0), CTL_AUDIT_LINE,
		    client, -1, &lines[i], sizeof(lines[i]));
	}
	return (r);
}

/* All are read; or are these other lines than those that were asked for? */
static enum store_result
ask_end(struct audit_page *page)
{
	enum store_result	 r;
	uint64_t		 last;

	r = store_audit_last(auth_store, &last);
	if (r == STORE_OK && last < page->after)
		page->after = 0;
	return (r);
}

int
auth_recv_audit_ask(struct proc_peer *peer, struct imsg *imsg)
{
	enum store_result	 r = STORE_OK;
	struct audit_ask	 ask;
	struct audit_page	 page;
	size_t			 n = 0, total = 0;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 ||
	    memchr(ask.email, '\0', sizeof(ask.email)) == NULL ||
	    memchr(ask.node, '\0', sizeof(ask.node)) == NULL)
		return (-1);
	memset(&page, 0, sizeof(page));
	page.after = ask.after;
	page.more = 1;
	/* A pipe that is full of other things: the same again, please. */
	if (proc_queued(peer) <= PROC_QUEUE_HIGH) {
		auth_audit_settle();
		if (ask.after == 0)
			r = ask_start(&ask, &page.after);
		do {
			if (r == STORE_OK)
				r = ask_part(&ask, imsg_get_id(imsg), &page,
				    &n);
			total += n;
		} while (r == STORE_OK && n == PART &&
		    total < AUTH_AUDIT_PAGE);
		page.more = n == PART;
		if (r == STORE_OK && n == 0)
			r = ask_end(&page);
		if (r != STORE_OK) {
			auth_trouble("the audit log can't be read");
			page.failed = 1;
		}
	}
	(void)proc_send(peer, IMSG_AUDIT_PAGE, imsg_get_id(imsg), -1, &page,
	    sizeof(page));
	return (0);
}
