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
 * What the end of a stream is called.
 *
 * link: accessctl/outcome.c lib/mux_frame.c
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "accessctl.h"

static void
statuses_are_the_documented(void **state)
{
	static const int	 want[] = {
		[MUX_CODE_CANCEL] = 1, [MUX_CODE_REFUSED] = 3,
		[MUX_CODE_UNREACHABLE] = 4, [MUX_CODE_TIMEOUT] = 4,
		[MUX_CODE_DENIED] = 5, [MUX_CODE_NO_NODE] = 6,
		[MUX_CODE_NODE_OFFLINE] = 7, [MUX_CODE_NODE_GONE] = 10,
		[MUX_CODE_LIMIT] = 1, [MUX_CODE_PROTOCOL] = 9,
		[MUX_CODE_TARGET_RESET] = 10, [MUX_CODE_KILLED] = 10,
		[MUX_CODE_INTERNAL] = 1, [MUX_CODE_UNSUPPORTED] = 9,
		[MUX_CODE_GOING_AWAY] = 10, [MUX_CODE_NO_SERVICE] = 1
	};
	size_t			 i;

	for (i = 0; i < nitems(want); i++)
		assert_int_equal(outcome_status(i), want[i]);
	assert_int_equal(outcome_status(999), 1);
}

static void
one_line_for_a_person(void **state)
{
	struct mux_open	 o;
	char		 buf[256];

	memset(&o, 0, sizeof(o));
	strlcpy(o.node, "pi", sizeof(o.node));
	strlcpy(o.host, "127.0.0.1", sizeof(o.host));
	o.port = 22;
	outcome_text(MUX_CODE_NODE_OFFLINE, "the node is offline", &o, buf,
	    sizeof(buf));
	assert_string_equal(buf, "pi: the node is offline; is agentd running "
	    "there?");
	outcome_text(MUX_CODE_REFUSED, "", &o, buf, sizeof(buf));
	assert_string_equal(buf, "pi: 127.0.0.1:22: refused");
	outcome_text(MUX_CODE_LIMIT, "", &o, buf, sizeof(buf));
	assert_string_equal(buf, "pi: 127.0.0.1:22: too many at once: relay "
	    "or device are at a limit of theirs");
	outcome_text(MUX_CODE_LIMIT, "this month's bytes", &o, buf,
	    sizeof(buf));
	assert_string_equal(buf, "pi: 127.0.0.1:22: this month's bytes");
	/* The host is not named twice. */
	outcome_text(MUX_CODE_REFUSED, "127.0.0.1 port 22: refused", &o, buf,
	    sizeof(buf));
	assert_string_equal(buf, "pi: 127.0.0.1 port 22: refused");
	strlcpy(o.host, "fd00::7", sizeof(o.host));
	outcome_text(MUX_CODE_TIMEOUT, NULL, &o, buf, sizeof(buf));
	assert_string_equal(buf, "pi: [fd00::7]:22: timeout");
	outcome_text(999, NULL, &o, buf, sizeof(buf));
	assert_non_null(strstr(buf, "pi: "));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(statuses_are_the_documented),
		cmocka_unit_test(one_line_for_a_person),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
