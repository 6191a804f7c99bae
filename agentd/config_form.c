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
 * What stands behind the first word of a line of agentd.conf(5): for whoever
 * got it wrong.
 */

#include "compat.h"

#include "agentd.h"

#define RULE_FORM(action) \
	action " [quick] [tcp | udp] to host [port port], or " \
	action " [quick] unix path"

const struct conflex_form agentd_forms[] = {
	{ "allow",	"allow plaintext" },
	{ "block",	RULE_FORM("block") },
	{ "ca",		"ca file" },
	{ "control",	"control path | none" },
	{ "http",	"http backend url [option ...], or http service name "
	    "url [option ...]" },
	{ "include",	"include file" },
	{ "limit",	"limit streams number" },
	{ "log",	"log brief | verbose | debug, or log to journal | "
	    "stderr | syslog [facility name]" },
	{ "name",	"name name" },
	{ "pass",	RULE_FORM("pass") },
	{ "pin",	"pin hash" },
	{ "ping",	"ping interval time" },
	{ "proxy",	"proxy url | none, or proxy helper program" },
	{ "relay",	"relay url" },
	{ "tls",	"tls service name address [option ...]" },
	{ "token",	"token file file, or token token" },
};
const size_t agentd_nforms = nitems(agentd_forms);
