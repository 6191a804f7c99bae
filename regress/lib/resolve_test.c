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
 * Which folders lookups read.
 */

/* link: lib/resolve.c */
/* libs: libevent pthread */

#include "compat.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "resolve.h"

static void
leads_to(const char *file, const char *want)
{
	char	 dir[PATH_MAX];

	if (resolve_conf_folder(file, dir, sizeof(dir)) == -1)
		fail_msg("%s leads nowhere", file);
	assert_string_equal(dir, want);
}

static void
leads_nowhere(const char *file)
{
	char	 dir[PATH_MAX];

	if (resolve_conf_folder(file, dir, sizeof(dir)) == 0)
		fail_msg("%s leads to %s", file, dir);
}

static void
those_of_programs_that_manage_networks(void **state __unused)
{
	leads_to("/run/NetworkManager/resolv.conf", "/run/NetworkManager");
	leads_to("/run/connman/resolv.conf", "/run/connman");
	leads_to("/run/systemd/resolve/stub-resolv.conf",
	    "/run/systemd/resolve");
	leads_to("/var/lib/dhcp/resolv.conf", "/var/lib/dhcp");
	leads_to("/mnt/wsl/resolv.conf", "/mnt/wsl");
}

static void
none_that_is_full_of_other_things(void **state __unused)
{
	leads_nowhere("/etc/resolv.conf");
	leads_nowhere("/resolv.conf");
	leads_nowhere("/run/resolv.conf");
	leads_nowhere("/var/resolv.conf");
	leads_nowhere("/mnt/resolv.conf");
	leads_nowhere("/mnt/x/resolv.conf");
	leads_nowhere("/home/you/resolv.conf");
	leads_nowhere("/runner/x/resolv.conf");
	leads_nowhere("resolv.conf");
	leads_nowhere("");
}

static void
what_does_not_fit_is_none(void **state __unused)
{
	char	 dir[sizeof("/run/x")];

	assert_int_equal(resolve_conf_folder("/run/x/r", dir, sizeof(dir)),
	    0);
	assert_string_equal(dir, "/run/x");
	assert_int_equal(resolve_conf_folder("/run/xy/r", dir, sizeof(dir)),
	    -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(those_of_programs_that_manage_networks),
		cmocka_unit_test(none_that_is_full_of_other_things),
		cmocka_unit_test(what_does_not_fit_is_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
