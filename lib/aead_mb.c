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

#include "aead_mb.h"

#ifdef HAVE_IPSEC_MB
#include <sys/mman.h>

#include <dlfcn.h>
#include <elf.h>
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

enum { OPEN, SEAL };

/* What the library has for this processor. */
static struct gcm {
	aes_gcm_pre_t			 pre;
	aes_gcm_init_t			 init;
	aes_gcm_enc_dec_update_t	 seal;
	aes_gcm_enc_dec_finalize_t	 seal_end;
	aes_gcm_enc_dec_t		 open;
} gcms[2];

/* Which key each direction has, expanded. */
static struct state {
	/* As its code wants it; its header says so only inside it. */
	_Alignas(64) struct gcm_key_data expanded;
	uint64_t		 key_id;
} states[2];

static struct gcm_context_data	 record;

int
aead_mb_can(enum aead aead)
{
	return (aead == AEAD_AES_128_GCM || aead == AEAD_AES_256_GCM);
}

/*
 * When it starts, the library tries all that it has for all processors, and
 * 3 MB of it are in memory.  Who gives the pages back has those few that are
 * used a moment later.
 */
static void
release(void *code)
{
	const Elf64_Ehdr	*elf;
	const Elf64_Phdr	*part;
	Dl_info			 info;
	uintptr_t		 base, page = sysconf(_SC_PAGESIZE);
	int			 i;

	if (dladdr(code, &info) == 0)
		return;
	base = (uintptr_t)info.dli_fbase;
	elf = info.dli_fbase;
	if (elf->e_type != ET_DYN)	/* addresses are not from its base */
		return;
	part = (const Elf64_Phdr *)(base + elf->e_phoff);
	for (i = 0; i < elf->e_phnum; i++, part++)
		if (part->p_type == PT_LOAD && !(part->p_flags & PF_W))
			(void)madvise((void *)((base + part->p_vaddr) &
			    ~(page - 1)), part->p_memsz, MADV_DONTNEED);
}

int
aead_mb_start(void)
{
	size_t	 size = imb_get_mb_mgr_size();
	IMB_MGR	*m;
	void	*room;
	int	 ok;

	/* The library does not ask whether the system lets it have these. */
	__builtin_cpu_init();
	if (!__builtin_cpu_supports("avx512f") ||
	    !__builtin_cpu_supports("vpclmulqdq"))
		return (0);
	/* Not malloc(3), which keeps large pieces once one was freed. */
	room = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		return (0);
	m = imb_set_pointers_mb_mgr(room, 0, 1);
	init_mb_mgr_auto(m, NULL);
	ok = imb_get_errno(m) == 0 && (m->features & IMB_CPUFLAGS_AVX512_T2) ==
	    IMB_CPUFLAGS_AVX512_T2;
	gcms[AEAD_AES_128_GCM] = (struct gcm){ m->gcm128_pre, m->gcm128_init,
	    m->gcm128_enc_update, m->gcm128_enc_finalize, m->gcm128_dec };
	gcms[AEAD_AES_256_GCM] = (struct gcm){ m->gcm256_pre, m->gcm256_init,
	    m->gcm256_enc_update, m->gcm256_enc_finalize, m->gcm256_dec };
	release((void *)m->gcm128_pre);
	(void)munmap(room, size);
	return (ok);
}

static const struct gcm_key_data *
expanded(const struct aead_key *k, int way)
{
	struct state	*st = &states[way];

	if (st->key_id != k->id) {
		/* A longer one would leave its end behind. */
		explicit_bzero(st, sizeof(*st));
		gcms[k->aead].pre(k->key, &st->expanded);
		st->key_id = k->id;
	}
	return (&st->expanded);
}

void
aead_mb_forget(const struct aead_key *k)
{
	int	 way;

	for (way = OPEN; way <= SEAL; way++)
		if (states[way].key_id == k->id)
			explicit_bzero(&states[way], sizeof(states[way]));
	/* Whose that was is not known. */
	explicit_bzero(&record, sizeof(record));
}

void
aead_mb_seal(const struct aead_key *k, const uint8_t nonce[AEAD_NONCE_LEN],
    const uint8_t *head, size_t nhead, const uint8_t *p, size_t n,
    uint8_t last, uint8_t *out)
{
	const struct gcm_key_data	*key = expanded(k, SEAL);
	const struct gcm		*gcm = &gcms[k->aead];

	gcm->init(key, &record, nonce, head, nhead);
	if (n > 0)
		gcm->seal(key, &record, out, p, n);
	gcm->seal(key, &record, out + n, &last, 1);
	gcm->seal_end(key, &record, out + n + 1, AEAD_TAG_LEN);
}

enum aead_opened
aead_mb_open(const struct aead_key *k, const uint8_t nonce[AEAD_NONCE_LEN],
    const uint8_t *head, size_t nhead, const uint8_t *p, size_t n,
    uint8_t *out)
{
	uint8_t	 tag[AEAD_TAG_LEN];

	gcms[k->aead].open(expanded(k, OPEN), &record, out, p, n, nonce, head,
	    nhead, tag, sizeof(tag));
	return (CRYPTO_memcmp(tag, p + n, sizeof(tag)) == 0 ? AEAD_OPENED :
	    AEAD_CHANGED);
}

#else /* !HAVE_IPSEC_MB */

int
aead_mb_start(void)
{
	return (0);
}

int
aead_mb_can(enum aead aead)
{
	return (0);
}

void
aead_mb_forget(const struct aead_key *k)
{
}

void
aead_mb_seal(const struct aead_key *k, const uint8_t nonce[AEAD_NONCE_LEN],
    const uint8_t *head, size_t nhead, const uint8_t *p, size_t n,
    uint8_t last, uint8_t *out)
{
}

enum aead_opened
aead_mb_open(const struct aead_key *k, const uint8_t nonce[AEAD_NONCE_LEN],
    const uint8_t *head, size_t nhead, const uint8_t *p, size_t n,
    uint8_t *out)
{
	return (AEAD_CHANGED);
}

#endif
