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

#ifndef EVTLS_H
#define EVTLS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * A connection on libevent, through TLS (libtls) or in the clear.
 *
 * All connections of a process share its large buffers: an idle one holds
 * no buffer of ours.  In TLS 1.3 libtls makes the connection and we go on
 * with it (tls_record.h), so nothing of the library's is held either; in TLS
 * 1.2 an idle one holds no buffer of libssl's (SSL_MODE_RELEASE_BUFFERS).
 * Input is read up to EVTLS_BATCH bytes at a time; output is pulled from the
 * owner, sealed into full records and leaves EVTLS_BATCH at a time in one
 * system call.
 */

#define EVTLS_BATCH	(160 * 1024)

struct event_base;
struct evtls;			/* one connection */
struct evtls_server;		/* certificates to accept with */
struct evtls_client;		/* trust to connect with */

enum evtls_why {
	EVTLS_EOF,		/* the peer closed in order */
	EVTLS_CUT,		/* the peer ended TCP in order, but not TLS */
	EVTLS_ERROR,		/* network or TLS trouble; text says which */
	EVTLS_TIMEOUT,		/* the deadline has passed */
	EVTLS_CLOSED		/* evtls_close has finished */
};

struct evtls_ops {
	/* The handshake is complete (at once, in a later pass, if plain). */
	void	(*ready)(struct evtls *, void *);
	/*
	 * Bytes have come; they may be changed in place.  Returns how many
	 * were taken; what is left comes again with more behind it.  At most
	 * EVTLS_BATCH may be left; more ends the connection.
	 */
	size_t	(*input)(struct evtls *, void *, uint8_t *, size_t);
	/*
	 * The socket can take more: fill at most so many bytes (EVTLS_BATCH
	 * at least), return how many.  Called again until it returns 0; then
	 * not before evtls_want_output.
	 */
	size_t	(*output)(struct evtls *, void *, uint8_t *, size_t);
	/*
	 * It is over: call evtls_free (here or later).  No callback follows.
	 * The text is static or lives until evtls_free.
	 */
	void	(*closed)(struct evtls *, void *, enum evtls_why,
		    const char *);
	/*
	 * Optional, instead of closed.  eof: the peer has said, in order,
	 * that nothing more will come; it may still read, and what is left of
	 * its input can be asked for by evtls_again.  timeout: the deadline
	 * has passed, and there is none any more; not in a handshake.
	 */
	void	(*eof)(struct evtls *, void *);
	void	(*timeout)(struct evtls *, void *);
};

/*
 * Signs for a certificate whose private key is elsewhere.  key: SHA-256 of
 * the certificate's SubjectPublicKeyInfo in DER.  EVTLS_SIGN_ECDSA: in is a
 * digest, out a DER signature.  EVTLS_SIGN_RSA: in is a padded block as
 * long as the modulus, out the raw private-key operation on it.  out has
 * room for EVTLS_SIGN_MAX bytes; *outlen is set.  Returns 0 or -1.  Called
 * inside a handshake and expected to answer within milliseconds.
 */
#define EVTLS_KEYID_LEN	32
#define EVTLS_SIGN_MAX	1024		/* RSA up to 8192 bits */
enum evtls_sign_kind { EVTLS_SIGN_ECDSA = 1, EVTLS_SIGN_RSA = 2 };

struct evtls_signer {
	int	(*sign)(void *, const uint8_t[EVTLS_KEYID_LEN],
		    enum evtls_sign_kind, const uint8_t *, size_t,
		    uint8_t[EVTLS_SIGN_MAX], size_t *);
	void	*arg;
};

/*
 * evtls_init: once per process, before its sandbox closes: time zone,
 * OpenSSL's tables, the callbacks that find each SSL_CTX.  Returns 0 or -1.
 */
int	evtls_init(void);
/* For who only signs: a part of it, without the memory TLS takes. */
int	evtls_crypto_init(void);

/*
 * evtls_ca_check: 0 if the text is certificates in PEM, one at least, or -1
 * with what is wrong with it.
 */
int	evtls_ca_check(const char *, char *, size_t);

/*
 * evtls_server_new: from n certificate chains in PEM (leaf first), the
 * first being the default, the others chosen by SNI.  TLS 1.2 and 1.3.
 * Returns NULL with a reason in err.  Connections that were accepted with a
 * server go on after evtls_server_free.
 */
struct evtls_server	*evtls_server_new(const char *const *, size_t,
			    const struct evtls_signer *, char *, size_t);
void			 evtls_server_free(struct evtls_server *);

/* The key id of the leaf certificate in a PEM chain.  0 or -1. */
int			 evtls_cert_keyid(const char *,
			    uint8_t[EVTLS_KEYID_LEN]);
/* From when until when that certificate is valid.  0 or -1. */
int			 evtls_cert_times(const char *, time_t *, time_t *);

/*
 * evtls_client_new: trust in ca (PEM; NULL: the system's roots as loaded by
 * the caller's PEM, see evtls_system_ca) and, if pin is not NULL, in
 * exactly the key with this key id.  With a pin and no ca, chain and name
 * are not looked at: the pin decides alone.
 * evtls_client_any: whoever it is, since somebody asked for that.
 * evtls_client_share: that CA is read once for all its connections, and not
 * for each of them, at the price of keeping it (the system's roots: about
 * 1 MB).  0, or -1: it is read for each as before.
 */
struct evtls_client	*evtls_client_new(const char *,
			    const uint8_t *pin, char *, size_t);
struct evtls_client	*evtls_client_any(char *, size_t);
int			 evtls_client_share(struct evtls_client *,
			    const char *);
/* Connections that have it keep it; takes NULL. */
void			 evtls_client_free(struct evtls_client *);
/* The system's CA file, read whole; malloced PEM or NULL. */
char			*evtls_system_ca(void);
/*
 * "sha256:" and 64 hex digits, or base64, as a key id.  0 or -1.  And back,
 * in the first of these.
 */
int			 evtls_pin_parse(const char *,
			    uint8_t[EVTLS_KEYID_LEN]);
void			 evtls_pin_format(const uint8_t[EVTLS_KEYID_LEN],
			    char *, size_t);

/*
 * evtls_accept, evtls_connect: take over a connected non-blocking socket.
 * server or client NULL: in the clear.  host: the name for SNI and the
 * certificate check.  Returns NULL (fd closed) without memory.
 */
struct evtls	*evtls_accept(struct event_base *, int,
		    struct evtls_server *, const struct evtls_ops *, void *);
struct evtls	*evtls_connect(struct event_base *, int,
		    struct evtls_client *, const char *,
		    const struct evtls_ops *, void *);

/*
 * What comes in front of all else, TLS as well, is shown to this function
 * first: right after evtls_accept, or for what is behind it from such a
 * function itself.  It is called with all bytes that have come so far, and
 * returns how many of those it takes (and is not called again), 0 for more
 * bytes, or -1: closed is called with EVTLS_ERROR then, as it is after so
 * many bytes.  Paused, it is called again with the same bytes when it goes
 * on.  It may also only look: with NULL for the next function, and 0.  The
 * handshake begins behind it.
 */
void		 evtls_preface(struct evtls *, ssize_t (*)(struct evtls *,
		    void *, const uint8_t *, size_t), size_t);
/*
 * Give the connection up before its handshake, which is inside a preface:
 * returns the descriptor, and the bytes that have come and were not taken
 * (malloced, or NULL).  It is as freed; nothing is sent.
 */
int		 evtls_release(struct evtls *, uint8_t **, size_t *);

/* Another owner takes the connection: a door, then a link. */
void		 evtls_set_ops(struct evtls *, const struct evtls_ops *,
		    void *);
/* There is something to send; output is called later in this pass. */
void		 evtls_want_output(struct evtls *);
/* Stop and go on reading: back-pressure towards the peer. */
void		 evtls_pause(struct evtls *);
void		 evtls_resume(struct evtls *);
/*
 * What input left is shown again soon, without waiting for more.  Returns
 * whether there is anything.
 */
int		 evtls_again(struct evtls *);
/* Whether input has left anything. */
int		 evtls_left(const struct evtls *);
/*
 * A peer that reads nothing for long is kept, as long as it is there.  Links
 * have pings of their own, and give up sooner.
 */
void		 evtls_patient(struct evtls *);
/* Close with EVTLS_TIMEOUT so many ms from now; 0: never. */
void		 evtls_deadline(struct evtls *, unsigned int);
/*
 * Send what output still gives and close_notify, and call
 * closed(EVTLS_CLOSED) when the peer has closed as well, at the latest 1 s
 * after all was sent, for which there are 3 s.  Input is dropped from now
 * on: 64 KiB of it, and what is more is not read.
 */
void		 evtls_close(struct evtls *);
/*
 * Send what output still gives and close_notify (in the clear, the end of
 * TCP), and go on reading: this side has no more to say.
 */
void		 evtls_shutdown(struct evtls *);
/*
 * At once; takes NULL.  Safe inside the connection's own callbacks.  What
 * output has given before in the same pass is sent, if the socket takes it.
 */
void		 evtls_free(struct evtls *);
/* The same, so that the peer can't take it for an end in order. */
void		 evtls_abort(struct evtls *);
/* Whether the peer has broken it, as far as can be told without sending. */
int		 evtls_broken(const struct evtls *);
/*
 * Whether the peer has ended or broken it, though not all that it sent has
 * been read: for one that is paused.  0 where the system does not tell.
 */
int		 evtls_ended(const struct evtls *);
/* The owner has paused it. */
int		 evtls_paused(const struct evtls *);

/* Its descriptor, which stays its own. */
int		 evtls_fd(const struct evtls *);
/* 1, or 0: it is in the clear. */
int		 evtls_is_tls(const struct evtls *);
/* The name the client asked for by SNI, or NULL. */
const char	*evtls_servername(const struct evtls *);
/* "TLSv1.3 TLS_AES_128_GCM_SHA256" into the buffer, or "plain". */
void		 evtls_describe(const struct evtls *, char *, size_t);
/*
 * What a connection takes besides, of ours: of a handshake, and of TLS 1.2,
 * the state is the library's, which does not tell.  And what all connections
 * of the process share.
 */
size_t		 evtls_memory(const struct evtls *);
size_t		 evtls_memory_shared(void);
/* Bytes that wait in this connection's own buffers, both ways. */
size_t		 evtls_buffered(const struct evtls *);

#endif /* EVTLS_H */
