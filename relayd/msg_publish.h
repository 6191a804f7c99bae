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

#ifndef MSG_PUBLISH_H
#define MSG_PUBLISH_H

#include <stdint.h>

#include "addr.h"
#include "ctl.h"
#include "mux_frame.h"
#include "publish.h"
#include "relayd.h"

/* Messages: published ports. */

/* A published port, as auth says it is. */
struct publication {
	char			 id[CTL_ID_LEN];
	char			 user_id[USER_ID_LEN + 4];	/* the owner */
	char			 email[CTL_EMAIL_LEN];
	char			 node_id[USER_ID_LEN + 4];
	char			 node[CTL_NAME_LEN];
	struct publish_spec	 spec;
	char			 host[MUX_HOST_MAX + 1];	/* target */
	uint16_t		 port;		/* of spec.port_min */
	uint16_t		 proxy;		/* 1, 2: PROXY header */
	uint32_t		 connections;	/* at once; 0: no limit */
	uint64_t		 bandwidth;	/* bytes/s each way; 0: none */
	uint32_t		 nfrom;		/* 0: all may come */
	uint32_t		 pad;
	struct addr_prefix	 from[PUBLISH_FROM_MAX];
};

struct publication_id {
	char			 id[CTL_ID_LEN];
};

struct publications {
	uint32_t		 serial;	/* the same at both ends */
	uint32_t		 begin;		/* 1: here they come; 0: all
						   were said */
};

struct publish {
	char			 id[CTL_ID_LEN];
	char			 email[CTL_EMAIL_LEN];
	struct publish_spec	 spec;
	uint32_t		 connections;
	uint32_t		 pad;	/* the parent compares them whole */
};

enum publish_code {
	PUBLISH_OK = 0,
	PUBLISH_DENIED,		/* by the rules */
	PUBLISH_OWN,		/* relayd listens there itself */
	PUBLISH_TAKEN,		/* another program does */
	PUBLISH_FAILED
};

struct publish_result {
	char			 id[CTL_ID_LEN];
	uint32_t		 code;		/* enum publish_code */
	char			 text[CTL_TEXT_LEN];	/* for a person */
};

struct port_socket {
	char			 id[CTL_ID_LEN];
	struct publish_spec	 spec;
	uint32_t		 port;
};

/*
 * A pipe that all listeners share, with a byte for each connection that may
 * still come: who takes one reads it, and writes it back at the end.
 */
struct port_slots {
	char			 id[CTL_ID_LEN];
	uint32_t		 end;		/* 0: to read; 1: to write */
};

struct port {
	uint64_t		 session;	/* of its streams here */
	struct publication	 p;
};

#endif /* MSG_PUBLISH_H */
