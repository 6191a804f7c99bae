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
 * The audit log at the control socket.  A page is asked of auth when the
 * client has room for it, so a long log and a slow reader cost no memory, and
 * an auth that was started anew goes on where the last one was.
 */

#include "compat.h"

#include <imsg.h>

#include <ctype.h>
#include <string.h>

#include "control_req.h"
#include "log.h"
#include "router.h"

#define PAGE_MS		3000	/* for auth to answer */
#define FOLLOW_MS	500	/* between looks for new lines */
#define AWAY_MAX	10	/* times that auth does not answer */

static void	audit_ask_page(struct control *);

int
control_audit_check(const union control_payload *p)
{
	return (ROUTER_STR(p->audit.email) && ROUTER_STR(p->audit.node) &&
	    p->audit.since >= 0 && p->audit.after <= INT64_MAX &&
	    p->audit.pad == 0);
}

void
control_audit_run(struct control *c)
{
	char	*p;

	for (p = c->payload.audit.email; *p != '\0'; p++)
		*p = tolower((unsigned char)*p);
	c->cursor = c->payload.audit.after;
	audit_ask_page(c);
}

/* pad counts how often auth was away. */
static void
audit_ask_page(struct control *c)
{
	struct audit_ask	 ask;

	memset(&ask, 0, sizeof(ask));
	ask.after = c->cursor;
	ask.since = c->payload.audit.since;
	strlcpy(ask.email, c->payload.audit.email, sizeof(ask.email));
	strlcpy(ask.node, c->payload.audit.node, sizeof(ask.node));
	if (proc_send(router_auth(), IMSG_AUDIT_ASK, c->id, -1, &ask,
	    sizeof(ask)) == 0)
		control_await(c, CONTROL_AUDIT, PAGE_MS);
	else if (c->payload.audit.follow || ++c->payload.audit.pad < AWAY_MAX)
		control_await(c, CONTROL_FOLLOW, FOLLOW_MS);
	else
		control_done(c, CTL_CODE_STORE, "the auth process is away: "
		    "try again");
}

void
control_audit_go_on(struct control *c)
{
	if (c->wait == CONTROL_AUDIT) {
		log_debug("audit: no page from auth");
		if (!c->payload.audit.follow &&
		    ++c->payload.audit.pad >= AWAY_MAX) {
			control_done(c, CTL_CODE_STORE, "the auth process "
			    "does not answer: try again");
			return;
		}
	}
	if (control_room(c))
		audit_ask_page(c);
	else
		control_await(c, CONTROL_READER, 0);
}

int
control_audit_line(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_audit	 a;
	struct control		*c;

	if (imsg_get_data(imsg, &a, sizeof(a)) == -1 ||
	    !ROUTER_STR(a.what) || !ROUTER_STR(a.email) ||
	    !ROUTER_STR(a.token_id) || !ROUTER_STR(a.node) ||
	    !ROUTER_STR(a.addr) || !ROUTER_STR(a.target) ||
	    !ROUTER_STR(a.text))
		return (-1);
	c = control_find(imsg_get_id(imsg), CONTROL_AUDIT);
	/* What was asked twice comes twice. */
	if (c == NULL || a.id <= c->cursor)
		return (0);
	c->cursor = a.id;
	control_send(c, CTL_AUDIT_LINE, &a, sizeof(a));
	return (0);
}

int
control_audit_page(struct proc_peer *peer, struct imsg *imsg)
{
	struct audit_page	 page;
	struct control		*c;

	if (imsg_get_data(imsg, &page, sizeof(page)) == -1)
		return (-1);
	c = control_find(imsg_get_id(imsg), CONTROL_AUDIT);
	if (c == NULL)
		return (0);
	if (page.failed) {
		if (c->payload.audit.follow)
			control_await(c, CONTROL_FOLLOW, FOLLOW_MS);
		else
			control_done(c, CTL_CODE_STORE,
			    "the store can't be read now");
		return (0);
	}
	c->payload.audit.pad = 0;
	c->cursor = page.after;
	if (page.more)
		control_await(c, CONTROL_READER, 0);
	else if (c->payload.audit.follow)
		control_await(c, CONTROL_FOLLOW, FOLLOW_MS);
	else {
		control_done(c, CTL_CODE_OK, "");
		return (0);
	}
	if (page.more && control_room(c))
		control_audit_go_on(c);
	return (0);
}
