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
 * Payloads of requests at the control socket: texts end within their arrays.
 *
 * link: relayd/control_check.c
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control_req.h"
#include "router.h"

#define TEXT(kind, member)	{ control_check_##kind, #kind "." #member, \
	offsetof(union control_payload, kind.member), \
	sizeof(((union control_payload *)NULL)->kind.member) }

/* Each text that a client sends. */
static const struct {
	int		 (*check)(const union control_payload *);
	const char	*name;
	size_t		 at, size;
} texts[] = {
	TEXT(name, name),
	TEXT(rename, from), TEXT(rename, to),
	TEXT(user, email), TEXT(user, username), TEXT(user, hash),
	TEXT(token, token_id), TEXT(token, email), TEXT(token, name),
	TEXT(token, nodes),
	TEXT(grant, email), TEXT(grant, node), TEXT(grant, targets),
	TEXT(grant, owner), TEXT(grant, granted_by),
	TEXT(publish, id), TEXT(publish, spec), TEXT(publish, target),
	TEXT(publish, from), TEXT(publish, email), TEXT(publish, node),
	TEXT(publish, text),
	TEXT(site, node), TEXT(site, service), TEXT(site, host),
	TEXT(site, email),
	TEXT(domain, name), TEXT(domain, node), TEXT(domain, service),
	TEXT(domain, email),
	TEXT(session, id), TEXT(session, kind), TEXT(session, email),
	TEXT(session, node), TEXT(session, host), TEXT(session, addr),
	TEXT(session, software),
	TEXT(limit, name),
	TEXT(traffic, month), TEXT(traffic, what), TEXT(traffic, name),
	TEXT(pair, node),
};

static void
a_text_without_an_end_is_refused(void **state)
{
	union control_payload	 p;
	size_t			 i;

	for (i = 0; i < nitems(texts); i++) {
		memset(&p, 0, sizeof(p));
		memset((char *)&p + texts[i].at, 'x', texts[i].size);
		if (texts[i].check(&p) != 0)
			fail_msg("%s", texts[i].name);
	}
}

static void
the_longest_text_passes(void **state)
{
	union control_payload	 p;
	size_t			 i;

	for (i = 0; i < nitems(texts); i++) {
		memset(&p, 0, sizeof(p));
		if (texts[i].check(&p) != 1)
			fail_msg("%s: empty", texts[i].name);
		memset((char *)&p + texts[i].at, 'x', texts[i].size - 1);
		if (texts[i].check(&p) != 1)
			fail_msg("%s: full", texts[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(a_text_without_an_end_is_refused),
		cmocka_unit_test(the_longest_text_passes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
