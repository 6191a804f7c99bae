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
 * Passwords become crypt(3) hashes here, so that they never cross the
 * control socket.
 */

#include "compat.h"

#include <crypt.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"

#define PASSWORD_MAX	512	/* with its NUL; crypt(3) takes no more */
#define PASSWORD_MIN	8

static int	password_read(char *, size_t);
static int	password_ask(char *, size_t);

/* A line from standard input. */
static int
password_read(char *buf, size_t size)
{
	size_t	 len;

	if (fgets(buf, size, stdin) == NULL) {
		log_warnx("no password on standard input");
		return (-1);
	}
	len = strcspn(buf, "\r\n");
	if (buf[len] == '\0' && len == size - 1) {
		log_warnx("the password is longer than %zu bytes", size - 2);
		return (-1);
	}
	buf[len] = '\0';
	return (0);
}

static int
password_ask(char *buf, size_t size)
{
	char	 again[PASSWORD_MAX];
	int	 same;

	if (readpassphrase("Password: ", buf, size,
	    RPP_ECHO_OFF | RPP_REQUIRE_TTY) == NULL ||
	    readpassphrase("Once more: ", again, sizeof(again),
	    RPP_ECHO_OFF | RPP_REQUIRE_TTY) == NULL) {
		log_warnx("no terminal to ask for the password: use "
		    "--password-stdin or --no-password");
		return (-1);
	}
	same = strcmp(buf, again) == 0;
	explicit_bzero(again, sizeof(again));
	if (!same)
		log_warnx("these were not the same");
	return (same ? 0 : -1);
}

int
password_hash(int from_stdin, char *hash, size_t size)
{
	struct crypt_data	*data = NULL;
	const char		*out;
	char			 buf[PASSWORD_MAX];
	char			 salt[CRYPT_GENSALT_OUTPUT_SIZE];
	int			 ret = -1;

	if ((from_stdin ? password_read(buf, sizeof(buf)) :
	    password_ask(buf, sizeof(buf))) == -1)
		goto done;
	if (strlen(buf) < PASSWORD_MIN) {
		log_warnx("a password has %d characters at least; "
		    "--no-password makes a user without one", PASSWORD_MIN);
		goto done;
	}
	/* yescrypt, or bcrypt where the system has no better. */
	if (crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt)) == NULL &&
	    crypt_gensalt_rn("$2b$", 12, NULL, 0, salt, sizeof(salt)) ==
	    NULL) {
		log_warn("crypt_gensalt");
		goto done;
	}
	if ((data = calloc(1, sizeof(*data))) == NULL ||
	    (out = crypt_r(buf, salt, data)) == NULL || out[0] != '$') {
		log_warn("crypt");
		goto done;
	}
	if (strlcpy(hash, out, size) < size)
		ret = 0;
	else
		log_warnx("crypt: the hash is too long");
 done:
	explicit_bzero(buf, sizeof(buf));
	if (data != NULL)
		freezero(data, sizeof(*data));
	return (ret);
}
