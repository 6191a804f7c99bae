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

#include "compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "imsg.h"
#include "imsg_drain.h"

int
imsg_drain(struct imsgbuf *b)
{
	struct imsg	 imsg;
	struct ibuf	 view;
	uint32_t	 v;
	char		*s, field[8];
	int		 n, fd;

	while ((n = imsgbuf_get(b, &imsg)) == 1) {
		if (imsg_get_type(&imsg) & 1 &&
		    (fd = imsg_get_fd(&imsg)) != -1)
			close(fd);
		if (imsg_get_ibuf(&imsg, &view) == 0) {
			(void)ibuf_get_n32(&view, &v);
			(void)ibuf_get_strbuf(&view, field, sizeof(field));
			s = ibuf_get_string(&view, imsg_get_id(&imsg));
			must(s == NULL || strlen(s) == imsg_get_id(&imsg));
			free(s);
		}
		imsg_free(&imsg);
	}
	return (n);
}
