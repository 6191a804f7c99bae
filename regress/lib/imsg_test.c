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
 * Messages over a socket pair: whole, cut, refused, and at the end.
 */

/* link: imsg/imsg.c imsg/imsgbuf.c imsg/ibuf.c regress/lib/imsg_pair.c */

#include "compat.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "imsg_pair.h"

static void
round_trip(void **state)
{
	struct imsg	 imsg;
	char		 data[6];

	assert_int_equal(imsg_compose(&left, 7, 8, 9, -1, "hello", 6), 1);
	assert_int_equal(imsg_compose(&left, 1, 0, 0, -1, NULL, 0), 1);
	assert_int_equal(imsgbuf_write(&left), 0);
	assert_int_equal(imsgbuf_read(&right), 1);

	assert_int_equal(imsg_get(&right, &imsg), IMSG_HEADER_SIZE + 6);
	assert_int_equal(imsg_get_type(&imsg), 7);
	assert_int_equal(imsg_get_id(&imsg), 8);
	assert_int_equal(imsg_get_pid(&imsg), 9);
	assert_int_equal(imsg_get_data(&imsg, data, 5), -1);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(imsg_get_data(&imsg, data, 7), -1);
	assert_int_equal(imsg_get_data(&imsg, data, 0), -1);
	assert_int_equal(imsg_get_data(&imsg, data, 6), 0);
	assert_string_equal(data, "hello");
	assert_int_equal(imsg_get_fd(&imsg), -1);
	imsg_free(&imsg);

	assert_int_equal(imsg_get(&right, &imsg), IMSG_HEADER_SIZE);
	assert_int_equal(imsg_get_pid(&imsg), getpid());
	assert_int_equal(imsg_get_len(&imsg), 0);
	assert_int_equal(imsg_get_ibuf(&imsg, &(struct ibuf){ 0 }), -1);
	assert_int_equal(errno, EBADMSG);
	imsg_free(&imsg);
	assert_int_equal(imsg_get(&right, &imsg), 0);
}

static void
every_way_to_compose(void **state)
{
	struct iovec	 iov[2];
	struct imsg	 imsg;
	struct ibuf	*b;
	char		 ab[] = "ab", cd[] = "cd";

	iov[0] = (struct iovec){ ab, 2 };
	iov[1] = (struct iovec){ cd, 2 };
	assert_int_equal(imsg_composev(&left, 1, 0, 0, -1, iov, 2), 1);

	assert_non_null(b = ibuf_dynamic(0, 100));
	assert_int_equal(ibuf_add(b, "efg", 3), 0);
	assert_int_equal(imsg_compose_ibuf(&left, 2, 0, 0, b), 1);

	assert_non_null(b = imsg_create(&left, 3, 0, 0, 2));
	assert_int_equal(imsg_add(b, "hi", 2), 2);
	assert_int_equal(imsg_add(b, "jklm", 4), 4);
	imsg_close(&left, b);

	assert_int_equal(imsgbuf_flush(&left), 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect(1, "abcd", 4);
	expect(2, "efg", 3);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_int_equal(imsg_forward(&right, &imsg), 1);
	imsg_free(&imsg);
	expect_none();

	assert_int_equal(imsgbuf_flush(&right), 0);
	assert_int_equal(imsgbuf_read(&left), 1);
	assert_int_equal(imsgbuf_get(&left, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 3);
	assert_memory_equal(ibuf_data(&imsg.body), "hijklm", 6);
}

static void
many_messages_in_order(void **state)
{
	struct imsg	 imsg;
	char		 body[300];
	uint32_t	 i, seen = 0;

	memset(body, 'x', sizeof(body));
	for (i = 0; i < 5000; i++)
		assert_int_equal(imsg_compose(&left, i, i, 0, -1, body,
		    i % sizeof(body)), 1);
	while (seen < 5000) {
		assert_int_equal(imsgbuf_write(&left), 0);
		assert_int_equal(imsgbuf_read(&right), 1);
		while (imsgbuf_get(&right, &imsg) == 1) {
			assert_int_equal(imsg_get_type(&imsg), seen);
			assert_int_equal(imsg_get_len(&imsg),
			    seen % sizeof(body));
			imsg_free(&imsg);
			seen++;
		}
	}
	assert_int_equal(imsgbuf_queuelen(&left), 0);
	assert_int_equal(imsgbuf_queued_bytes(&left), 0);
}

static void
split_at_every_byte(void **state)
{
	unsigned char	 wire[2 * IMSG_HEADER_SIZE + 10];
	struct imsg_hdr	 hdr = { .type = 5, .len = sizeof(hdr) + 10 };
	struct imsg	 imsg;
	size_t		 cut, i;
	int		 fd, before = fdcount();

	memcpy(wire, &hdr, sizeof(hdr));
	memcpy(wire + sizeof(hdr), "0123456789", 10);
	hdr.len = sizeof(hdr) | FD_MARK;
	memcpy(wire + sizeof(hdr) + 10, &hdr, sizeof(hdr));

	/* Two pieces; the second message has a descriptor. */
	for (cut = 1; cut < sizeof(hdr) + 10; cut++) {
		raw(wire, cut, -1, 0);
		assert_int_equal(imsgbuf_read(&right), 1);
		expect_none();
		raw(wire + cut, sizeof(hdr) + 10 - cut, -1, 0);
		fd = mkfd(cut);
		raw(wire + sizeof(hdr) + 10, cut < sizeof(hdr) ? cut : 1,
		    fd, 1);
		close(fd);
		assert_int_equal(imsgbuf_read(&right), 1);
		expect(5, "0123456789", 10);
		expect_none();
		i = cut < sizeof(hdr) ? cut : 1;
		raw(wire + sizeof(hdr) + 10 + i, sizeof(hdr) - i, -1, 0);
		assert_int_equal(imsgbuf_read(&right), 1);
		assert_int_equal(imsgbuf_get(&right, &imsg), 1);
		assert_int_equal(fdid(imsg.fd), cut);
		imsg_free(&imsg);
	}
	/* Byte by byte. */
	for (i = 0; i < sizeof(hdr) + 10; i++) {
		expect_none();
		raw(wire + i, 1, -1, 0);
		assert_int_equal(imsgbuf_read(&right), 1);
	}
	expect(5, "0123456789", 10);
	assert_int_equal(fdcount(), before);
}

static void
oversize_is_refused(void **state)
{
	char		 body[MAX_IMSGSIZE] = { 0 };
	struct iovec	 iov[2];
	size_t		 max = MAX_IMSGSIZE - IMSG_HEADER_SIZE;
	int		 fd = mkfd(1);

	assert_int_equal(imsg_compose(&left, 1, 0, 0, fd, body, max + 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(fdid(fd), 1);		/* still ours */
	close(fd);
	iov[0] = (struct iovec){ body, max };
	iov[1] = (struct iovec){ body, 1 };
	assert_int_equal(imsg_composev(&left, 1, 0, 0, -1, iov, 2), -1);
	assert_int_equal(imsg_compose(&left, 1, 0, 0, -1, body, max), 1);
	assert_int_equal(imsgbuf_flush(&left), 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect(1, body, max);

	raw_hdr(1, MAX_IMSGSIZE + 1, -1, 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(ERANGE);
}

static void
maximum_can_be_set(void **state)
{
	static char	 body[IMSG_READ_SIZE];
	size_t		 max = IMSG_READ_SIZE - IMSG_HEADER_SIZE;
	size_t		 i;
	int		 n;
	struct imsg	 imsg;

	assert_int_equal(imsgbuf_set_maxsize(&left, max + 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(imsgbuf_set_maxsize(&left, UINT32_MAX), -1);
	assert_int_equal(imsgbuf_set_maxsize(&left, max), 0);
	assert_int_equal(imsgbuf_set_maxsize(&right, max), 0);
	for (i = 0; i < sizeof(body); i++)
		body[i] = i;
	for (i = 0; i < 3; i++)
		assert_int_equal(imsg_compose(&left, i, 0, 0, -1, body, max),
		    1);
	for (i = 0; i < 3; i++) {
		while ((n = imsgbuf_get(&right, &imsg)) == 0) {
			assert_int_equal(imsgbuf_write(&left), 0);
			assert_int_equal(imsgbuf_read(&right), 1);
		}
		assert_int_equal(n, 1);
		assert_memory_equal(ibuf_data(&imsg.body), body, max);
	}

	assert_int_equal(imsgbuf_set_maxsize(&right, 4), 0);
	assert_int_equal(imsg_compose(&right, 1, 0, 0, -1, body, 5), -1);
	assert_int_equal(imsg_compose(&left, 1, 0, 0, -1, body, 5), 1);
	assert_int_equal(imsgbuf_flush(&left), 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(ERANGE);
}

static void
undersize_is_refused(void **state)
{
	raw_hdr(1, IMSG_HEADER_SIZE - 1, -1, 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(EBADMSG);
}

static void
length_zero_is_refused(void **state)
{
	raw_hdr(1, 0, -1, 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(EBADMSG);
}

static void
clear_closes_what_waits(void **state)
{
	int	 before = fdcount(), i;

	for (i = 0; i < 5; i++)
		imsg_compose(&left, 1, 0, 0, mkfd(i), NULL, 0);
	assert_int_equal(imsgbuf_flush(&left), 0);
	for (i = 0; i < 5; i++)
		imsg_compose(&left, 1, 0, 0, mkfd(i), NULL, 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(imsgbuf_read(&right), 1);
	assert_int_equal(right.nrfd, 3);
	assert_int_equal(imsgbuf_queuelen(&left), 5);
	imsgbuf_clear(&left);
	assert_int_equal(imsgbuf_queuelen(&left), 0);
	assert_int_equal(imsgbuf_queued_bytes(&left), 0);
	imsgbuf_clear(&right);
	assert_int_equal(fdcount(), before - 2);	/* the spare ones */
}

static void
eof_in_a_message(void **state)
{
	raw_hdr(1, IMSG_HEADER_SIZE, -1, 0);
	raw_hdr(2, IMSG_HEADER_SIZE + 1, -1, 0);
	imsgbuf_clear(&left);
	close(sv[0]);
	sv[0] = -1;
	assert_int_equal(imsgbuf_read(&right), 1);
	expect(1, NULL, 0);
	expect_none();
	assert_int_equal(imsgbuf_read(&right), 0);
	expect_none();
}

static void
peer_gone_with_our_words_unread(void **state)
{
	imsg_compose(&right, 1, 0, 0, -1, NULL, 0);
	assert_int_equal(imsgbuf_flush(&right), 0);
	imsgbuf_clear(&left);
	close(sv[0]);
	sv[0] = -1;
	assert_int_equal(imsgbuf_read(&right), 0);
	imsg_compose(&right, 1, 0, 0, -1, NULL, 0);
	assert_int_equal(imsgbuf_write(&right), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(imsgbuf_flush(&right), -1);
}

static void
nothing_to_read_is_no_error(void **state)
{
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_none();
	assert_int_equal(imsgbuf_write(&right), 0);
	assert_int_equal(imsgbuf_flush(&right), 0);
}

static void
full_socket_keeps_the_rest(void **state)
{
	char		 body[1000] = { 0 };
	struct imsg	 imsg;
	uint32_t	 queued, n = 0;
	size_t		 len = IMSG_HEADER_SIZE + sizeof(body);
	int		 i;

	for (i = 0; i < 2000; i++)
		imsg_compose(&left, i, 0, 0, -1, body, sizeof(body));
	assert_int_equal(imsgbuf_queuelen(&left), 2000);
	assert_int_equal(imsgbuf_queued_bytes(&left), 2000 * len);
	assert_int_equal(imsgbuf_write(&left), 0);
	queued = imsgbuf_queuelen(&left);
	assert_true(queued > 0 && queued < 2000);
	assert_true(imsgbuf_queued_bytes(&left) <= queued * len);
	assert_true(imsgbuf_queued_bytes(&left) > (queued - 1) * len);
	assert_int_equal(imsgbuf_write(&left), 0);
	assert_int_equal(imsgbuf_queuelen(&left), queued);
	while (n < 2000) {
		assert_int_equal(imsgbuf_read(&right), 1);
		while (imsgbuf_get(&right, &imsg) == 1)
			assert_int_equal(imsg_get_type(&imsg), n++);
		assert_int_equal(imsgbuf_write(&left), 0);
	}
	assert_int_equal(imsgbuf_queuelen(&left), 0);
	assert_int_equal(imsgbuf_queued_bytes(&left), 0);
}

static void
payload_is_wiped_after_use(void **state)
{
	struct imsg	 imsg;
	unsigned char	*p;

	imsg_compose(&left, 1, 0, 0, -1, "secret", 6);
	imsg_compose(&left, 2, 0, 0, -1, "x", 1);
	imsgbuf_flush(&left);
	assert_int_equal(imsgbuf_read(&right), 1);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	p = ibuf_data(&imsg.body);
	assert_memory_equal(p, "secret", 6);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_memory_equal(p, "\0\0\0\0\0\0", 6);
}

#define CASE(f) \
	cmocka_unit_test_setup_teardown(f, pair_setup, pair_teardown)

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(round_trip),
		CASE(every_way_to_compose),
		CASE(many_messages_in_order),
		CASE(split_at_every_byte),
		CASE(oversize_is_refused),
		CASE(maximum_can_be_set),
		CASE(undersize_is_refused),
		CASE(length_zero_is_refused),
		CASE(clear_closes_what_waits),
		CASE(eof_in_a_message),
		CASE(peer_gone_with_our_words_unread),
		CASE(nothing_to_read_is_no_error),
		CASE(full_socket_keeps_the_rest),
		CASE(payload_is_wiped_after_use),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
