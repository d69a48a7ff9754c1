/* A binary memory's life: creation, pairs in and out, merging.
 *
 * Why a table of its own beside the back ends of eg_memory: a dense memory is patterns and a rule
 * over their similarities, and its verbs take real vectors, ids and weights. Here no pattern is
 * kept; what is stored is which connections exist, an address may have another size than its
 * content, and a cue says for each cluster which symbols are possible. Forced into eg_memory
 * nearly every slot of a back end (scores, field, weighted sum, relax) would be refused. What is
 * the same has the same name: add, forget, recall with a certificate, energy, count, bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "binary/egi_binary.h"

const struct egi_binary_kind *const egi_binary_kinds[EG_BINARY_KINDS] = {
    [EG_BINARY_WILLSHAW] = &egi_binary_willshaw, [EG_BINARY_CLIQUE] = &egi_binary_clique,
    [EG_BINARY_CHAIN] = &egi_binary_chain,       [EG_BINARY_SDM] = &egi_binary_sdm,
    [EG_BINARY_BAM] = &egi_binary_bam,
};

const eg_binary_kind_info *eg_binary_kind_at(size_t row)
{
    return row < EG_BINARY_KINDS ? &egi_binary_kinds[row]->info : NULL;
}

#define MOST_UNITS ((size_t)1 << 30)

struct egi_side egi_side_of(size_t clusters, size_t units)
{
    const size_t group = (units + 63) / 64;
    return (struct egi_side){ clusters, units, group, clusters * group, clusters * units };
}

static eg_status check_side(const char *name, size_t clusters, size_t units)
{
    if (clusters == 0 || units == 0 || clusters > MOST_UNITS || units > MOST_UNITS / clusters)
        return egi_fail(
            EG_ERR_INVALID,
            "eg_binary_options: %s of %zu clusters of %zu units, expected both >= 1 and "
            "up to 2^30 units in all",
            name, clusters, units);
    return EG_OK;
}

eg_status egi_binary_check(const eg_binary_options *o)
{
    if (o == NULL) return egi_fail(EG_ERR_INVALID, "eg_binary_options: NULL");
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_binary_options: size %zu, expected %zu", o->size,
                        sizeof *o);
    if ((unsigned)o->kind >= EG_BINARY_KINDS)
        return egi_fail(EG_ERR_INVALID, "eg_binary_options: kind %d, expected 0..%d", (int)o->kind,
                        EG_BINARY_KINDS - 1);
    EGI_TRY(check_side("an address", o->clusters, o->units));
    if (o->out_clusters != 0 || o->out_units != 0)
        EGI_TRY(check_side("a content", o->out_clusters, o->out_units));
    return egi_binary_kinds[o->kind]->check(o);
}

eg_status eg_binary_size(const eg_binary_options *options, size_t *bytes)
{
    size_t kept;
    if (bytes == NULL) return egi_fail(EG_ERR_INVALID, "eg_binary_size: bytes is NULL");
    EGI_TRY(egi_binary_check(options));
    EGI_TRY(egi_binary_kinds[options->kind]->keeping->bytes(options, &kept));
    return egi_add_size(kept, sizeof(eg_binary), bytes);
}

eg_status eg_binary_create(const eg_binary_options *options, eg_binary **out)
{
    const eg_binary_options defaults = EG_BINARY_OPTIONS_INIT;
    const eg_binary_options *o = options != NULL ? options : &defaults;
    if (out == NULL) return egi_fail(EG_ERR_INVALID, "eg_binary_create: out is NULL");
    EGI_TRY(egi_binary_check(o));
    const eg_allocator *alloc = o->alloc != NULL ? o->alloc : eg_allocator_default();
    eg_binary *m = egi_alloc(alloc, sizeof *m);
    if (m == NULL) return egi_fail(EG_ERR_NOMEM, "eg_binary_create: %zu bytes", sizeof *m);
    *m = (eg_binary){ .alloc = alloc,
                      .options = *o,
                      .kind = egi_binary_kinds[o->kind],
                      .in = egi_side_of(o->clusters, o->units),
                      .own = o->out_clusters == 0,
                      .kernel = egi_kernels_links(egi_isa_level()),
                      .packed = egi_kernels_bits(egi_isa_level()) };
    m->options.alloc = alloc;
    m->out = m->own ? m->in : egi_side_of(o->out_clusters, o->out_units);
    eg_status s = m->kind->keeping->create(m);
    if (s == EG_OK && m->kind->create != NULL) s = m->kind->create(m);
    if (s != EG_OK)
        eg_binary_destroy(m);
    else
        *out = m;
    return s;
}

void eg_binary_destroy(eg_binary *m)
{
    if (m == NULL) return;
    if (m->kind->destroy != NULL) m->kind->destroy(m);
    m->kind->keeping->destroy(m);
    egi_free(m->alloc, m, sizeof *m);
}

const eg_binary_options *eg_binary_options_view(const eg_binary *m)
{
    return &m->options;
}

uint64_t eg_binary_count(const eg_binary *m)
{
    return m->n;
}

size_t eg_binary_bytes(const eg_binary *m)
{
    size_t bytes = 0;
    return eg_binary_size(&m->options, &bytes) == EG_OK ? bytes : 0;
}

size_t eg_binary_words(const eg_binary *m)
{
    return m->in.words;
}

size_t eg_binary_out_words(const eg_binary *m)
{
    return m->out.words;
}

int egi_state_clean(const struct egi_side *side, const uint64_t *state)
{
    const size_t past = side->units % 64;
    for (size_t c = 0; past != 0 && c < side->clusters; c++)
        if (state[(c + 1) * side->group - 1] >> past != 0) return 0;
    return 1;
}

size_t egi_state_active(const struct egi_side *side, const uint64_t *state)
{
    size_t active = 0;
    for (size_t w = 0; w < side->words; w++) active += (size_t)__builtin_popcountll(state[w]);
    return active;
}

/* ---- pairs ---- */

static eg_status check_pairs(const eg_binary *m, const char *who, const uint64_t *a,
                             const uint64_t *b, size_t n)
{
    if (m == NULL || (a == NULL && n > 0))
        return egi_fail(EG_ERR_INVALID, "%s: %s is NULL", who, m == NULL ? "memory" : "addresses");
    if ((b == NULL) != m->own && n > 0)
        return egi_fail(EG_ERR_INVALID, "%s: contents are %s, the memory has %s", who,
                        b == NULL ? "NULL" : "given", m->own ? "none of its own" : "its own");
    for (size_t i = 0; i < n; i++) {
        const uint64_t *x = a + i * m->in.words, *y = m->own ? x : b + i * m->out.words;
        if (!egi_state_clean(&m->in, x) || !egi_state_clean(&m->out, y))
            return egi_fail(EG_ERR_INVALID, "%s: pair %zu has bits past the last unit of a cluster",
                            who, i);
        EGI_TRY(m->kind->storable(m, who, i, x, y));
    }
    return EG_OK;
}

/* One pair after the other; those written are undone if one cannot be. */
static eg_status write_pairs(eg_binary *m, const uint64_t *a, const uint64_t *b, size_t n, int sign)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t *x = a + i * m->in.words, *y = m->own ? x : b + i * m->out.words;
        const eg_status s = m->kind->write(m, x, y, sign);
        if (s == EG_OK) continue;
        while (i-- > 0) {
            x = a + i * m->in.words;
            y = m->own ? x : b + i * m->out.words;
            (void)!m->kind->write(m, x, y, -sign); /* cannot fail: it was just done */
        }
        return s;
    }
    return EG_OK;
}

/* What comes in or goes out: n and the active units, as a memory counts them. */
struct load {
    uint64_t n, in, out;
};

static struct load load_of_pairs(const eg_binary *m, const uint64_t *a, const uint64_t *b, size_t n)
{
    struct load l = { n, 0, 0 };
    for (size_t i = 0; i < n; i++) {
        l.in += egi_state_active(&m->in, a + i * m->in.words);
        if (!m->own) l.out += egi_state_active(&m->out, b + i * m->out.words);
    }
    if (m->own) l.out = l.in;
    return l;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* A repaired memory may have lost these numbers. */
static void count(eg_binary *m, const struct load *l, int sign)
{
    m->n = sign > 0 ? m->n + l->n : less(m->n, l->n);
    m->on_in = sign > 0 ? m->on_in + l->in : less(m->on_in, l->in);
    m->on_out = sign > 0 ? m->on_out + l->out : less(m->on_out, l->out);
}

static eg_status refuse_sequence(const eg_binary *m, const char *who, int sequence)
{
    if (m->kind->sequence == sequence) return EG_OK;
    return egi_fail(EG_ERR_UNSUPPORTED, "%s: %s stores %s", who, m->kind->info.name,
                    sequence ? "pairs: eg_binary_add" : "sequences: eg_binary_add_sequence");
}

eg_status eg_binary_add(eg_binary *m, const uint64_t *addresses, const uint64_t *contents, size_t n)
{
    EGI_TRY(check_pairs(m, "eg_binary_add", addresses, contents, n));
    EGI_TRY(refuse_sequence(m, "eg_binary_add", 0));
    EGI_TRY(write_pairs(m, addresses, contents, n, 1));
    const struct load l = load_of_pairs(m, addresses, contents, n);
    count(m, &l, 1);
    return EG_OK;
}

static eg_status refuse_forgetting(const eg_binary *m, const char *who, const struct load *l)
{
    if (m->kind->keeping == &egi_keeping_links && m->links.count == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "%s: connections are not counted (options: counted = 1), so what others "
                        "share with this one is not known",
                        who);
    if (l->n > m->n)
        return egi_fail(EG_NOT_FOUND, "%s: %llu to forget of %llu stored", who,
                        (unsigned long long)l->n, (unsigned long long)m->n);
    return EG_OK;
}

/* After one was taken out: whether as many as stay can have left what is there. */
static eg_status check_rest(const eg_binary *m, const char *who, const struct load *l)
{
    if (m->kind->keeping->can_be(m, m->n - l->n)) return EG_OK;
    return egi_fail(
        EG_NOT_FOUND,
        "%s: the %llu that would stay cannot have left what remains: one of those to forget was "
        "never stored",
        who, (unsigned long long)(m->n - l->n));
}

eg_status eg_binary_forget(eg_binary *m, const uint64_t *addresses, const uint64_t *contents,
                           size_t n)
{
    const char *who = "eg_binary_forget";
    EGI_TRY(check_pairs(m, who, addresses, contents, n));
    EGI_TRY(refuse_sequence(m, who, 0));
    const struct load l = load_of_pairs(m, addresses, contents, n);
    eg_status s = refuse_forgetting(m, who, &l);
    if (s == EG_OK) s = write_pairs(m, addresses, contents, n, -1);
    if (s != EG_OK) return s;
    s = check_rest(m, who, &l);
    if (s == EG_OK)
        count(m, &l, -1);
    else
        (void)!write_pairs(m, addresses, contents, n, 1); /* cannot fail: it was just there */
    return s;
}

/* Each state with the `order` before it, in the order of t; undone from the end on failure. */
static eg_status write_sequence(eg_binary *m, const uint64_t *states, size_t t, int sign)
{
    const size_t w = m->in.words, order = m->options.order;
    for (size_t i = 0, done = 0; i < t; i++)
        for (size_t k = 1; k <= order && k <= i; k++, done++) {
            const eg_status s = m->kind->write(m, states + (i - k) * w, states + i * w, sign);
            if (s == EG_OK) continue;
            for (size_t j = 0; done > 0; j++)
                for (size_t b = 1; b <= order && b <= j && done > 0; b++, done--)
                    (void)!m->kind->write(m, states + (j - b) * w, states + j * w, -sign);
            return s;
        }
    return EG_OK;
}

static eg_status put_sequence(eg_binary *m, const char *who, const uint64_t *states, size_t t,
                              int sign)
{
    EGI_TRY(check_pairs(m, who, states, NULL, t));
    EGI_TRY(refuse_sequence(m, who, 1));
    struct load l = { 1, 0, t };
    for (size_t i = 0; i < t; i++) l.in += egi_state_active(&m->in, states + i * m->in.words);
    eg_status s = sign < 0 ? refuse_forgetting(m, who, &l) : EG_OK;
    if (s == EG_OK && t < 2)
        s = egi_fail(EG_ERR_INVALID, "%s: %zu states, expected at least 2", who, t);
    if (s == EG_OK) s = write_sequence(m, states, t, sign);
    if (s != EG_OK) return s;
    if (sign < 0) s = check_rest(m, who, &l);
    if (s == EG_OK)
        count(m, &l, sign);
    else
        (void)!write_sequence(m, states, t, 1); /* cannot fail: it was just there */
    return s;
}

eg_status eg_binary_add_sequence(eg_binary *m, const uint64_t *states, size_t t)
{
    return put_sequence(m, "eg_binary_add_sequence", states, t, 1);
}

eg_status eg_binary_forget_sequence(eg_binary *m, const uint64_t *states, size_t t)
{
    return put_sequence(m, "eg_binary_forget_sequence", states, t, -1);
}

/* ---- memories together ---- */

int egi_binary_same(const eg_binary_options *a, const eg_binary_options *b)
{
    return a->kind == b->kind && a->clusters == b->clusters && a->units == b->units
           && a->out_clusters == b->out_clusters && a->out_units == b->out_units
           && a->order == b->order && a->locations == b->locations && a->radius == b->radius
           && a->counted == b->counted && a->seed == b->seed;
}

static eg_status check_two(const char *who, const eg_binary *a, const eg_binary *b)
{
    if (a == NULL || b == NULL) return egi_fail(EG_ERR_INVALID, "%s: a memory is NULL", who);
    if (!egi_binary_same(&a->options, &b->options))
        return egi_fail(EG_ERR_SHAPE,
                        "%s: memories of other options: %s of %zu x %zu and %s of "
                        "%zu x %zu, or other order, counters, locations or seed",
                        who, a->kind->info.name, a->in.clusters, a->in.units, b->kind->info.name,
                        b->in.clusters, b->in.units);
    return EG_OK;
}

eg_status eg_binary_merge(eg_binary *into, const eg_binary *from)
{
    EGI_TRY(check_two("eg_binary_merge", into, from));
    EGI_TRY(into->kind->keeping->may(into, from, 1));
    into->kind->keeping->join(into, from, 1);
    const struct load l = { from->n, from->on_in, from->on_out };
    count(into, &l, 1);
    return EG_OK;
}

eg_status eg_binary_subtract(eg_binary *from, const eg_binary *what)
{
    EGI_TRY(check_two("eg_binary_subtract", from, what));
    eg_status s = from->kind->keeping->may(from, what, -1);
    if (s == EG_OK) {
        from->kind->keeping->join(from, what, -1);
        const struct load l = { what->n, what->on_in, what->on_out };
        count(from, &l, -1);
    }
    return s;
}

eg_status eg_binary_split(const eg_binary *m, const uint64_t *outputs, eg_binary **part)
{
    eg_binary *made = NULL;
    if (m == NULL || outputs == NULL || part == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_binary_split: %s is NULL",
                        m == NULL         ? "memory"
                        : outputs == NULL ? "outputs"
                                          : "part");
    if (!egi_state_clean(&m->out, outputs))
        return egi_fail(EG_ERR_INVALID, "eg_binary_split: bits past the last unit of a cluster");
    EGI_TRY(eg_binary_create(&m->options, &made));
    assert(made != NULL);
    made->kind->keeping->join(made, m, 1);
    made->kind->keeping->restrict_to(made, outputs);
    made->n = m->n;
    made->on_in = m->on_in;
    made->on_out = m->on_out;
    *part = made;
    return EG_OK;
}

eg_status eg_binary_measure(const eg_binary *m, eg_binary_health *health)
{
    if (m == NULL || health == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_binary_measure: %s is NULL",
                        m == NULL ? "memory" : "health");
    m->kind->measure(m, health);
    return EG_OK;
}

eg_status eg_binary_energy(const eg_binary *m, const uint64_t *addresses, const uint64_t *contents,
                           size_t q, double *energy)
{
    if (energy == NULL) return egi_fail(EG_ERR_INVALID, "eg_binary_energy: energy is NULL");
    if (m == NULL || (addresses == NULL && q > 0) || (m->own ? 0 : contents == NULL && q > 0))
        return egi_fail(EG_ERR_INVALID, "eg_binary_energy: %s is NULL",
                        m == NULL           ? "memory"
                        : addresses == NULL ? "addresses"
                                            : "contents");
    if (m->kind->energy == NULL || (m->own == 0 && m->kind->keeping == &egi_keeping_links))
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_binary_energy: %s has none%s", m->kind->info.name,
                        m->kind->energy == NULL ? "" : " between two sides");
    for (size_t i = 0; i < q; i++) {
        const uint64_t *x = addresses + i * m->in.words;
        energy[i] = m->kind->energy(m, x, m->own ? x : contents + i * m->out.words);
    }
    return EG_OK;
}
