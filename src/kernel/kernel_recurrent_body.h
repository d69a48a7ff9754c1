/* The body of kernel_recurrent.c for one element type: REAL and NAME(x) are defined around
 * it. Lines are of one row of the batch: H numbers, gates one after the other. */
/* SPDX-License-Identifier: Apache-2.0 */

/* a (4 H): sums in, gates out. */
static void NAME(lstm)(size_t h_size, REAL *restrict a, const REAL *restrict bias,
                       const REAL *restrict c, REAL *restrict c_out, REAL *restrict h_out)
{
    REAL *restrict in = a, *restrict forget = a + h_size, *restrict g = a + 2 * h_size,
                   *restrict out = a + 3 * h_size;
    for (size_t k = 0; k < h_size; k++) in[k] = NAME(egi_sigmoid)(in[k] + bias[k]);
    for (size_t k = 0; k < h_size; k++) forget[k] = NAME(egi_sigmoid)(forget[k] + bias[h_size + k]);
    for (size_t k = 0; k < h_size; k++) g[k] = NAME(egi_tanh)(g[k] + bias[2 * h_size + k]);
    for (size_t k = 0; k < h_size; k++) out[k] = NAME(egi_sigmoid)(out[k] + bias[3 * h_size + k]);
    for (size_t k = 0; k < h_size; k++) c_out[k] = forget[k] * c[k] + in[k] * g[k];
    for (size_t k = 0; k < h_size; k++) h_out[k] = out[k] * NAME(egi_tanh)(c_out[k]);
}

static void NAME(gru)(size_t h_size, REAL *restrict a, const REAL *restrict bias,
                      const REAL *restrict h, REAL *restrict h_out)
{
    REAL *restrict r = a, *restrict z = a + h_size, *restrict n = a + 2 * h_size,
                   *restrict q = a + 3 * h_size;
    for (size_t k = 0; k < h_size; k++) r[k] = NAME(egi_sigmoid)(r[k] + bias[k]);
    for (size_t k = 0; k < h_size; k++) z[k] = NAME(egi_sigmoid)(z[k] + bias[h_size + k]);
    for (size_t k = 0; k < h_size; k++) {
        q[k] += bias[3 * h_size + k];
        n[k] = NAME(egi_tanh)(n[k] + bias[2 * h_size + k] + r[k] * q[k]);
    }
    for (size_t k = 0; k < h_size; k++) h_out[k] = n[k] + z[k] * (h[k] - n[k]);
}

/* to += gate later: what a step hands back past its gates, by the one that lets the state through.
 */
static void NAME(hand_past)(size_t h_size, REAL *restrict to, const REAL *restrict gate,
                            const REAL *restrict later)
{
    for (size_t k = 0; k < h_size; k++) to[k] += gate[k] * later[k];
}

/* dh: all of h. dc: of c but for what goes through h, made all. d (4 H): by the sums. */
static void NAME(lstm_back)(size_t h_size, const REAL *restrict a, const REAL *restrict c,
                            const REAL *restrict c_out, const REAL *restrict dh, REAL *restrict d,
                            REAL *restrict dc)
{
    const REAL *restrict in = a, *restrict f = a + h_size, *restrict g = a + 2 * h_size,
                         *restrict out = a + 3 * h_size;
    for (size_t k = 0; k < h_size; k++) {
        const REAL s = NAME(egi_tanh)(c_out[k]);
        const REAL all = dc[k] + dh[k] * out[k] * (1 - s * s);
        dc[k] = all;
        d[k] = all * g[k] * in[k] * (1 - in[k]);
        d[h_size + k] = all * c[k] * f[k] * (1 - f[k]);
        d[2 * h_size + k] = all * in[k] * (1 - g[k] * g[k]);
        d[3 * h_size + k] = dh[k] * s * out[k] * (1 - out[k]);
    }
}

static void NAME(gru_back)(size_t h_size, const REAL *restrict a, const REAL *restrict h,
                           const REAL *restrict dh, REAL *restrict d)
{
    const REAL *restrict r = a, *restrict z = a + h_size, *restrict n = a + 2 * h_size,
                         *restrict q = a + 3 * h_size;
    for (size_t k = 0; k < h_size; k++) {
        const REAL dn = dh[k] * (1 - z[k]) * (1 - n[k] * n[k]);
        d[k] = dn * q[k] * r[k] * (1 - r[k]);
        d[h_size + k] = dh[k] * (h[k] - n[k]) * z[k] * (1 - z[k]);
        d[2 * h_size + k] = dn;
        d[3 * h_size + k] = dn * r[k];
        d[4 * h_size + k] = dh[k];
    }
}

/* Where row `row` of step `step` begins in planes packed S a row. */
static REAL *NAME(line)(const struct egi_recurrent *g, const char *packed, size_t planes,
                        size_t step, size_t row)
{
    REAL *base = (REAL *)(void *)(uintptr_t)packed; /* const where the caller says so */
    return base + (step * g->batch + row) * planes * g->hidden;
}

/* h, or c, that a step finds: of the step before, or what was given. */
static REAL *NAME(before)(const struct egi_recurrent *g, const char *given, const char *packed,
                          size_t plane, size_t step, size_t row)
{
    if (step == 0) return NAME(line)(g, given, 1, 0, row);
    return NAME(line)(g, packed, kinds[g->kind].planes, step - 1, row) + plane * g->hidden;
}

/* All inputs at once: the first gates of packed <- x w_ih^T. */
static void NAME(inputs)(const struct egi_recurrent *g, const struct egi_recurrent_data *d,
                         int threads)
{
    const struct kind *kind = &kinds[g->kind];
    const struct egi_gemm product = { .m = g->steps * g->batch,
                                      .n = kind->gates * g->hidden,
                                      .k = g->inputs,
                                      .b_is_transposed = 1,
                                      .lda = g->inputs,
                                      .ldb = g->inputs,
                                      .ldc = kind->planes * g->hidden,
                                      .alpha = 1 };
    CALL(egi_gemm, &product, (const REAL *)(const void *)d->x, (const REAL *)(const void *)d->w_ih,
         NAME(line)(g, d->packed, 1, 0, 0), threads);
}

/* gates += h w_hh^T, or where it stands alone, = . */
static void NAME(recur)(const struct egi_recurrent *g, const struct egi_recurrent_data *d,
                        size_t step, size_t first, size_t rows)
{
    const struct kind *kind = &kinds[g->kind];
    const size_t size = g->hidden, ld = kind->planes * size;
    const REAL *w = (const REAL *)(const void *)d->w_hh;
    for (size_t k = 0; k < kind->products; k++) {
        const struct product *p = &kind->product[k];
        const struct egi_gemm product = { .m = rows,
                                          .n = p->rows * size,
                                          .k = size,
                                          .b_is_transposed = 1,
                                          .lda = step == 0 ? size : ld,
                                          .ldb = size,
                                          .ldc = ld,
                                          .alpha = 1,
                                          .beta = p->adds };
        CALL(egi_gemm, &product, NAME(before)(g, d->h, d->packed, kind->planes - 1, step, first),
             w + p->row * size * size,
             NAME(line)(g, d->packed, kind->planes, step, first) + p->column * size, 1);
    }
}

static void NAME(forward)(void *arg, size_t block)
{
    const struct job *j = arg;
    const struct egi_recurrent *g = j->g;
    const struct egi_recurrent_data *d = j->d;
    const size_t first = block * j->each, rows = rows_of(j, first), size = g->hidden;
    const size_t planes = kinds[g->kind].planes;
    const REAL *bias = (const REAL *)(const void *)d->bias;
    for (size_t step = 0; step < g->steps; step++) {
        CALL(recur, g, d, step, first, rows);
        for (size_t row = first; row < first + rows; row++) {
            REAL *a = NAME(line)(g, d->packed, planes, step, row);
            if (g->kind == EGI_LSTM)
                CALL(lstm, size, a, bias, NAME(before)(g, d->c, d->packed, 4, step, row),
                     a + 4 * size, a + 5 * size);
            else
                CALL(gru, size, a, bias, NAME(before)(g, d->h, d->packed, 4, step, row),
                     a + 4 * size);
        }
    }
}

/* dh <- g's own, what the step after hands on past its gates, and through them. */
static void NAME(hand_back)(const struct egi_recurrent *g, const struct egi_recurrent_data *d,
                            size_t step, size_t first, size_t rows)
{
    const struct kind *kind = &kinds[g->kind];
    const size_t size = g->hidden;
    REAL *dh = NAME(line)(g, d->scratch, 1, 0, first);
    for (size_t row = 0; row < rows; row++) {
        const REAL *own =
            NAME(line)(g, d->g, kind->planes, step, first + row) + (kind->planes - 1) * size;
        memcpy(dh + row * size, own, size * sizeof *dh);
        if (step + 1 == g->steps || g->kind == EGI_LSTM) continue;
        const REAL *z = NAME(line)(g, d->packed, kind->planes, step + 1, first + row) + size;
        const REAL *later = NAME(line)(g, d->d, BACK_PLANES, step + 1, first + row) + 4 * size;
        CALL(hand_past, size, dh + row * size, z, later);
    }
    for (size_t k = 0; k < kind->products && step + 1 < g->steps; k++) {
        const struct product *p = &kind->product[k];
        const struct egi_gemm product = { .m = rows,
                                          .n = size,
                                          .k = p->rows * size,
                                          .lda = BACK_PLANES * size,
                                          .ldb = size,
                                          .ldc = size,
                                          .alpha = 1,
                                          .beta = 1 };
        CALL(egi_gemm, &product,
             NAME(line)(g, d->d, BACK_PLANES, step + 1, first) + p->column * size,
             (const REAL *)(const void *)d->w_hh + p->row * size * size, dh, 1);
    }
}

static void NAME(back)(void *arg, size_t block)
{
    const struct job *j = arg;
    const struct egi_recurrent *g = j->g;
    const struct egi_recurrent_data *d = j->d;
    const size_t first = block * j->each, rows = rows_of(j, first), size = g->hidden;
    const size_t planes = kinds[g->kind].planes;
    for (size_t step = g->steps; step-- > 0;) {
        CALL(hand_back, g, d, step, first, rows);
        for (size_t row = first; row < first + rows; row++) {
            const REAL *a = NAME(line)(g, d->packed, planes, step, row);
            const REAL *dh = NAME(line)(g, d->scratch, 1, 0, row);
            REAL *to = NAME(line)(g, d->d, BACK_PLANES, step, row);
            if (g->kind == EGI_GRU) {
                CALL(gru_back, size, a, NAME(before)(g, d->h, d->packed, 4, step, row), dh, to);
                continue;
            }
            memcpy(to + 4 * size, NAME(line)(g, d->g, planes, step, row) + 4 * size,
                   size * sizeof *to);
            if (step + 1 < g->steps)
                CALL(hand_past, size, to + 4 * size, a + (g->batch * planes + 1) * size,
                     to + (g->batch * BACK_PLANES + 4) * size);
            CALL(lstm_back, size, a, NAME(before)(g, d->c, d->packed, 4, step, row), a + 4 * size,
                 dh, to, to + 4 * size);
        }
    }
}
