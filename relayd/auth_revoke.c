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
 * Revocation: what rests on a user, token, node or grant ends at once, and
 * who asked for it learns how much that was.
 */

#include "compat.h"

#include <sys/queue.h>

#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "log.h"

struct pending {
	TAILQ_ENTRY(pending)	 entry;
	uint32_t		 id;
	struct revoke		 revoke;
	int			 sent;
	int			 answer;	/* to client */
	int			 answered;
	uint32_t		 client;
	char			 text[CTL_TEXT_LEN];
	uint64_t		 since;		/* ms */
	uint32_t		 audit;		/* as; 0: if there was any */
	char			 email[CTL_EMAIL_LEN];	/* for the record */
	char			 node[CTL_NAME_LEN];
	char			 was[CTL_NAME_LEN];
};

static void	pending_send(struct pending *);
static struct pending *pending_new(uint32_t, const char *, const char *);
static void	pending_start(struct pending *);
static void	pending_answer(struct pending *, const struct ctl_end *);

static TAILQ_HEAD(, pending)	 pendings = TAILQ_HEAD_INITIALIZER(pendings);
static uint32_t			 last_id;

static void
pending_send(struct pending *p)
{
	p->sent = proc_send(proc_peer(PROC_ROUTER, 0), IMSG_REVOKE, p->id, -1,
	    &p->revoke, sizeof(p->revoke)) == 0;
}

static struct pending *
pending_new(uint32_t what, const char *id, const char *why)
{
	struct pending	*p;

	/* Without memory it must not seem done. */
	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("revoke");
	p->id = ++last_id;
	p->revoke.what = what;
	strlcpy(p->revoke.id, id, sizeof(p->revoke.id));
	strlcpy(p->revoke.text, why, sizeof(p->revoke.text));
	p->audit = AUDIT_REVOKE;
	return (p);
}

static void
pending_start(struct pending *p)
{
	/* Router serves no port of these until it hears of it again. */
	if (p->revoke.what == REVOKE_USER || p->revoke.what == REVOKE_NODE)
		auth_publish_sync();
	p->since = auth_mono();
	TAILQ_INSERT_TAIL(&pendings, p, entry);
	pending_send(p);
	auth_soon();
}

void
auth_revoke(uint32_t what, const char *id, const char *why)
{
	struct pending	*p = pending_new(what, id, why);

	auth_session_drop(what, id);
	pending_start(p);
}

void
auth_revoke_answer(uint32_t what, const char *id,
    const struct auth_about *about, const char *why, uint32_t client,
    const char *text)
{
	struct pending	*p = pending_new(what, id, why);

	auth_session_drop(what, id);
	/* Of a change to a site there is a line already. */
	if (what == REVOKE_SITE)
		p->audit = 0;
	p->answer = 1;
	p->client = client;
	strlcpy(p->text, text, sizeof(p->text));
	if (about->email != NULL)
		strlcpy(p->email, about->email, sizeof(p->email));
	if (about->node != NULL)
		strlcpy(p->node, about->node, sizeof(p->node));
	if (about->was != NULL)
		strlcpy(p->was, about->was, sizeof(p->was));
	pending_start(p);
}

void
auth_revoke_grant(const struct store_grant *g, const struct grant *left,
    uint32_t audit, const char *why, const uint32_t *client)
{
	struct pending	*p = pending_new(REVOKE_GRANT, g->grant.id, why);

	if (left != NULL)
		p->revoke.left = *left;
	else
		strlcpy(p->revoke.left.id, g->grant.id,
		    sizeof(p->revoke.left.id));
	p->audit = audit;
	strlcpy(p->email, g->email, sizeof(p->email));
	strlcpy(p->node, g->node, sizeof(p->node));
	if (client != NULL) {
		p->answer = 1;
		p->client = *client;
	}
	pending_start(p);
}

/* It has ended, or we no longer wait for that: tell who asked, once. */
static void
pending_answer(struct pending *p, const struct ctl_end *end)
{
	struct audit_event	 e;

	memset(&e, 0, sizeof(e));
	e.what = p->audit != 0 ? p->audit : AUDIT_REVOKE;
	strlcpy(e.email, p->email, sizeof(e.email));
	strlcpy(e.node, p->node, sizeof(e.node));
	if (p->revoke.what == REVOKE_TOKEN)
		strlcpy(e.token_id, p->revoke.id, sizeof(e.token_id));
	e.ms = end->ms;
	(void)snprintf(e.text, sizeof(e.text), "%.120s%s%s: %u links, "
	    "%u streams", p->revoke.text, p->was[0] == '\0' ? "" : " from ",
	    p->was, end->links, end->streams);
	if (p->audit != 0 || end->streams > 0)
		auth_audit(&e);
	if (p->answer)
		(void)proc_send(proc_peer(PROC_ROUTER, 0), CTL_OK, p->client,
		    -1, end, sizeof(*end));
	p->answered = 1;
}

int
auth_recv_revoked(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_end	 end, answer;
	struct pending	*p;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1)
		return (-1);
	TAILQ_FOREACH(p, &pendings, entry) {
		if (p->id == imsg_get_id(imsg))
			break;
	}
	if (p == NULL) {
		log_debug("revocation %u: told too late", imsg_get_id(imsg));
		return (0);
	}
	memset(&answer, 0, sizeof(answer));
	answer.code = CTL_CODE_OK;
	answer.links = end.links;
	answer.streams = end.streams;
	answer.ms = end.ms;
	strlcpy(answer.text, p->text, sizeof(answer.text));
	if (!p->answered)
		pending_answer(p, &answer);
	TAILQ_REMOVE(&pendings, p, entry);
	free(p);
	return (0);
}

/*
 * What router's queue had no room for is sent again until it goes.  A
 * router that is gone needs no telling: its successor asks about each link,
 * and those sessions are forgotten.
 */
int
auth_revoke_tick(void)
{
	struct pending	*p, *tmp;
	struct ctl_end	 end;
	uint64_t	 ms;
	int		 up = proc_peer(PROC_ROUTER, 0) != NULL;

	TAILQ_FOREACH_SAFE(p, &pendings, entry, tmp) {
		ms = auth_mono() - p->since;
		if (!p->sent && up)
			pending_send(p);
		if (ms < AUTH_REVOKE_MS)
			continue;
		if (!p->answered) {
			log_warnx("router does not say that what rested on %s "
			    "has ended", p->revoke.id);
			memset(&end, 0, sizeof(end));
			end.ms = ms;
			(void)snprintf(end.text, sizeof(end.text),
			    "%.180s%swhat rested on it may take a "
			    "moment more to end", p->text,
			    p->text[0] == '\0' ? "" : "; ");
			pending_answer(p, &end);
		}
		if (p->sent || !up) {
			TAILQ_REMOVE(&pendings, p, entry);
			free(p);
		}
	}
	return (!TAILQ_EMPTY(&pendings));
}
