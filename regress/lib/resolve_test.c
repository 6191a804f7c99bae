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
/* flags: -Wl,--wrap=getaddrinfo */

#include "compat.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <netdb.h>
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

/* ---- the start ---- */

int	 __wrap_getaddrinfo(const char *, const char *,
	    const struct addrinfo *, struct addrinfo **);

static int	 asked, lacks;

int
__wrap_getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **res)
{
	asked++;
	errno = lacks ? ENOMEM : ENOENT;
	return (lacks == 2 ? EAI_MEMORY : EAI_SYSTEM);
}

/* The C library may wait for itself where it is asked once more. */
static void
without_memory_it_is_not_asked_again(void **state)
{
	struct event_base	*base = event_base_new();

	assert_non_null(base);
	for (lacks = 1; lacks <= 2; lacks++) {
		asked = 0;
		assert_int_equal(resolve_init(base), -1);
		assert_int_equal(asked, 1);
	}
	/* That there is no such name is no fault. */
	lacks = asked = 0;
	assert_int_equal(resolve_init(base), 0);
	assert_int_equal(asked, 2);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(those_of_programs_that_manage_networks),
		cmocka_unit_test(none_that_is_full_of_other_things),
		cmocka_unit_test(what_does_not_fit_is_none),
		cmocka_unit_test(without_memory_it_is_not_asked_again),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
