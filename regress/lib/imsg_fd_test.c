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
 * Messages over a socket pair: the descriptors that come with them.
 */

/* link: imsg/imsg.c imsg/imsgbuf.c imsg/ibuf.c regress/lib/imsg_pair.c */

#include "compat.h"

#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "imsg_pair.h"

static void
descriptors_pair_in_a_batch(void **state)
{
	struct imsg	 imsg;
	int		 before = fdcount(), fd, i, n = 0;

	for (i = 0; i < 40; i++)
		assert_int_equal(imsg_compose(&left, i, 0, 0,
		    i % 3 == 1 ? mkfd(i) : -1, &i, sizeof(i)), 1);
	assert_int_equal(imsgbuf_write(&left), 0);
	assert_int_equal(imsgbuf_queuelen(&left), 0);
	assert_int_equal(fdcount(), before);
	while (n < 40) {
		assert_int_equal(imsgbuf_read(&right), 1);
		while (imsgbuf_get(&right, &imsg) == 1) {
			assert_int_equal(imsg_get_type(&imsg), n);
			if (n % 3 != 1)
				assert_int_equal(imsg_get_fd(&imsg), -1);
			else if (n % 2) {
				fd = imsg_get_fd(&imsg);
				assert_int_equal(fdid(fd), n);
				assert_int_equal(fcntl(fd, F_GETFD),
				    FD_CLOEXEC);
				assert_int_equal(imsg_get_fd(&imsg), -1);
				close(fd);
			}
			imsg_free(&imsg);	/* closes the rest */
			n++;
		}
	}
	assert_int_equal(fdcount(), before);
}

/* Reading on without taking messages out stops; it loses nothing. */
static void
descriptors_wait_for_their_messages(void **state)
{
	struct imsg	 imsg;
	int		 before = fdcount(), i, n = 0;

	for (i = 0; i < 40; i++)
		assert_int_equal(imsg_compose(&left, i, 0, 0, mkfd(i), NULL,
		    0), 1);
	assert_int_equal(imsgbuf_flush(&left), 0);
	while (n < 40) {
		for (i = 0; i < 50; i++)
			assert_int_equal(imsgbuf_read(&right), 1);
		while (imsgbuf_get(&right, &imsg) == 1) {
			assert_int_equal(fdid(imsg.fd), n);
			imsg_free(&imsg);
			n++;
		}
	}
	assert_int_equal(fdcount(), before);
}

static void
descriptor_missing_is_refused(void **state)
{
	raw_hdr(1, IMSG_HEADER_SIZE | FD_MARK, -1, 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(EBADMSG);
}

/* It has to come with the first byte, not later. */
static void
descriptor_late_is_refused(void **state)
{
	raw_hdr(1, (IMSG_HEADER_SIZE + 2) | FD_MARK, -1, 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(EBADMSG);
}

static void
descriptor_unannounced_is_refused(void **state)
{
	int	 before = fdcount();

	raw_hdr(1, IMSG_HEADER_SIZE, 2, 1);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect(1, NULL, 0);
	expect_fail(EBADMSG);
	assert_int_equal(fdcount(), before);
}

static void
descriptor_unannounced_midway_is_refused(void **state)
{
	int	 before = fdcount();

	raw_hdr(1, IMSG_HEADER_SIZE + 5, -1, 0);
	raw("x", 1, 2, 1);
	assert_int_equal(imsgbuf_read(&right), 1);
	if (right.nrfd == 0)
		assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(EBADMSG);
	assert_int_equal(fdcount(), before);
}

static void
surplus_descriptors_are_closed(void **state)
{
	int	 before = fdcount();

	raw_hdr(1, IMSG_HEADER_SIZE | FD_MARK, 2, 2);
	assert_int_equal(imsgbuf_read(&right), -1);
	assert_int_equal(errno, EBADMSG);
	expect_fail(EBADMSG);
	assert_int_equal(fdcount(), before);
}

static void
truncated_descriptors_are_closed(void **state)
{
	int	 before = fdcount();

	raw_hdr(1, IMSG_HEADER_SIZE | FD_MARK, 2, 8);
	assert_int_equal(imsgbuf_read(&right), -1);
	assert_int_equal(errno, EBADMSG);
	expect_fail(EBADMSG);
	assert_int_equal(fdcount(), before);
}

static void
descriptors_trickled_are_refused(void **state)
{
	int	 before = fdcount(), i, error = 0;
	struct imsg	 imsg;

	for (i = 0; i < 15 && !error; i++) {
		raw("", 1, 2, 1);
		if (imsgbuf_read(&right) == -1 ||
		    imsgbuf_get(&right, &imsg) == -1)
			error = errno;
	}
	assert_int_equal(i, 2);
	assert_int_equal(error, EBADMSG);
	assert_int_equal(fdcount(), before);
}

static void
descriptors_not_allowed_are_refused(void **state)
{
	struct imsgbuf	 plain;
	int		 before = fdcount();

	assert_int_equal(imsgbuf_init(&plain, sv[1]), 0);
	raw_hdr(1, IMSG_HEADER_SIZE | FD_MARK, 2, 1);
	assert_int_equal(imsgbuf_read(&plain), -1);
	assert_int_equal(errno, EBADMSG);
	imsgbuf_clear(&plain);
	imsgbuf_clear(&plain);
	assert_int_equal(imsgbuf_read(&plain), -1);
	assert_int_equal(fdcount(), before);
}

/* At the limit messages go on and the first descriptor too; then EMFILE. */
static void
descriptor_limit_loses_nothing(void **state)
{
	struct rlimit	 rl, low;
	struct imsg	 imsg;
	int		 fds[256], n = 0, i, fd;

	for (i = 0; i < 3; i++)
		imsg_compose(&left, i, 0, 0, i > 0 ? mkfd(i) : -1, NULL, 0);
	assert_int_equal(imsgbuf_flush(&left), 0);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
	low = rl;
	low.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	while ((fd = dup(2)) != -1)
		fds[n++] = fd;

	assert_int_equal(imsgbuf_read(&right), 1);
	expect(0, NULL, 0);
	if (right.nrfd == 0)
		assert_int_equal(imsgbuf_read(&right), 1);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_int_equal(fdid(imsg.fd), 1);	/* took the spare */
	for (i = 0; i < 3; i++) {
		errno = 0;
		assert_int_equal(imsgbuf_read(&right), -1);
		assert_int_equal(errno, EMFILE);
		expect_none();
	}
	close(fds[--n]);
	assert_int_equal(imsgbuf_read(&right), 1);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_int_equal(fdid(imsg.fd), 2);
	imsg_free(&imsg);
	while (n > 0)
		close(fds[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
}

static void
ibuf_owns_its_descriptor(void **state)
{
	struct ibuf	*b;
	int		 before = fdcount(), fd;

	assert_non_null(b = ibuf_open(1));
	assert_false(ibuf_fd_avail(b));
	ibuf_fd_set(b, mkfd(1));
	ibuf_fd_set(b, mkfd(2));
	assert_true(ibuf_fd_avail(b));
	assert_int_equal(fdid(fd = ibuf_fd_get(b)), 2);
	close(fd);
	assert_int_equal(ibuf_fd_get(b), -1);
	ibuf_fd_set(b, mkfd(3));
	ibuf_free(b);
	assert_int_equal(fdcount(), before);

	/* One that imsg_compose_ibuf() cannot send is closed. */
	assert_non_null(b = ibuf_dynamic(MAX_IMSGSIZE, MAX_IMSGSIZE));
	assert_int_equal(ibuf_add_zero(b, MAX_IMSGSIZE), 0);
	ibuf_fd_set(b, mkfd(4));
	assert_int_equal(imsg_compose_ibuf(&left, 1, 0, 0, b), -1);
	assert_int_equal(fdcount(), before);
}

#define CASE(f) \
	cmocka_unit_test_setup_teardown(f, pair_setup, pair_teardown)

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(descriptors_pair_in_a_batch),
		CASE(descriptors_wait_for_their_messages),
		CASE(descriptor_missing_is_refused),
		CASE(descriptor_late_is_refused),
		CASE(descriptor_unannounced_is_refused),
		CASE(descriptor_unannounced_midway_is_refused),
		CASE(surplus_descriptors_are_closed),
		CASE(truncated_descriptors_are_closed),
		CASE(descriptors_trickled_are_refused),
		CASE(descriptors_not_allowed_are_refused),
		CASE(descriptor_limit_loses_nothing),
		CASE(ibuf_owns_its_descriptor),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
