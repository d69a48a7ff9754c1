/* The body of kernel_recurrent.c for one element type: REAL and NAME(x) are defined around
 * it. Lines are of one row of the batch: H numbers, planes one after the other. */
/* SPDX-License-Identifier: Apache-2.0 */

static REAL *NAME(at)(char *data, size_t element)
{
    return (REAL *)(void *)data + element;
}

/* sum += part */
static void NAME(add)(char *sum, char *part, size_t count)
{
    REAL *restrict to = NAME(at)(sum, 0);
    const REAL *restrict from = NAME(at)(part, 0);
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

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

/* dh: all of h; dc: of c but for what goes through h. Both are made what goes to the step before
 * past the gates. d (4 H): by the sums. */
static void NAME(lstm_back)(size_t h_size, const REAL *restrict a, const REAL *restrict c,
                            REAL *restrict dh, REAL *restrict d, REAL *restrict dc)
{
    const REAL *restrict in = a, *restrict f = a + h_size, *restrict g = a + 2 * h_size,
                         *restrict out = a + 3 * h_size, *restrict c_out = a + 4 * h_size;
    for (size_t k = 0; k < h_size; k++) {
        const REAL s = NAME(egi_tanh)(c_out[k]);
        const REAL all = dc[k] + dh[k] * out[k] * (1 - s * s);
        d[k] = all * g[k] * in[k] * (1 - in[k]);
        d[h_size + k] = all * c[k] * f[k] * (1 - f[k]);
        d[2 * h_size + k] = all * in[k] * (1 - g[k] * g[k]);
        d[3 * h_size + k] = dh[k] * s * out[k] * (1 - out[k]);
        dc[k] = f[k] * all;
        dh[k] = 0;
    }
}

static void NAME(gru_back)(size_t h_size, const REAL *restrict a, const REAL *restrict h,
                           REAL *restrict dh, REAL *restrict d)
{
    const REAL *restrict r = a, *restrict z = a + h_size, *restrict n = a + 2 * h_size,
                         *restrict q = a + 3 * h_size;
    for (size_t k = 0; k < h_size; k++) {
        const REAL dn = dh[k] * (1 - z[k]) * (1 - n[k] * n[k]);
        d[k] = dn * q[k] * r[k] * (1 - r[k]);
        d[h_size + k] = dh[k] * (h[k] - n[k]) * z[k] * (1 - z[k]);
        d[2 * h_size + k] = dn;
        d[3 * h_size + k] = dn * r[k];
        dh[k] *= z[k];
    }
}

/* h (n, H) that a step finds. */
static REAL *NAME(state)(const struct egi_recurrent *g, const struct egi_recurrent_data *d,
                         size_t step)
{
    if (step == 0) return NAME(at)(d->value[EGI_RECURRENT_H], 0);
    return NAME(at)(d->value[EGI_RECURRENT_Y], (step - 1) * g->batch * g->hidden);
}

/* c that a step finds of one row, whose planes of the step are a. */
static const REAL *NAME(cell)(const struct egi_recurrent *g, const struct egi_recurrent_data *d,
                              size_t step, size_t n, size_t row, const REAL *a)
{
    if (step == 0) return NAME(at)(d->value[EGI_RECURRENT_C], row * g->hidden);
    const size_t planes = kinds[EGI_LSTM].planes;
    return a - n * planes * g->hidden + (planes - 1) * g->hidden;
}

/* a (n, S H): the sums in the gates, without the bias. */
static void NAME(sum)(const struct egi_recurrent *g, size_t n, const struct egi_recurrent_data *d,
                      size_t step, REAL *a)
{
    const struct kind *kind = &kinds[g->kind];
    const size_t size = g->hidden;
    const struct egi_gemm inputs = { .m = n,
                                     .n = kind->gates * size,
                                     .k = g->inputs,
                                     .b_is_transposed = 1,
                                     .lda = g->inputs,
                                     .ldb = g->inputs,
                                     .ldc = kind->planes * size,
                                     .alpha = 1 };
    CALL(egi_gemm, &inputs, NAME(at)(d->value[EGI_RECURRENT_X], step * g->batch * g->inputs),
         NAME(at)(d->value[EGI_RECURRENT_W_IH], 0), a, 1);
    for (size_t k = 0; k < kind->products; k++) {
        const struct product *p = &kind->product[k];
        const struct egi_gemm states = { .m = n,
                                         .n = p->rows * size,
                                         .k = size,
                                         .b_is_transposed = 1,
                                         .lda = size,
                                         .ldb = size,
                                         .ldc = kind->planes * size,
                                         .alpha = 1,
                                         .beta = p->adds };
        CALL(egi_gemm, &states, NAME(state)(g, d, step),
             NAME(at)(d->value[EGI_RECURRENT_W_HH], p->row * size * size), a + p->column * size, 1);
    }
}

static void NAME(forward)(const struct egi_recurrent_plan *plan, size_t n,
                          const struct egi_recurrent_data *d, char *scratch)
{
    (void)scratch;
    const struct egi_recurrent *g = &plan->g;
    const size_t size = g->hidden, line = kinds[g->kind].planes * size;
    const REAL *bias = NAME(at)(d->value[EGI_RECURRENT_BIAS], 0);
    for (size_t step = 0; step < g->steps; step++) {
        REAL *all = NAME(at)(d->kept, step * n * line);
        CALL(sum, g, n, d, step, all);
        for (size_t row = 0; row < n; row++) {
            REAL *a = all + row * line;
            REAL *h = NAME(at)(d->value[EGI_RECURRENT_Y], (step * g->batch + row) * size);
            if (g->kind == EGI_GRU)
                CALL(gru, size, a, bias, NAME(state)(g, d, step) + row * size, h);
            else
                CALL(lstm, size, a, bias, NAME(cell)(g, d, step, n, row, a), a + line - size, h);
        }
    }
    for (size_t row = 0; row < n && g->kind == EGI_LSTM; row++)
        memcpy(NAME(at)(d->value[EGI_RECURRENT_LAST], row * size),
               NAME(at)(d->kept, ((g->steps - 1) * n + row + 1) * line - size),
               size * sizeof(REAL));
}

/* From sums (n, 4 H) of one step: to x, to the h it found, and to weights and bias. */
static void NAME(spread)(const struct egi_recurrent *g, size_t n,
                         const struct egi_recurrent_data *d, size_t step, const REAL *sums,
                         REAL *dh)
{
    const struct kind *kind = &kinds[g->kind];
    const size_t size = g->hidden, ld = 4 * size, gates = kind->gates * size;
    const size_t inputs = g->inputs, x = step * g->batch * inputs;
    const struct egi_gemm to_x = {
        .m = n, .n = inputs, .k = gates, .lda = ld, .ldb = inputs, .ldc = inputs, .alpha = 1
    };
    CALL(egi_gemm, &to_x, sums, NAME(at)(d->value[EGI_RECURRENT_W_IH], 0),
         NAME(at)(d->gradient[EGI_RECURRENT_X], x), 1);
    const struct egi_gemm to_w = { .m = gates,
                                   .n = inputs,
                                   .k = n,
                                   .a_is_transposed = 1,
                                   .lda = ld,
                                   .ldb = inputs,
                                   .ldc = inputs,
                                   .alpha = 1,
                                   .beta = 1 };
    CALL(egi_gemm, &to_w, sums, NAME(at)(d->value[EGI_RECURRENT_X], x),
         NAME(at)(d->gradient[EGI_RECURRENT_W_IH], 0), 1);
    for (size_t k = 0; k < kind->products; k++) {
        const struct product *p = &kind->product[k];
        const size_t w = p->row * size * size;
        const REAL *part = sums + p->column * size;
        const struct egi_gemm to_h = { .m = n,
                                       .n = size,
                                       .k = p->rows * size,
                                       .lda = ld,
                                       .ldb = size,
                                       .ldc = size,
                                       .alpha = 1,
                                       .beta = 1 };
        CALL(egi_gemm, &to_h, part, NAME(at)(d->value[EGI_RECURRENT_W_HH], w), dh, 1);
        const struct egi_gemm to_rows = { .m = p->rows * size,
                                          .n = size,
                                          .k = n,
                                          .a_is_transposed = 1,
                                          .lda = ld,
                                          .ldb = size,
                                          .ldc = size,
                                          .alpha = 1,
                                          .beta = 1 };
        CALL(egi_gemm, &to_rows, part, NAME(state)(g, d, step),
             NAME(at)(d->gradient[EGI_RECURRENT_W_HH], w), 1);
    }
    REAL *bias = NAME(at)(d->gradient[EGI_RECURRENT_BIAS], 0);
    for (size_t row = 0; row < n; row++)
        for (size_t k = 0; k < ld; k++) bias[k] += sums[row * ld + k];
}

/* scratch: dh (n, H), dc (n, H), sums (n, 4 H). */
static void NAME(back)(const struct egi_recurrent_plan *plan, size_t n,
                       const struct egi_recurrent_data *d, char *scratch)
{
    const struct egi_recurrent *g = &plan->g;
    const size_t size = g->hidden, line = kinds[g->kind].planes * size, state = n * size;
    REAL *dh = NAME(at)(scratch, 0), *dc = dh + state, *sums = dc + state;
    memset(dh, 0, 2 * state * sizeof *dh);
    if (g->kind == EGI_LSTM && d->gradient[EGI_RECURRENT_LAST] != NULL)
        memcpy(dc, d->gradient[EGI_RECURRENT_LAST], state * sizeof *dc);
    for (size_t step = g->steps; step-- > 0;) {
        const REAL *own = NAME(at)(d->gradient[EGI_RECURRENT_Y], step * g->batch * size);
        for (size_t k = 0; k < state; k++) dh[k] += own[k];
        for (size_t row = 0; row < n; row++) {
            const REAL *a = NAME(at)(d->kept, (step * n + row) * line);
            REAL *h = dh + row * size, *to = sums + 4 * row * size;
            if (g->kind == EGI_GRU)
                CALL(gru_back, size, a, NAME(state)(g, d, step) + row * size, h, to);
            else
                CALL(lstm_back, size, a, NAME(cell)(g, d, step, n, row, a), h, to, dc + row * size);
        }
        CALL(spread, g, n, d, step, sums, dh);
    }
    memcpy(d->gradient[EGI_RECURRENT_H], dh, state * sizeof *dh);
    if (g->kind == EGI_LSTM) memcpy(d->gradient[EGI_RECURRENT_C], dc, state * sizeof *dc);
}
