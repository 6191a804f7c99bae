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
 * What the option -L says.
 *
 * link: accessctl/forward_spec.c lib/addr.c
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "forward_spec.h"

static void
check(const char *text, const char *bind, uint16_t lport, const char *node,
    const char *host, uint16_t port)
{
	struct forward_spec	 spec;
	const char		*why = NULL;

	assert_int_equal(forward_spec_parse(text, &spec, &why), 0);
	assert_string_equal(spec.bind, bind);
	assert_int_equal(spec.listen_port, lport);
	assert_string_equal(spec.node, node);
	assert_string_equal(spec.host, host);
	assert_int_equal(spec.port, port);
}

static void
refuse(const char *text)
{
	struct forward_spec	 spec;
	const char		*why = NULL;

	assert_int_equal(forward_spec_parse(text, &spec, &why), -1);
	assert_non_null(why);
}

static void
three_fields_mean_the_node_itself(void **state)
{
	check("8080:pi:80", "", 8080, "pi", "127.0.0.1", 80);
	check("0:pi:22", "", 0, "pi", "127.0.0.1", 22);
}

static void
four_fields_by_what_the_first_is(void **state)
{
	check("8080:pi:192.168.1.7:80", "", 8080, "pi", "192.168.1.7", 80);
	check("127.0.0.2:8080:pi:80", "127.0.0.2", 8080, "pi", "127.0.0.1",
	    80);
	check("localhost:8080:pi:80", "localhost", 8080, "pi", "127.0.0.1",
	    80);
	check("*:8080:pi:80", "*", 8080, "pi", "127.0.0.1", 80);
	check(":8080:pi:80", "*", 8080, "pi", "127.0.0.1", 80);
	check("[::1]:8080:pi:80", "::1", 8080, "pi", "127.0.0.1", 80);
	check("8080:pi:[fd00::7]:80", "", 8080, "pi", "fd00::7", 80);
}

static void
five_fields(void **state)
{
	check("0.0.0.0:1:n:h.example.org:65535", "0.0.0.0", 1, "n",
	    "h.example.org", 65535);
	check("[::]:2:n:[::1]:3", "::", 2, "n", "::1", 3);
	check(":2:n:h:3", "*", 2, "n", "h", 3);
}

static void
node_names_are_lower_case(void **state)
{
	check("1:Pi-4:2", "", 1, "pi-4", "127.0.0.1", 2);
}

static void
what_is_refused(void **state)
{
	static const char *const bad[] = {
		"", ":", "8080", "8080:pi", "8080:pi:", ":pi:80", "a:pi:80",
		"8080::80", "8080:pi:x", "65536:pi:80", "8080:pi:65536",
		"8080:pi:0", "8080:pi::80", "-1:pi:80", "80 :pi:80",
		"8080:pi:h:80:x", "a:b:c:d:e:f", "::1:8080:pi:80:9:9",
		"[::1:8080:pi:80", "[::1]x:8080:pi:80", "8080:[pi:80",
		"8080:p_i:80", "8080:pi.local:80", "0x50:pi:80", "8080:pi:+1",
		"8080:pi:[]:80",
	};
	char			 text[1024];
	size_t			 i;

	for (i = 0; i < nitems(bad); i++)
		refuse(bad[i]);
	/* Too long, each in its own way. */
	snprintf(text, sizeof(text), "1:%064d:2", 0);
	refuse(text);
	snprintf(text, sizeof(text), "1:n:%0256d:2", 0);
	refuse(text);
	snprintf(text, sizeof(text), "b%0256d:1:n:2", 0);
	refuse(text);
	snprintf(text, sizeof(text), "1:n:%0900d:2", 0);
	refuse(text);
	/* and just not */
	snprintf(text, sizeof(text), "1:%063d:%0255d:2", 0, 0);
	assert_int_equal(forward_spec_parse(text, &(struct forward_spec){ 0 },
	    &(const char *){ NULL }), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(three_fields_mean_the_node_itself),
		cmocka_unit_test(four_fields_by_what_the_first_is),
		cmocka_unit_test(five_fields),
		cmocka_unit_test(node_names_are_lower_case),
		cmocka_unit_test(what_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
