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

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conflex.h"
#include "log.h"
#include "login.h"

#define SLURP_MAX	(1024 * 1024)
#define SLURP_FIRST	4096

static int	login_set(struct login *, const char *, char *);
static int	make_folders(char *);
static char	*first_line(char *);

void
login_clear(struct login *l)
{
	free(l->relay);
	free(l->name);
	if (l->token != NULL)
		freezero(l->token, strlen(l->token));
	free(l->ca);
	free(l->pin);
	if (l->proxy != NULL)
		freezero(l->proxy, strlen(l->proxy));
	free(l->helper);
	memset(l, 0, sizeof(*l));
}

int
login_path(const char *program, const char *dir, char *path, size_t size)
{
	const char	*home;
	int		 n;

	if (dir != NULL)
		n = snprintf(path, size, "%s/%s.login", dir, program);
	else if ((home = getenv("XDG_CONFIG_HOME")) != NULL && home[0] == '/')
		n = snprintf(path, size, "%s/culvert/%s.login", home, program);
	else if ((home = getenv("HOME")) != NULL && home[0] == '/')
		n = snprintf(path, size, "%s/.config/culvert/%s.login", home,
		    program);
	else {
		log_warnx("HOME is not set: where is the login kept?");
		return (-1);
	}
	if (n < 0 || (size_t)n >= size) {
		log_warnx("the path of the login file is too long");
		return (-1);
	}
	return (0);
}

/* Takes the value over. */
static int
login_set(struct login *l, const char *key, char *value)
{
	char	**where;

	if (strcmp(key, "relay") == 0)
		where = &l->relay;
	else if (strcmp(key, "name") == 0)
		where = &l->name;
	else if (strcmp(key, "token") == 0)
		where = &l->token;
	else if (strcmp(key, "ca") == 0)
		where = &l->ca;
	else if (strcmp(key, "pin") == 0)
		where = &l->pin;
	else if (strcmp(key, "proxy") == 0)
		where = &l->proxy;
	else if (strcmp(key, "helper") == 0)
		where = &l->helper;
	else {
		conflex_error("%s: not a word of a login file", key);
		free(value);
		return (-1);
	}
	if (*where != NULL)
		freezero(*where, strlen(*where));	/* twice: the last */
	*where = value;
	return (0);
}

int
login_read(const char *path, struct login *l)
{
	struct conflex_token	 key, value, end;
	struct stat		 st;
	int			 bad = 0;

	memset(l, 0, sizeof(*l));
	if (stat(path, &st) == -1) {
		if (errno == ENOENT)
			return (1);
		log_warn("%s", path);
		return (-1);
	}
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		log_warnx("%s: others may read this secret: chmod 600 it",
		    path);
		return (-1);
	}
	if (conflex_open(path) == -1)
		return (-1);
	for (;;) {
		conflex_next(&key);
		if (key.type == CONFLEX_NEWLINE)
			continue;
		if (key.type == CONFLEX_STRING || key.type == CONFLEX_CHAR)
			conflex_error("a line begins with relay, name, "
			    "token, ca, pin, proxy or helper");
		if (key.type != CONFLEX_WORD)
			break;
		conflex_next(&value);
		if (value.type != CONFLEX_STRING &&
		    value.type != CONFLEX_WORD) {
			conflex_error("%s: a value is missing", key.text);
			free(key.text);
			break;
		}
		(void)login_set(l, key.text, value.text);
		free(key.text);
		conflex_next(&end);
		if (end.type != CONFLEX_NEWLINE && end.type != CONFLEX_EOF) {
			conflex_error("one value to a line");
			free(end.text);
			break;
		}
	}
	bad = conflex_errors() > 0;
	if (key.type == CONFLEX_STRING)
		free(key.text);
	conflex_close();
	if (bad) {
		login_clear(l);
		return (-1);
	}
	return (0);
}

/* The folders above a file, mode 0700 where they are new. */
static int
make_folders(char *path)
{
	char	*p;

	for (p = path + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(path, 0700) == -1 && errno != EEXIST) {
			log_warn("%s", path);
			*p = '/';
			return (-1);
		}
		*p = '/';
	}
	return (0);
}

int
login_write(const char *path, const struct login *l)
{
	const struct {
		const char	*key, *value;
	} lines[] = {
		{ "relay", l->relay }, { "name", l->name },
		{ "token", l->token }, { "ca", l->ca }, { "pin", l->pin },
		{ "proxy", l->proxy }, { "helper", l->helper }
	};
	char	 tmp[PATH_MAX];
	FILE	*fp = NULL;
	size_t	 i;
	int	 fd;

	for (i = 0; i < nitems(lines); i++) {
		if (lines[i].value != NULL &&
		    strpbrk(lines[i].value, "\"\\\n") != NULL) {
			log_warnx("%s: quotes, backslashes and line breaks "
			    "have no place in it", lines[i].key);
			return (-1);
		}
	}
	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >=
	    sizeof(tmp) || make_folders(tmp) == -1)
		return (-1);
	if ((fd = mkstemp(tmp)) == -1) {
		log_warn("%s", path);
		return (-1);
	}
	if ((fp = fdopen(fd, "w")) == NULL) {
		close(fd);
		goto fail;
	}
	fprintf(fp, "# Written by the login command.  It holds a secret.\n");
	for (i = 0; i < nitems(lines); i++) {
		if (lines[i].value != NULL)
			fprintf(fp, "%s \"%s\"\n", lines[i].key,
			    lines[i].value);
	}
	if (fflush(fp) == EOF || ferror(fp) || fchmod(fd, 0600) == -1 ||
	    fsync(fd) == -1)
		goto fail;
	if (fclose(fp) == EOF) {
		fp = NULL;
		goto fail;
	}
	fp = NULL;
	if (rename(tmp, path) == -1)
		goto fail;
	return (0);
 fail:
	log_warn("%s", path);
	if (fp != NULL)
		fclose(fp);
	unlink(tmp);
	return (-1);
}

/* *size: what was allocated, which may hold a secret in all of it. */
static char *
slurp(const char *path, size_t *size)
{
	char	*buf, *more;
	ssize_t	 n = 0;
	size_t	 len = 0;
	int	 fd;

	*size = SLURP_FIRST;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		log_warn("%s", path);
		return (NULL);
	}
	if ((buf = calloc(1, *size)) == NULL)
		goto fail;
	for (;;) {
		n = read(fd, buf + len, *size - len - 1);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += n;
		if (len < *size - 1)
			continue;
		if (*size >= SLURP_MAX) {
			errno = EFBIG;
			goto fail;
		}
		more = recallocarray(buf, *size, *size * 2, 1);
		if (more == NULL)
			goto fail;
		buf = more;
		*size *= 2;
	}
	if (n == -1)
		goto fail;
	close(fd);
	return (buf);
 fail:
	log_warn("%s", path);
	close(fd);
	freezero(buf, *size);
	return (NULL);
}

char *
login_slurp(const char *path)
{
	size_t	 size;

	return (slurp(path, &size));
}

/* Cut behind the first line, surrounding white space gone. */
static char *
first_line(char *s)
{
	s += strspn(s, " \t\r\n");
	s[strcspn(s, " \t\r\n")] = '\0';
	return (s);
}

static char *
token_checked(char *text)
{
	struct token	 t;
	const char	*why;

	if (token_parse(text, &t, &why) == -1) {
		log_warnx("%s; it looks like culv_ID_SECRET_CHECK, %d "
		    "characters", why, TOKEN_LEN);
		return (NULL);
	}
	explicit_bzero(&t, sizeof(t));
	return (strdup(text));
}

char *
login_token_file(const char *path)
{
	struct stat	 st;
	char		*buf, *token = NULL;
	size_t		 size;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		log_warnx("%s: others may read this secret: chmod 600 it",
		    path);
		return (NULL);
	}
	if ((buf = slurp(path, &size)) == NULL)
		return (NULL);
	token = token_checked(first_line(buf));
	freezero(buf, size);
	return (token);
}

char *
login_token(enum login_source source, const char *file)
{
	char	 buf[256], *token;

	switch (source) {
	case LOGIN_FILE:
		return (login_token_file(file));
	case LOGIN_STDIN:
		if (fgets(buf, sizeof(buf), stdin) == NULL) {
			log_warnx("no token on standard input");
			return (NULL);
		}
		break;
	default:
		if (readpassphrase("Token: ", buf, sizeof(buf),
		    RPP_ECHO_OFF | RPP_REQUIRE_TTY) == NULL) {
			log_warnx("no terminal to ask for the token: use "
			    "--from-file or --from-stdin");
			return (NULL);
		}
		break;
	}
	token = token_checked(first_line(buf));
	explicit_bzero(buf, sizeof(buf));
	return (token);
}
