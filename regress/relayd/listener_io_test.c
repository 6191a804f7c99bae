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
 * A listener whose sockets fail: each read and write of a scene in turn, or
 * it moves but a byte, which nobody is to notice.
 */

/* link: regress/lib/far_link.c regress/lib/flood.c
 * regress/lib/nth_alloc.c regress/lib/nth_each.c regress/lib/nth_fail.c
 * regress/relayd/hostile.c regress/relayd/listener_robot.c
 * regress/relayd/listener_scenes.c regress/relayd/listener_world.c
 * relayd/[a-z]*.c relayd/parse.y sql.c libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp
 * sqlite3 jansson crypt */
/* flags: -Wl,--wrap=main,--wrap=proc_parent,--wrap=proc_upgrade
 *	-Wl,--wrap=crypt_r,--wrap=asprintf
 *	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup
 *	-Wl,--wrap=recv,--wrap=send,--wrap=read,--wrap=write
 *	-Wl,--wrap=readv,--wrap=writev,--wrap=recvmsg,--wrap=sendmsg */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../lib/nth_each.h"
#include "../lib/nth_fail.h"
#include "hostile.h"
#include "listener_scenes.h"

#define NTH_TEST(name)							\
	static void							\
	name##_io(void **state)					\
	{								\
		nth_what = NTH_IO;					\
		assert_true(nth_each(scene_##name) > 5);		\
	}								\
									\
	static void							\
	name##_short(void **state)					\
	{								\
		nth_what = NTH_SHORT;					\
		assert_true(nth_each(scene_##name) > 5);		\
	}

NTH_TEST(links)
NTH_TEST(ends)
NTH_TEST(again)
NTH_TEST(ports)
NTH_TEST(pages)
NTH_TEST(login)
NTH_TEST(api)
NTH_TEST(programs)

int
hostile_tests(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(links_io),
		cmocka_unit_test(links_short),
		cmocka_unit_test(ends_io),
		cmocka_unit_test(ends_short),
		cmocka_unit_test(again_io),
		cmocka_unit_test(again_short),
		cmocka_unit_test(ports_io),
		cmocka_unit_test(ports_short),
		cmocka_unit_test(pages_io),
		cmocka_unit_test(pages_short),
		cmocka_unit_test(login_io),
		cmocka_unit_test(login_short),
		cmocka_unit_test(api_io),
		cmocka_unit_test(api_short),
		cmocka_unit_test(programs_io),
		cmocka_unit_test(programs_short),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
