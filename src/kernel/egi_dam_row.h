/* The vector rows of the dense memory's kernels, written once over a few vector primitives.
 * Included by kernel_dam_<isa>.c only, which defines before: ROW and ROW_ALWAYS (attributes of a
 * function of this row), V, LANES, and the v_* primitives.
 *
 * The powers of q are shared by all classes: they are made once a chunk and lie in a table, in the
 * order in which the chain of products uses them. Four vectors of memories go together, so that
 * the chains, which are serial, overlap. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_DAM_ROW_H
#define EGI_DAM_ROW_H

enum { ABREAST = 4, BLOCK = ABREAST * LANES, CHUNK = EGI_DAM_CHUNK };
enum { STAGES_MAX = 11 }; /* of the chain for an exponent up to 60 */

#define EACH UNROLL for (size_t j = 0; j < ABREAST; j++)

/* q^k by its binary digits, each stage in its row: q, then for every further digit q^(2k) and,
 * where it is 1, q^(2k+1). Row `last` is q^k. */
struct dam_table {
    const float *q; /* (m) as they are, without r */
    size_t m, last;
    V r;
    float row[STAGES_MAX][CHUNK];
};

ROW_ALWAYS size_t top_digit(size_t k)
{
    size_t digit = 1;
    while (digit * 2 <= k) digit *= 2;
    return digit;
}

ROW_ALWAYS void fill_table(struct dam_table *t, const float *q, size_t m, V r, const size_t k,
                           const int rectified)
{
    t->q = q;
    t->m = m;
    t->r = r;
    for (size_t i = 0; i < m; i += LANES) {
        V x = v_mul(v_load(q + i), r);
        if (rectified) x = v_max(x, v_set1(0));
        v_store(t->row[0] + i, x);
        V power = x;
        size_t row = 0;
        for (size_t digit = top_digit(k) / 2; digit > 0; digit /= 2) {
            power = v_mul(power, power);
            v_store(t->row[++row] + i, power);
            if ((k & digit) == 0) continue;
            power = v_mul(power, x);
            v_store(t->row[++row] + i, power);
        }
        t->last = row;
    }
}

/* d = D_k(p, q), power = p^k; the q are those of the table at i. */
ROW_ALWAYS void chain(const struct dam_table *t, size_t i, const size_t k, const V *p, V *d,
                      V *power)
{
    size_t row = 0;
    EACH
    {
        d[j] = v_set1(1);
        power[j] = p[j];
    }
    for (size_t digit = top_digit(k) / 2; digit > 0; digit /= 2) {
        EACH
        {
            d[j] = v_mul(d[j], v_add(power[j], v_load(t->row[row] + i + j * LANES)));
            power[j] = v_mul(power[j], power[j]);
        }
        row++;
        if ((k & digit) == 0) continue;
        EACH
        {
            d[j] = v_fma(p[j], d[j], v_load(t->row[row] + i + j * LANES));
            power[j] = v_mul(power[j], p[j]);
        }
        row++;
    }
}

/* p and p - q of four vectors. The difference is w itself unless one of the two was cut off. */
ROW_ALWAYS void turn_on(const float *q, const float *w, V r, const int rectified, V *p,
                        V *difference)
{
    EACH
    {
        V off = v_mul(v_load(q + j * LANES), r);
        difference[j] = v_mul(v_load(w + j * LANES), r);
        p[j] = v_add(off, difference[j]);
        if (!rectified) continue;
        p[j] = v_max(p[j], v_set1(0));
        off = v_max(off, v_set1(0));
        difference[j] = v_where_positive(v_min(p[j], off), difference[j], v_sub(p[j], off));
    }
}

/* ---- forward ---- */

ROW_ALWAYS double full_sum(const struct dam_table *t, const float *w, const size_t k,
                           const int rectified)
{
    V acc[ABREAST], p[ABREAST], difference[ABREAST], d[ABREAST], power[ABREAST];
    EACH acc[j] = v_set1(0);
    for (size_t i = 0; i < t->m; i += BLOCK) {
        turn_on(t->q + i, w + i, t->r, rectified, p, difference);
        chain(t, i, k, p, d, power);
        EACH
        {
            d[j] = v_fma(p[j], d[j], v_load(t->row[t->last] + i + j * LANES)); /* D_n */
            acc[j] = v_fma(difference[j], d[j], acc[j]);
        }
    }
    return v_sum(v_add(v_add(acc[0], acc[1]), v_add(acc[2], acc[3])));
}

ROW_ALWAYS double dual_sum(const struct dam_table *t, const float *w)
{
    V acc[ABREAST];
    EACH acc[j] = v_set1(0);
    for (size_t i = 0; i < t->m; i += BLOCK)
        EACH acc[j] =
            v_fma(v_load(w + i + j * LANES), v_load(t->row[t->last] + i + j * LANES), acc[j]);
    return v_sum(v_add(v_add(acc[0], acc[1]), v_add(acc[2], acc[3])));
}

ROW_ALWAYS void forward_of(const struct egi_dam_rule *rule, const float *q, const float *w,
                           size_t m, float r, double *z, const size_t k, const int rectified)
{
    struct dam_table t;
    const V scale = v_set1(r);
    for (size_t a = 0; a < rule->classes; a++) z[a] = 0;
    for (size_t from = 0; from < m; from += CHUNK) {
        const size_t here = m - from < CHUNK ? m - from : CHUNK;
        fill_table(&t, q + from, here, scale, k, rectified);
        for (size_t a = 0; a < rule->classes; a++) {
            const float *of = w + a * rule->stride + from;
            z[a] += rule->dual ? dual_sum(&t, of) : full_sum(&t, of, k, rectified);
        }
    }
}

/* ---- backward ---- */

ROW_ALWAYS void full_class(const struct dam_table *t, const float *w, V a, const size_t k,
                           const int rectified, float *g, float *sum)
{
    V p[ABREAST], difference[ABREAST], d[ABREAST], power[ABREAST];
    for (size_t i = 0; i < t->m; i += BLOCK) {
        turn_on(t->q + i, w + i, t->r, rectified, p, difference);
        chain(t, i, k, p, d, power);
        EACH
        {
            const size_t at = i + j * LANES;
            const V slope = v_mul(difference[j], d[j]);
            v_store(g + at, v_fma(a, slope, v_load(g + at)));
            v_store(sum + at, v_fma(a, power[j], v_load(sum + at)));
        }
    }
}

/* g <- sum_a a_a w_a alone; the slope of the power follows for all classes together. */
ROW_ALWAYS void dual_class(const struct dam_table *t, const float *w, V a, float *g, float *sum)
{
    for (size_t i = 0; i < t->m; i += LANES) {
        v_store(g + i, v_fma(a, v_load(w + i), v_load(g + i)));
        v_store(sum + i, v_fma(a, v_load(t->row[t->last] + i), v_load(sum + i)));
    }
}

/* g <- g (k r q^(k-1)), q^0 = 1, or 0 where q was cut off. */
ROW_ALWAYS void dual_slope(const struct dam_table *t, float r, const size_t k, const int rectified,
                           float *g)
{
    const V by = v_set1((float)k * r), one = v_set1(1), zero = v_set1(0);
    for (size_t i = 0; i < t->m; i += LANES) {
        const V q = v_load(t->row[0] + i);
        V power = rectified ? v_where_positive(q, one, zero) : one, square = q;
        for (size_t e = k - 1; e > 0; e /= 2, square = v_mul(square, square))
            if (e & 1) power = v_mul(power, square);
        v_store(g + i, v_mul(v_load(g + i), v_mul(by, power)));
    }
}

/* The arguments of the slot. */
struct dam_backward {
    const struct egi_dam_rule *rule;
    float *q;
    const float *w;
    size_t m;
    float r;
    const float *a;
    float *sums;
};

ROW_ALWAYS void backward_of(const struct dam_backward *b, const size_t k, const int rectified)
{
    struct dam_table t;
    float g[CHUNK];
    const struct egi_dam_rule *rule = b->rule;
    for (size_t from = 0; from < b->m; from += CHUNK) {
        const size_t here = b->m - from < CHUNK ? b->m - from : CHUNK;
        float *q = b->q + from, *all = b->sums + rule->classes * rule->stride + from;
        fill_table(&t, q, here, v_set1(b->r), k, rectified);
        for (size_t i = 0; i < here; i += LANES) v_store(g + i, v_set1(0));
        for (size_t c = 0; c < rule->classes; c++) {
            const size_t at = c * rule->stride + from;
            const V a = v_set1(b->a[c]);
            if (rule->dual)
                dual_class(&t, b->w + at, a, g, b->sums + at);
            else
                full_class(&t, b->w + at, a, k, rectified, g, b->sums + at);
        }
        if (rule->dual) dual_slope(&t, b->r, k, rectified, g);
        for (size_t i = 0; i < here; i += LANES) {
            v_store(q + i, v_load(g + i));
            v_store(all + i, v_add(v_load(all + i), v_load(g + i)));
        }
    }
}

/* The orders people train with most have their chains unrolled; the rest share one. */
#define BY_ORDER(call)                                  \
    switch (rule->order * 2 + (rule->rectified != 0)) { \
    case 4:                                             \
        call(1, 0);                                     \
        break;                                          \
    case 5:                                             \
        call(1, 1);                                     \
        break;                                          \
    case 6:                                             \
        call(2, 0);                                     \
        break;                                          \
    case 7:                                             \
        call(2, 1);                                     \
        break;                                          \
    default:                                            \
        if (rule->rectified)                            \
            call(rule->order - 1, 1);                   \
        else                                            \
            call(rule->order - 1, 0);                   \
    }

ROW void forward(const struct egi_dam_rule *rule, const float *q, const float *w, size_t m, float r,
                 double *z){
#define FORWARD(k, rectified) forward_of(rule, q, w, m, r, z, k, rectified)
    BY_ORDER(FORWARD)
}

ROW void backward(const struct egi_dam_rule *rule, float *q, const float *w, size_t m, float r,
                  const float *a, float *sums)
{
    const struct dam_backward b = { rule, q, w, m, r, a, sums };
#define BACKWARD(k, rectified) backward_of(&b, k, rectified)
    BY_ORDER(BACKWARD)
}

/* ---- the rest ---- */

ROW float overlaps(float *q, const float *bias, float scale, size_t m)
{
    const V by = v_set1(scale);
    V most = v_set1(0);
    for (size_t i = 0; i < m; i += LANES) {
        const V x = v_sub(v_mul(v_load(q + i), by), v_load(bias + i));
        v_store(q + i, x);
        most = v_larger(most, x);
    }
    return v_largest(most);
}

ROW float largest(const float *v, size_t n)
{
    V most = v_set1(0);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) most = v_larger(most, v_load(v + i));
    if (i < n) most = v_larger(most, v_loadn(v + i, n - i));
    return v_largest(most);
}

ROW void climb(float *x, const float *v, float by, size_t n)
{
    const V step = v_set1(by), one = v_set1(1), minus = v_set1(-1);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const V to = v_fma(step, v_load(v + i), v_load(x + i));
        v_store(x + i, v_min(v_max(to, minus), one));
    }
    if (i == n) return;
    const V to = v_fma(step, v_loadn(v + i, n - i), v_loadn(x + i, n - i));
    v_storen(x + i, n - i, v_min(v_max(to, minus), one));
}

#define EGI_DAM_SLOTS overlaps, forward, backward, largest, climb

#endif
