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
 * `rpc` in relayd.conf: what the rpc door allows.
 */

#include "compat.h"

#include <openssl/evp.h>

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "conflex.h"
#include "msg_rpc.h"

enum rpc_unit { RPC_TIME_MS, RPC_TIME_S, RPC_SIZE, RPC_COUNT };

#define RPC32(f)	offsetof(struct relayd_rpc, f), 4
#define RPC64(f)	offsetof(struct relayd_rpc, f), 8

static const struct {
	const char	*name;
	enum rpc_unit	 unit;
	size_t		 offset;
	int		 width;		/* of the field, bytes */
	uint64_t	 min, max;
	const char	*none;		/* what stands for 0, or NULL */
} numbers[] = {
	{ "message size", RPC_SIZE, RPC32(message_max), 256, RPC_MESSAGE_HARD,
	    NULL },
	{ "body size", RPC_SIZE, RPC32(body_max), 1, 8 * 1024 * 1024, NULL },
	{ "session ttl", RPC_TIME_S, RPC32(session_s), RPC_SESSION_MIN,
	    RPC_SESSION_MAX, NULL },
	{ "pair ttl", RPC_TIME_S, RPC32(pair_s), RPC_PAIR_MIN, RPC_PAIR_MAX,
	    NULL },
	{ "pair rate", RPC_COUNT, RPC32(pair_rate), 1, 1000000, "none" },
	{ "pending", RPC_COUNT, RPC32(pending), 1, RPC_PENDING_MAX,
	    NULL },
	{ "timeout", RPC_TIME_MS, RPC32(timeout_ms), 10, 3600000, NULL },
	{ "memory", RPC_SIZE, RPC64(memory), 1024 * 1024, 1ULL << 40, NULL },
};

static const struct {
	const char	*name, *value;
	size_t		 offset;
	uint32_t	 number;
} words[] = {
	{ "body", "refuse", offsetof(struct relayd_rpc, body_cut), 0 },
	{ "body", "cut", offsetof(struct relayd_rpc, body_cut), 1 },
	{ "origin", "any", offsetof(struct relayd_rpc, origin), 0 },
	{ "origin", "https", offsetof(struct relayd_rpc, origin), 1 },
	{ "nodes", "off", offsetof(struct relayd_rpc, nodes), RPC_NODES_OFF },
	{ "nodes", "key", offsetof(struct relayd_rpc, nodes), RPC_NODES_KEY },
	{ "nodes", "any", offsetof(struct relayd_rpc, nodes), RPC_NODES_ANY },
};

static int	rpc_time(const char *, uint64_t *);
static int	rpc_url(struct relayd_rpc *, const char *);

void
rpc_conf_init(struct relayd_rpc *rpc)
{
	memset(rpc, 0, sizeof(*rpc));
	rpc->message_max = 1024 * 1024;
	rpc->body_max = 262144;
	rpc->session_s = 3600;
	rpc->pair_s = 120;
	rpc->pending = 64;
	rpc->timeout_ms = 35000;
	rpc->pair_rate = 30;
	rpc->memory = 64 * 1024 * 1024;
}

/* A time, which can be a fraction of seconds: "35.5s". */
static int
rpc_time(const char *s, uint64_t *ms)
{
	uint64_t	 frac = 0;
	char		 whole[24];
	size_t		 n, digits;

	n = strcspn(s, ".");
	if (s[n] == '\0')
		return (conflex_time(s, ms));
	if (n == 0 || n >= sizeof(whole) || strspn(s, "0123456789") != n)
		return (-1);
	memcpy(whole, s, n);
	whole[n] = '\0';
	if (conflex_time(whole, ms) == -1)
		return (-1);
	s += n + 1;
	digits = strspn(s, "0123456789");
	if (digits == 0 || digits > 3 ||
	    (s[digits] != '\0' && strcmp(s + digits, "s") != 0))
		return (-1);
	for (n = 0; n < 3; n++)
		frac = frac * 10 + (n < digits ? s[n] - '0' : 0);
	*ms += frac;
	return (0);
}

/* Where the relay is for people: it stands in what a phone scans. */
static int
rpc_url(struct relayd_rpc *rpc, const char *url)
{
	const char	*host;
	size_t		 i, len = strlen(url);

	if (strncmp(url, "https://", 8) == 0)
		host = url + 8;
	else if (strncmp(url, "http://", 7) == 0)
		host = url + 7;
	else
		return (-1);
	for (i = 0; i < len; i++) {
		if (!isgraph((unsigned char)url[i]) ||
		    strchr("\"\\<>#?", url[i]) != NULL)
			return (-1);
	}
	if (host[0] == '\0' || host[0] == '/' ||
	    strlcpy(rpc->url, url, sizeof(rpc->url)) >= sizeof(rpc->url))
		return (-1);
	while (len > 0 && rpc->url[len - 1] == '/')
		rpc->url[--len] = '\0';
	return (0);
}

static int
rpc_number(struct relayd_rpc *rpc, size_t i, const char *value, char *err,
    size_t size)
{
	uint64_t	 v = 0;
	long long	 n = 0;
	uint32_t	 v32;
	int		 bad = 0, none = 0;

	switch (numbers[i].unit) {
	case RPC_TIME_MS:
		bad = rpc_time(value, &v);
		break;
	case RPC_TIME_S:
		bad = rpc_time(value, &v);
		if (v % 1000 != 0)
			bad = -1;
		v /= 1000;
		break;
	case RPC_SIZE:
		bad = conflex_size(value, &v);
		break;
	case RPC_COUNT:
		none = numbers[i].none != NULL &&
		    strcmp(value, numbers[i].none) == 0;
		if (none)
			break;
		bad = conflex_number(value, 0, 1000000000, &n);
		v = n;
		break;
	}
	if (bad || (!none && (v < numbers[i].min || v > numbers[i].max))) {
		snprintf(err, size, "rpc %s %s: from %llu to %llu%s%s%s",
		    numbers[i].name, value,
		    (unsigned long long)numbers[i].min,
		    (unsigned long long)numbers[i].max,
		    numbers[i].unit == RPC_TIME_MS ? " ms" :
		    numbers[i].unit == RPC_TIME_S ? " s" :
		    numbers[i].unit == RPC_SIZE ? " bytes" : "",
		    numbers[i].none == NULL ? "" : ", or ",
		    numbers[i].none == NULL ? "" : numbers[i].none);
		return (-1);
	}
	v32 = v;
	memcpy((char *)rpc + numbers[i].offset,
	    numbers[i].width == 4 ? (void *)&v32 : (void *)&v,
	    numbers[i].width);
	return (0);
}

int
rpc_conf_set(struct relayd_rpc *rpc, const char *name, const char *value,
    char *err, size_t size)
{
	size_t	 i;
	int	 known = 0;

	for (i = 0; i < nitems(numbers); i++) {
		if (strcmp(numbers[i].name, name) == 0)
			return (rpc_number(rpc, i, value, err, size));
	}
	for (i = 0; i < nitems(words); i++) {
		if (strcmp(words[i].name, name) != 0)
			continue;
		known = 1;
		if (strcmp(words[i].value, value) != 0)
			continue;
		memcpy((char *)rpc + words[i].offset, &words[i].number,
		    sizeof(words[i].number));
		return (0);
	}
	if (strcmp(name, "url") == 0) {
		if (rpc_url(rpc, value) == 0)
			return (0);
		snprintf(err, size, "rpc url %.100s: https:// or http://, and "
		    "a host; of at most %zu bytes, without spaces, quotes, "
		    "backslashes, < > # ?", value, sizeof(rpc->url) - 1);
		return (-1);
	}
	if (known)
		snprintf(err, size, "rpc %s %s: %s", name, value,
		    strcmp(name, "nodes") == 0 ? "off, key or any" :
		    strcmp(name, "origin") == 0 ? "any or https" :
		    "refuse or cut");
	else
		snprintf(err, size, "rpc %s: there is nothing of this name",
		    name);
	return (-1);
}

int
rpc_conf_key(struct rpc_keys *keys, const char *node, const char *secret,
    char *err, size_t size)
{
	struct rpc_key_entry	*k;
	uint8_t			 hash[sizeof(k->hash)];
	unsigned int		 len = sizeof(hash);
	size_t			 n = 0, i;

	for (i = 0; isgraph((unsigned char)secret[i]); i++)
		;
	if (secret[i] != '\0' || i < 16 || i > 256) {
		snprintf(err, size, "rpc node %s: its key is of 16 to 256 "
		    "characters without spaces", node);
		return (-1);
	}
	if (node[0] == '\0' || strlen(node) > RPC_NAME_MAX) {
		snprintf(err, size, "rpc node: a name of at most %d bytes",
		    RPC_NAME_MAX);
		return (-1);
	}
	TAILQ_FOREACH(k, keys, entry) {
		if (strcmp(k->node, node) == 0) {
			snprintf(err, size, "rpc node %s: twice", node);
			return (-1);
		}
		n++;
	}
	if (n >= RPC_KEYS_MAX) {
		snprintf(err, size, "rpc node: at most %d", RPC_KEYS_MAX);
		return (-1);
	}
	/* k is NULL, at the end of the list. */
	if (EVP_Digest(secret, i, hash, &len, EVP_sha256(), NULL) != 1 ||
	    (k = calloc(1, sizeof(*k))) == NULL ||
	    (k->node = strdup(node)) == NULL) {
		free(k);
		snprintf(err, size, "rpc node %s: no memory", node);
		return (-1);
	}
	memcpy(k->hash, hash, sizeof(k->hash));
	TAILQ_INSERT_TAIL(keys, k, entry);
	return (0);
}

void
rpc_conf_free(struct rpc_keys *keys)
{
	struct rpc_key_entry	*k;

	while ((k = TAILQ_FIRST(keys)) != NULL) {
		TAILQ_REMOVE(keys, k, entry);
		free(k->node);
		free(k);
	}
}
