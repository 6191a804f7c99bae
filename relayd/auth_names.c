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

#include <sys/types.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "auth_names.h"

#define LABEL_MAX	63
#define HOST_MAX	253

static int	label_ok(const char *, size_t);
static int	node_ok(const char *, size_t);
static int	loopback(const char *);

static int
label_ok(const char *s, size_t len)
{
	size_t	 i;

	if (len == 0 || len > LABEL_MAX || s[0] == '-' || s[len - 1] == '-')
		return (0);
	for (i = 0; i < len; i++) {
		if (!(s[i] >= 'a' && s[i] <= 'z') &&
		    !(s[i] >= '0' && s[i] <= '9') && s[i] != '-')
			return (0);
	}
	return (1);
}

/* In a host name "--" keeps a node apart from what is not its name. */
static int
node_ok(const char *s, size_t len)
{
	return (label_ok(s, len) && memmem(s, len, "--", 2) == NULL);
}

int
name_label_ok(const char *s)
{
	return (node_ok(s, strlen(s)));
}

int
name_labels_ok(const char *s)
{
	size_t	 len;

	if (*s == '\0')
		return (1);
	for (;;) {
		len = strcspn(s, ",");
		if (!node_ok(s, len))
			return (0);
		if (s[len] == '\0')
			return (1);
		s += len + 1;
	}
}

int
name_service_ok(const char *s)
{
	return (name_label_ok(s) && strcmp(s, "xn") != 0);
}

int
name_host_ok(const char *s)
{
	const char	*last = s;
	size_t		 n;

	if (strlen(s) > HOST_MAX)
		return (0);
	for (;; s += n + 1) {
		n = strcspn(s, ".");
		if (!label_ok(s, n))
			return (0);
		last = s;
		if (s[n] == '\0')
			break;
	}
	/* What ends in a number is read as an address, or part of one. */
	return (last[strspn(last, "0123456789")] != '\0');
}

int
name_within(const char *host, const char *domain)
{
	size_t	 h = strlen(host), d = strlen(domain);

	if (strcmp(host, domain) == 0)
		return (1);
	return (d > 0 && h > d && host[h - d - 1] == '.' &&
	    strcmp(host + h - d, domain) == 0);
}

const char *
name_below(const char *host, const char *domain, char label[NAME_LABEL_LEN])
{
	size_t	 n = strcspn(host, ".");

	if (n == 0 || n >= NAME_LABEL_LEN || host[n] == '\0' ||
	    strcmp(host + n + 1, domain) != 0)
		return (NULL);
	memcpy(label, host, n);
	label[n] = '\0';
	return (label);
}

/*
 * Not all that RFC 5322 allows: no quotes, comments or spaces, which nobody
 * has and many programs take amiss.
 */
int
name_email_ok(const char *s)
{
	static const char	 local[] = "abcdefghijklmnopqrstuvwxyz"
				    "0123456789!#$%&'*+-/=?^_`{|}~.";
	size_t			 len = strspn(s, local), n;
	int			 dots = 0;

	if (len == 0 || len > 64 || s[len] != '@' || s[0] == '.' ||
	    s[len - 1] == '.')
		return (0);
	for (s += len + 1; ; s += n + 1, dots++) {
		n = strcspn(s, ".");
		if (!label_ok(s, n))
			return (0);
		if (s[n] == '\0')
			return (dots > 0 || strcmp(s, "localhost") == 0);
	}
}

int
name_text_ok(const char *s)
{
	const unsigned char	*p = (const unsigned char *)s;
	int			 n, first;

	while (*p != '\0') {
		if (*p < 0x20 || *p == 0x7f)
			return (0);
		if (*p < 0x80) {
			p++;
			continue;
		}
		first = *p;
		n = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
		if (first < 0xc2 || first > 0xf4)
			return (0);
		/* Too long for what it says, surrogates, past the end, C1. */
		p++;
		if ((first == 0xe0 && *p < 0xa0) ||
		    (first == 0xed && *p > 0x9f) ||
		    (first == 0xf0 && *p < 0x90) ||
		    (first == 0xf4 && *p > 0x8f) ||
		    (first == 0xc2 && *p < 0xa0))
			return (0);
		while (n-- > 0)
			if ((*p++ & 0xc0) != 0x80)
				return (0);
	}
	return (1);
}

int
name_hash_ok(const char *s)
{
	if (s[0] != '$' || strlen(s) < 8)
		return (0);
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s >= 0x7f || *s == ':')
			return (0);
	return (1);
}

void
name_lower(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s += 'a' - 'A';
}

int
names_add(struct names *names, const char *s)
{
	struct name	*n;

	if ((n = calloc(1, sizeof(*n))) == NULL)
		return (-1);
	if ((n->name = strdup(s)) == NULL) {
		free(n);
		return (-1);
	}
	name_lower(n->name);
	TAILQ_INSERT_TAIL(names, n, entry);
	return (0);
}

void
names_clear(struct names *names)
{
	struct name	*n;

	while ((n = TAILQ_FIRST(names)) != NULL) {
		TAILQ_REMOVE(names, n, entry);
		free(n->name);
		free(n);
	}
}

static int
loopback(const char *host)
{
	static const char	 local[] = ".localhost";
	struct sockaddr_storage	 ss;
	size_t			 len = strlen(host);

	if (strcmp(host, local + 1) == 0 || (len > strlen(local) &&
	    strcmp(host + len - strlen(local), local) == 0))
		return (1);
	return (addr_parse(host, NULL, &ss) == 0 &&
	    addr_is_loopback((struct sockaddr *)&ss));
}

int
names_match(const struct names *names, const char *host)
{
	const struct name	*n;
	const char		*rest = strchr(host, '.');

	if (TAILQ_EMPTY(names))
		return (loopback(host));
	TAILQ_FOREACH(n, names, entry) {
		if (strcmp(n->name, host) == 0)
			return (1);
		if (strncmp(n->name, "*.", 2) == 0 && rest != NULL &&
		    rest != host && strcmp(n->name + 1, rest) == 0)
			return (1);
	}
	return (0);
}
