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

#ifdef HAVE_QRENCODE
#include <qrencode.h>
#endif

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pairshow.h"
#include "print.h"

#define TEXT_MAX	512
#define QUIET		2	/* modules around it; people scan it from a
				   screen, where it is large */

static void	show_qr(const char *, FILE *);

/*
 * What a phone scans.  Behind the '#', as that part of a URL is sent to
 * nobody.
 */
static const char *
pair_text(const struct pairshow *p, char *buf, size_t size)
{
	if (p->url[0] == '\0')
		return (p->code);
	snprintf(buf, size, "%s/#pair=%s", p->url, p->code);
	return (buf);
}

void
pairshow_print(const struct pairshow *p, int qr, FILE *fp)
{
	char	 buf[TEXT_MAX], clean[TEXT_MAX], when[32], left[32];
	int64_t	 s = p->expires_at - (int64_t)time(NULL);

	print_clean(p->node, clean, sizeof(clean));
	/* Whole minutes would make some codes end before they began. */
	print_second(p->expires_at, when, sizeof(when));
	fprintf(fp, "node        %s\npairing code %s\n", clean, p->code);
	fprintf(fp, "good until  %s", when);
	/* It is the relay's clock, and ours may differ. */
	if (s > 0) {
		print_age(s, left, sizeof(left));
		fprintf(fp, " (%s)", left);
	}
	fputs(", once\n", fp);
	if (p->url[0] != '\0') {
		print_clean(p->url, clean, sizeof(clean));
		fprintf(fp, "at          %s\n", clean);
	}
	if (qr)
		show_qr(pair_text(p, buf, sizeof(buf)), fp);
}

void
pairshow_json(const struct pairshow *p, FILE *fp)
{
	struct {
		char	 code[64], node[128], url[256];
		int64_t	 expires_at;
	}			 rec;
	static const struct field fields[] = {
		{ "code", NULL, FIELD_TEXT, 0, NULL },
		{ "node", NULL, FIELD_TEXT, 64, NULL },
		{ "url", NULL, FIELD_TEXT, 192, NULL },
		{ "expires", NULL, FIELD_TIME, 448, NULL },
	};

	memset(&rec, 0, sizeof(rec));
	strlcpy(rec.code, p->code, sizeof(rec.code));
	strlcpy(rec.node, p->node, sizeof(rec.node));
	strlcpy(rec.url, p->url, sizeof(rec.url));
	rec.expires_at = p->expires_at;
	print_record(fields, nitems(fields), &rec, fp);
	putc('\n', fp);
}

#ifdef HAVE_QRENCODE
/* Two modules to a character; light ones are drawn, on black. */
static void
show_qr(const char *text, FILE *fp)
{
	static const char *const blocks[] = {
		" ", "\xe2\x96\x84", "\xe2\x96\x80", "\xe2\x96\x88"
	};
	QRcode	*qr;
	int	 x, y, i, light, n, tty = isatty(fileno(fp));

	qr = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
	if (qr == NULL)
		return;
	n = qr->width + 2 * QUIET;
	putc('\n', fp);
	for (y = 0; y < n; y += 2) {
		if (tty)
			fputs("\033[40;97m", fp);
		for (x = 0; x < n; x++) {
			light = 0;
			for (i = 0; i < 2; i++) {
				int	 mx = x - QUIET, my = y + i - QUIET;

				light <<= 1;
				if (y + i < n && (mx < 0 || my < 0 ||
				    mx >= qr->width || my >= qr->width ||
				    !(qr->data[my * qr->width + mx] & 1)))
					light |= 1;
			}
			fputs(blocks[light], fp);
		}
		fputs(tty ? "\033[0m\n" : "\n", fp);
	}
	QRcode_free(qr);
}
#else
static void
show_qr(const char *text, FILE *fp)
{
	/* Built without the library that draws them. */
}
#endif
