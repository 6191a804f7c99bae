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
 * What auth writes down for us: one line for every link, stream and act of an
 * administrator.  They wait here while auth is started again or is slow, so
 * that its pipe has room for questions.
 */

#include "compat.h"

#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "router.h"

#define AUDIT_WAITING_MAX	16384	/* lines, about 850 bytes each */

struct audit_line {
	STAILQ_ENTRY(audit_line)	 entry;
	struct audit_event		 event;
};

static STAILQ_HEAD(, audit_line) lines = STAILQ_HEAD_INITIALIZER(lines);
static uint32_t	 nlines;

static int	audit_pass(const struct audit_event *);

void
audit_init(struct audit_event *a, uint32_t what,
    const struct router_session *rs)
{
	memset(a, 0, sizeof(*a));
	a->what = what;
	a->at = time(NULL);
	if (rs == NULL)
		return;
	strlcpy(a->email, rs->s.email, sizeof(a->email));
	strlcpy(a->token_id, rs->s.token_id, sizeof(a->token_id));
	strlcpy(a->node, rs->s.node, sizeof(a->node));
	strlcpy(a->addr, rs->s.addr, sizeof(a->addr));
}

static int
audit_pass(const struct audit_event *a)
{
	struct proc_peer	*auth = router_auth();

	if (auth == NULL || proc_queued(auth) > PROC_QUEUE_HIGH)
		return (-1);
	return (proc_send(auth, IMSG_AUDIT, 0, -1, a, sizeof(*a)));
}

void
audit_send(const struct audit_event *a)
{
	static uint64_t		 told;
	struct audit_line	*l;

	if (nlines == 0 && audit_pass(a) == 0)
		return;
	if (nlines >= AUDIT_WAITING_MAX ||
	    (l = malloc(sizeof(*l))) == NULL) {
		router_counts.audit_lost++;
		if (router_may_log(&told))
			log_warnx("audit: auth takes nothing, lines are lost "
			    "(%llu so far)",
			    (unsigned long long)router_counts.audit_lost);
		return;
	}
	l->event = *a;
	STAILQ_INSERT_TAIL(&lines, l, entry);
	nlines++;
	router_wake();
}

int
audit_flush(void)
{
	struct audit_line	*l;

	while ((l = STAILQ_FIRST(&lines)) != NULL) {
		if (audit_pass(&l->event) == -1)
			/* Without auth there is nothing to try: its coming
			   wakes us. */
			return (router_auth() != NULL);
		STAILQ_REMOVE_HEAD(&lines, entry);
		nlines--;
		free(l);
	}
	return (0);
}

size_t
audit_waiting(uint32_t *n)
{
	*n = nlines;
	return (nlines * sizeof(struct audit_line));
}
