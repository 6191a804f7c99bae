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

#ifndef EVTLS_INTERNAL_H
#define EVTLS_INTERNAL_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "evtls.h"
#include "tls_guard.h"
#include "tls_record.h"

/*
 * Between the files of evtls only: evtls.c (what owners call), evtls_input.c
 * and evtls_output.c (the passes), evtls_buf.c (bytes that wait), evtls_tls.c
 * (libtls), evtls_record.c (TLS 1.3 behind the handshake), evtls_libtls.c and
 * evtls_libtls_key.c (the OpenSSL that LibreTLS stands on; another TLS library
 * brings others).
 */

struct event;
struct event_base;
struct evp_pkey_st;
struct ssl_st;
struct tls;
struct tls_config;
struct x509_st;
struct x509_store_st;

/* The most that one TLS record carries. */
#define EVTLS_RECORD	(16 * 1024)
/*
 * What one recv(2) asks for: eight full records of TLS 1.3.  What a relay
 * takes in at once it can then send on at once, as a batch holds one more.
 */
#define EVTLS_RECV	(8 * (EVTLS_RECORD + 22))
/* A whole batch of sealed records, with what each of them adds. */
#define EVTLS_SEALED	(EVTLS_BATCH + EVTLS_RECORD)

/* Bytes of one connection that wait for a later pass. */
struct evtls_kept {
	uint8_t			*data;	/* malloced, or NULL */
	size_t			 off;	/* of the first that waits */
	size_t			 len;	/* how many wait */
};

/*
 * The large buffers of the process.  They hold nothing from one pass (one
 * call from libevent) to the next.
 */
struct evtls_bufs {
	uint8_t			 sealed_in[EVTLS_SEALED];
	/* What the owner left, and behind it what has come. */
	uint8_t			 plain_in[2 * EVTLS_BATCH];
	uint8_t			 plain_out[EVTLS_BATCH];
	uint8_t			 wire_out[EVTLS_SEALED];
	size_t			 wire_len;	/* used of wire_out */
};

struct evtls {
	const struct evtls_ops	*ops;
	void			*arg;
	struct event_base	*base;
	struct event		*rd;
	struct event		*wr;
	struct event		*timer;		/* NULL: never had a deadline */
	/*
	 * At most one of these: libtls makes the connection, and goes on with
	 * it in TLS 1.2.  NULL: in the clear, or nobody has said hello yet.
	 */
	struct tls		*tls;
	struct tls_record	*record;
	struct ssl_st		*ssl;		/* beneath tls */
	struct evtls_secrets	*secrets;	/* for record, in a handshake */
	struct tls_guard	 guard;		/* a client's handshake */
	struct evtls_server	*server;	/* a reference, or NULL */
	struct evtls_client	*client;	/* a reference, or NULL */
	char			*host;		/* of a TLS client, or NULL */
	char			*servername;	/* by SNI, beside record */
	const char		*cipher;	/* its name, likewise; static */
	char			*text;		/* why it is over, or NULL */
	/* What comes first is not yet complete; else NULL. */
	ssize_t			 (*preface)(struct evtls *, void *,
				    const uint8_t *, size_t);
	size_t			 preface_max;

	/* What is to be opened in this pass. */
	const uint8_t		*src;
	size_t			 srclen;

	struct evtls_kept	 in;		/* sealed, paused; preface */
	struct evtls_kept	 left;		/* plain, not yet taken */
	struct evtls_kept	 out;		/* the socket was full */

	int			 fd;
	int			 neterr;	/* errno that broke it */
	size_t			 dropped;	/* bytes, since all was sent */
	unsigned int		 secure : 1,	/* TLS is spoken */
				 ready : 1,	/* the handshake is complete */
				 paused : 1,
				 held : 1,	/* not read: see input_tls */
				 offer : 1,	/* left must be shown again */
				 want : 1,	/* output may give something */
				 pulling : 1,	/* inside output */
				 armed : 1,	/* wr waits for the socket */
				 closing : 1,	/* evtls_close was called */
				 ending : 1,	/* evtls_shutdown was called */
				 notified : 1,	/* ... close_notify is out */
				 shut : 1,	/* ... and all was sent */
				 eof : 1,	/* eof was called */
				 found : 1,	/* its end, while paused */
				 busy : 1,	/* a pass is under way */
				 over : 1,	/* closed was called */
				 dead : 1;	/* evtls_free was called */
};

/* The first ones of the application (RFC 8446, 7.1). */
struct evtls_secrets {
	uint8_t			 client[TLS_RECORD_SECRET_MAX];
	uint8_t			 server[TLS_RECORD_SECRET_MAX];
	size_t			 client_len;	/* 0: not known */
	size_t			 server_len;
};

struct evtls_server {
	struct tls		*tls;
	struct evtls_signer	 signer;
	int			 refs;
};

struct evtls_client {
	struct tls_config	*config;
	struct x509_store_st	*roots;		/* of all its connections, or
						   NULL */
	uint8_t			 pin[EVTLS_KEYID_LEN];
	int			 pinned;
	int			 refs;
};

/* evtls.c */

/* Tell the owner that it is over.  Only inside a pass. */
void			 evtls_finish(struct evtls *, enum evtls_why,
			    const char *);
/* The end of each pass; c may be gone after it. */
void			 evtls_leave(struct evtls *);
/* Drop all bytes that wait. */
void			 evtls_forget(struct evtls *);
/* No callback may be called any more. */
int			 evtls_gone(const struct evtls *);
/* The owner takes no input: it paused, or has left. */
int			 evtls_stopped(const struct evtls *);
/* What is kept of the input can be opened without more of it. */
int			 evtls_kept_whole(const struct evtls *);
/* Wait for it, without a limit in time; read when there is input. */
void			 evtls_add_event(struct event *);
void			 evtls_start_reading(struct evtls *);
/* Look at what is late in so many ms, instead of when it was to. */
void			 evtls_set_timer(struct evtls *, unsigned int);

/* evtls_input.c */

/* The event's callback. */
void			 evtls_on_read(int, short, void *);
/* The first step: plain is ready as it is, a TLS client says hello. */
void			 evtls_begin(struct evtls *);

/* evtls_output.c */

/* The event's callback. */
void			 evtls_on_write(int, short, void *);
/* Send what was sealed in this pass.  Returns whether all is sent. */
int			 evtls_flush(struct evtls *);

/* evtls_buf.c */

/* The buffers above, made by the first call; NULL without memory. */
struct evtls_bufs	*evtls_bufs(void);
/* Forget what is kept and keep this (which may be a tail of it). 0 or -1. */
int			 evtls_kept_set(struct evtls_kept *, const uint8_t *,
			    size_t);
/* Behind what is kept.  0 or -1. */
int			 evtls_kept_add(struct evtls_kept *, const uint8_t *,
			    size_t);
/* So much of it is done with; where the rest lies. */
void			 evtls_kept_drain(struct evtls_kept *, size_t);
const uint8_t		*evtls_kept_data(const struct evtls_kept *);

/* evtls_tls.c */

enum evtls_io {
	EVTLS_IO_OK,
	EVTLS_IO_WAIT,		/* not before more has come or gone */
	EVTLS_IO_EOF,		/* close_notify */
	EVTLS_IO_ERROR		/* c->text says which, if there is memory */
};

/* Make c->tls, from c->server or c->client.  0 or -1. */
int			 evtls_tls_accept(struct evtls *);
int			 evtls_tls_connect(struct evtls *, const char *);
/* With its references to server and client; takes one that has none. */
void			 evtls_tls_free(struct evtls *);
enum evtls_io		 evtls_tls_handshake(struct evtls *);
/* Reads from c->src, at most one record; the length is stored. */
enum evtls_io		 evtls_tls_read(struct evtls *, uint8_t *, size_t,
			    size_t *);
/* Seals all of it into wire_out. */
enum evtls_io		 evtls_tls_write(struct evtls *, const uint8_t *,
			    size_t);
/* RFC 8446, 6.1. */
void			 evtls_tls_close_notify(struct evtls *);
/* One more connection has it; the _free functions give it back. */
void			 evtls_server_ref(struct evtls_server *);
void			 evtls_client_ref(struct evtls_client *);
/* Why it failed, for a person; replaces c->text. */
void			 evtls_set_text(struct evtls *, const char *, ...)
			    __attribute__((__format__ (printf, 2, 3)));

/* evtls_record.c */

/*
 * The handshake is complete: take the connection over from libtls, if it is
 * of TLS 1.3.  Without memory libtls goes on with it, and where the peer wants
 * records that are shorter than ours.
 */
void			 evtls_record_take(struct evtls *);
/* What the functions of evtls_tls.c do, of one that was taken over. */
enum evtls_io		 evtls_record_read(struct evtls *, uint8_t *, size_t,
			    size_t *);
enum evtls_io		 evtls_record_write(struct evtls *, const uint8_t *,
			    size_t);
void			 evtls_record_close_notify(struct evtls *);
/* Forget what only a handshake needs. */
void			 evtls_secrets_free(struct evtls *);

/* evtls_libtls.c */

/* Once, before the sandbox.  0 or -1. */
int			 evtls_ssl_init(void);
/*
 * tls_configure() for a server whose keys are elsewhere.  The signer must
 * outlive every handshake.  0, or -1 with a reason.
 */
int			 evtls_ssl_server(struct tls *, struct tls_config *,
			    const struct evtls_signer *, char *, size_t);
/*
 * Between begin and end libtls makes the SSL of this connection, which is
 * found and set up.  end returns 0, or -1 if none was made.
 */
void			 evtls_ssl_begin(struct evtls *);
int			 evtls_ssl_end(struct evtls *);
/*
 * All certificates of a PEM as roots, and the first of them in PEM of its own
 * (free it).  NULL: there are none, or no memory.
 */
struct x509_store_st	*evtls_ssl_roots(const char *, char **);
void			 evtls_ssl_roots_free(struct x509_store_st *);
/* TLS 1.3 is agreed on. */
int			 evtls_ssl_is_13(const struct evtls *);
/* The handshake is complete: let go of what only it needed. */
void			 evtls_ssl_established(struct evtls *);
/* Its cipher suite (RFC 8446, B.4); the static name is stored. */
uint16_t		 evtls_ssl_suite(const struct evtls *, const char **);
/*
 * Records can go on without the library: nothing that the peer has sealed
 * waits inside, and they may be as long as others.
 */
int			 evtls_ssl_leaves(const struct evtls *);
/* What an alert of the peer's says (RFC 8446, 6), for a person; static. */
const char		*evtls_ssl_alert(uint8_t);
/* The key id of the peer's certificate.  0 or -1. */
int			 evtls_ssl_peer_keyid(struct evtls *,
			    uint8_t[EVTLS_KEYID_LEN]);
/* Why libtls failed just now; the text is what libtls says itself. */
void			 evtls_ssl_explain(struct evtls *, const char *);

/* evtls_libtls_key.c */

/* Once, before any other.  0 or -1. */
int			 evtls_key_init(void);
/*
 * A key for the certificate that asks the signer, who must outlive it; free
 * it with EVP_PKEY_free.  NULL with a reason.
 */
struct evp_pkey_st	*evtls_key_new(struct x509_st *,
			    const struct evtls_signer *, const char **);
/* The SHA-256 of its public key (SubjectPublicKeyInfo).  0 or -1. */
int			 evtls_key_id(struct x509_st *,
			    uint8_t[EVTLS_KEYID_LEN]);
/* How many certificates there are in a PEM; -1 if one of them is broken. */
int			 evtls_key_count_certs(const char *);

#endif /* EVTLS_INTERNAL_H */
