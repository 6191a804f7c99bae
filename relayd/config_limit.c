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
 * `limit` and `bandwidth` in relayd.conf: numbers by their names.
 */

#include "compat.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "conflex.h"
#include "http.h"
#include "rate.h"

enum limit_unit { LIMIT_TIME, LIMIT_SIZE, LIMIT_COUNT };

#define LIMIT32(f)	offsetof(struct relayd_limits, f), 4
#define LIMIT64(f)	offsetof(struct relayd_limits, f), 8

static const struct {
	const char	*name;
	enum limit_unit	 unit;
	size_t		 offset;
	int		 width;		/* of the field, bytes */
	uint64_t	 min, max;
} limit_names[] = {
	{ "handshake timeout", LIMIT_TIME, LIMIT32(handshake_ms),
	    100, 3600000 },
	{ "head fields", LIMIT_COUNT, LIMIT32(head_fields),
	    1, HTTP_FIELDS_MAX },
	{ "head size", LIMIT_SIZE, LIMIT32(head_bytes), 512, 65536 },
	{ "request line", LIMIT_SIZE, LIMIT32(request_line),
	    64, HTTP_LINE_MAX },
	{ "idle timeout", LIMIT_TIME, LIMIT32(idle_ms), 100, 3600000 },
	{ "connections", LIMIT_COUNT, LIMIT32(connections), 1, 1000000 },
	{ "connections per address", LIMIT_COUNT,
	    LIMIT32(connections_per_addr), 1, 1000000 },
	{ "handshakes", LIMIT_COUNT, LIMIT32(handshakes), 1, 1000000 },
	{ "links per user", LIMIT_COUNT, LIMIT32(links_per_user),
	    1, 1000000 },
	{ "nodes per user", LIMIT_COUNT, LIMIT32(nodes_per_user),
	    1, 1000000 },
	{ "streams per link", LIMIT_COUNT, LIMIT32(streams_per_link),
	    1, 1000000 },
	{ "udp idle", LIMIT_TIME, LIMIT32(udp_idle_ms), 1000, 3600000 },
	{ "http response timeout", LIMIT_TIME, LIMIT32(http_response_ms),
	    1000, 86400000 },
	{ "http idle timeout", LIMIT_TIME, LIMIT32(http_idle_ms),
	    1000, 86400000 },
	{ "http body rate", LIMIT_SIZE, LIMIT32(http_body_rate),
	    0, 1024 * 1024 },
	{ "http connections per address", LIMIT_COUNT,
	    LIMIT32(http_per_addr), 1, 1000000 },
	{ "credit per link", LIMIT_SIZE, LIMIT64(credit_per_link),
	    1024 * 1024, 1ULL << 40 },
	{ "credit", LIMIT_SIZE, LIMIT64(credit_total),
	    1024 * 1024, 1ULL << 40 },
};

int
limit_conf_set(struct relayd_limits *l, const char *name, const char *value,
    char *err, size_t errlen)
{
	uint64_t	 v = 0;
	long long	 n = 0;
	uint32_t	 v32;
	size_t		 i;
	int		 bad;

	for (i = 0; i < nitems(limit_names); i++) {
		if (strcmp(limit_names[i].name, name) == 0)
			break;
	}
	if (i == nitems(limit_names)) {
		snprintf(err, errlen, "limit %s: there is none of this name",
		    name);
		return (-1);
	}
	switch (limit_names[i].unit) {
	case LIMIT_TIME:
		bad = conflex_time(value, &v);
		break;
	case LIMIT_SIZE:
		bad = conflex_size(value, &v);
		break;
	default:
		bad = conflex_number(value, 0, 1000000000, &n);
		v = n;
		break;
	}
	if (bad || v < limit_names[i].min || v > limit_names[i].max) {
		snprintf(err, errlen, "limit %s %s: from %llu to %llu%s", name,
		    value, (unsigned long long)limit_names[i].min,
		    (unsigned long long)limit_names[i].max,
		    limit_names[i].unit == LIMIT_TIME ? " ms" :
		    limit_names[i].unit == LIMIT_SIZE ? " bytes" : "");
		return (-1);
	}
	v32 = v;
	memcpy((char *)l + limit_names[i].offset,
	    limit_names[i].width == 4 ? (void *)&v32 : (void *)&v,
	    limit_names[i].width);
	return (0);
}

int
bandwidth_conf_set(struct relayd_bandwidth *b, const char *name,
    const char *value, char *err, size_t errlen)
{
	static const struct {
		const char	*name;
		size_t		 offset;
		int		 month;
	} names[] = {
		{ "per user", offsetof(struct relayd_bandwidth, user_rate),
		    0 },
		{ "per node", offsetof(struct relayd_bandwidth, node_rate),
		    0 },
		{ "month per user",
		    offsetof(struct relayd_bandwidth, user_month), 1 },
		{ "month per node",
		    offsetof(struct relayd_bandwidth, node_month), 1 },
	};
	uint64_t	 v;
	size_t		 i;

	for (i = 0; i < nitems(names); i++) {
		if (strcmp(names[i].name, name) == 0)
			break;
	}
	if (i == nitems(names)) {
		snprintf(err, errlen, "bandwidth %s: per user, per node, "
		    "month per user or month per node", name);
		return (-1);
	}
	if (names[i].month && rate_quota(value, &v) == -1) {
		snprintf(err, errlen, "bandwidth %s %s: a size like 500G, "
		    "from 1M to 1024T, or none", name, value);
		return (-1);
	}
	if (!names[i].month && rate_parse(value, &v) == -1) {
		snprintf(err, errlen, "bandwidth %s %s: bytes a second like "
		    "10M, or bits like 80Mbit, from 1K to 1024G, or none",
		    name, value);
		return (-1);
	}
	memcpy((char *)b + names[i].offset, &v, sizeof(v));
	return (0);
}
