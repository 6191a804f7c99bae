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
 * link: accessctl/forward_spec.c accessctl/target_spec.c lib/addr.c
 * link: lib/mux_frame.c lib/publish.c
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
#include "target_spec.h"

static void
check_kind(const char *text, uint8_t kind, const char *bind, uint16_t lport,
    const char *host, uint16_t port)
{
	struct forward_spec	 spec;
	const char		*why = NULL;

	assert_int_equal(forward_spec_parse(text, &spec, &why), 0);
	assert_int_equal(spec.kind, kind);
	assert_int_equal(spec.listen_unix, bind[0] == '/');
	assert_string_equal(spec.bind, bind);
	assert_int_equal(spec.listen_port, lport);
	assert_string_equal(spec.node, "pi");
	assert_string_equal(spec.host, host);
	assert_int_equal(spec.port, port);
}

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
unix_sockets_on_either_end(void **state)
{
	check_kind("/run/x.sock:pi:/run/docker.sock", MUX_KIND_UNIX,
	    "/run/x.sock", 0, "/run/docker.sock", 0);
	check_kind("2375:pi:/run/docker.sock", MUX_KIND_UNIX, "", 2375,
	    "/run/docker.sock", 0);
	check_kind("[::1]:2375:pi:/a:b:c", MUX_KIND_UNIX, "::1", 2375,
	    "/a:b:c", 0);
	check_kind("/tmp/pg:pi:5432", MUX_KIND_TCP, "/tmp/pg", 0,
	    "127.0.0.1", 5432);
	check_kind("/tmp/pg:Pi:[fd00::7]:5432/tcp", MUX_KIND_TCP, "/tmp/pg",
	    0, "fd00::7", 5432);
}

static void
udp_behind_the_port(void **state)
{
	check_kind("[::1]:5353:pi:192.168.1.1:53/udp", MUX_KIND_UDP, "::1",
	    5353, "192.168.1.1", 53);
	check_kind("5353:pi:53/udp", MUX_KIND_UDP, "", 5353, "127.0.0.1", 53);
	check_kind(":0:pi:[::1]:53/udp", MUX_KIND_UDP, "*", 0, "::1", 53);
}

static void
targets_alone(void **state)
{
	static const char *const bad[] = {
		"", "x", "0", "65536", "53/", "53/sctp", "53/udp/udp", ":53",
		"h:", "h:/udp", "[::1]", "[::1]53", "[::1:53", "::1:53",
		"[]:53", "/", "h:1:2", "0000000000000000053",
		"a\033b:53", "a\nb:53", "/a\177b", "/run/\xff", "caf\351:80",
		"/a\302\200", "a[]:53", "[a[]:53",
	};
	struct mux_open	 o;
	const char	*why;
	char		 text[400];
	size_t		 i;

	memset(&o, 0, sizeof(o));
	assert_int_equal(target_spec_parse("db.home:5432", &o, &why), 0);
	assert_string_equal(o.host, "db.home");
	assert_int_equal(o.port, 5432);
	assert_int_equal(o.kind, MUX_KIND_TCP);
	assert_int_equal(target_spec_parse("/run/caf\303\251", &o, &why), 0);
	assert_string_equal(o.host, "/run/caf\303\251");
	for (i = 0; i < nitems(bad); i++) {
		why = NULL;
		assert_int_equal(target_spec_parse(bad[i], &o, &why), -1);
		assert_non_null(why);
	}
	/* The longest path and host, and one more. */
	snprintf(text, sizeof(text), "/%0106d", 0);
	assert_int_equal(target_spec_parse(text, &o, &why), 0);
	snprintf(text, sizeof(text), "/%0107d", 0);
	assert_int_equal(target_spec_parse(text, &o, &why), -1);
	snprintf(text, sizeof(text), "%0255d:1", 0);
	assert_int_equal(target_spec_parse(text, &o, &why), 0);
	snprintf(text, sizeof(text), "%0256d:1", 0);
	assert_int_equal(target_spec_parse(text, &o, &why), -1);
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
		"8080:pi:[]:80", "/run/x", "/run/x:pi", "/:pi:80",
		"/run/x:pi:53/udp", "run/x:pi:80", "8080:pi:/", "/run/x:8080",
		"/run/x:1:pi:80:90", "8080:pi:80/sctp", "a]:8080:pi:80",
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

static int
same(const char *a, const char *b)
{
	struct forward_spec	 sa, sb;
	const char		*why;

	assert_int_equal(forward_spec_parse(a, &sa, &why), 0);
	assert_int_equal(forward_spec_parse(b, &sb, &why), 0);
	return (forward_spec_same(&sa, &sb));
}

static void
two_at_the_same_place(void **state)
{
	assert_true(same("80:pi:1", "80:po:2"));
	assert_true(same("[::1]:80:pi:1/udp", "[::1]:80:po:2/udp"));
	assert_true(same("/x:pi:1", "/x:pi:/y"));
	assert_false(same("80:pi:1", "80:pi:1/udp"));
	assert_false(same("80:pi:1", "81:pi:1"));
	assert_false(same("*:80:pi:1", "127.0.0.1:80:pi:1"));
	assert_false(same("0:pi:1", "0:pi:1"));
	assert_false(same("/x:pi:1", "/y:pi:1"));
	assert_false(same("/x:pi:1", "80:pi:1"));
}

static void
a_path_that_is_not_absolute_is_told_so(void **state)
{
	static const char *const specs[] = {
		"x.sock:pi:80", "./x.sock:pi:80", "80:pi:x.sock",
		"80:pi:./x.sock", "80:pi:~/x.sock"
	};
	struct forward_spec	 spec;
	const char		*why;
	size_t			 i;

	for (i = 0; i < nitems(specs); i++) {
		assert_int_equal(forward_spec_parse(specs[i], &spec, &why),
		    -1);
		assert_non_null(strstr(why, "Unix socket begins with /"));
	}
}

static void
brackets_go_around_an_address(void **state)
{
	static const char *const bad[] = {
		"h[x:53", "h]:53", "h[]:53", "[h[:53", "[[::1]]:53"
	};
	struct mux_open	 o;
	const char	*why;
	size_t		 i;

	memset(&o, 0, sizeof(o));
	for (i = 0; i < nitems(bad); i++)
		assert_int_equal(target_spec_parse(bad[i], &o, &why), -1);
}

static void
a_unix_socket_has_an_absolute_path(void **state)
{
	const char	*why;

	assert_int_equal(target_spec_path("", &why), -1);
	assert_int_equal(target_spec_path("run/x", &why), -1);
	assert_int_equal(target_spec_path("/", &why), -1);
	assert_int_equal(target_spec_path("/x", &why), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(three_fields_mean_the_node_itself),
		cmocka_unit_test(two_at_the_same_place),
		cmocka_unit_test(a_path_that_is_not_absolute_is_told_so),
		cmocka_unit_test(brackets_go_around_an_address),
		cmocka_unit_test(a_unix_socket_has_an_absolute_path),
		cmocka_unit_test(four_fields_by_what_the_first_is),
		cmocka_unit_test(five_fields),
		cmocka_unit_test(node_names_are_lower_case),
		cmocka_unit_test(unix_sockets_on_either_end),
		cmocka_unit_test(udp_behind_the_port),
		cmocka_unit_test(targets_alone),
		cmocka_unit_test(what_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
