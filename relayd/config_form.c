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
 * What stands behind the first word of a line of relayd.conf(5): for whoever
 * got it wrong.
 */

#include "compat.h"

#include "config.h"

const struct conflex_form relayd_forms[] = {
	{ "access",	"access log file [format combined | json]" },
	{ "backup",	"backup keep number, or backup off" },
	{ "bandwidth",	"bandwidth name value, or bandwidth { name value, "
	    "one to a line }" },
	{ "certificate", "certificate file key file" },
	{ "control",	"control path [group group]" },
	{ "domain",	"domain name" },
	{ "identity",	"identity header user | email | name field | off, or "
	    "identity off" },
	{ "include",	"include file" },
	{ "limit",	"limit name value, or limit { name value, one to a "
	    "line }" },
	{ "listen",	"listen on address [port number] [tls] "
	    "[proxy-protocol]" },
	{ "log",	"log brief | verbose | debug, or log to journal | "
	    "stderr | syslog [facility name]" },
	{ "metrics",	"metrics allow network ..., metrics token text, or "
	    "these in { }" },
	{ "prefork",	"prefork number" },
	{ "publish",	"publish [tcp | udp] ports number[-number] "
	    "[on address] by email | any" },
	{ "rpc",	"rpc name value, rpc node name key secret, or these "
	    "in { }, one to a line" },
	{ "state",	"state folder" },
	{ "trusted",	"trusted proxy network | { network ... } "
	    "[header name]" },
	{ "upgrade",	"upgrade [drain time] [spread time]" },
	{ "user",	"user name" },
};
const size_t relayd_nforms = nitems(relayd_forms);
