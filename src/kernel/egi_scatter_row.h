/* Scattering written once over a few vector primitives. Included by kernel_scatter_<isa>.c only,
 * which defines before: ROW and ROW_ALWAYS (attributes of a function of this row), V, LANES,
 * ABREAST (frequencies that share what is loaded) and the v_* primitives.
 *
 * A complex map is (rows, columns, 2) vectors. Two real maps are transformed as one complex map
 * and taken apart after, for U is real. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_SCATTER_ROW_H
#define EGI_SCATTER_ROW_H

#define EACH UNROLL for (size_t i = 0; i < COUNT; i++)

/* Vector number k of an array of them. */
ROW_ALWAYS V at(const float *p, size_t k)
{
    return v_load(p + k * LANES);
}

ROW_ALWAYS void put(float *p, size_t k, V a)
{
    v_store(p + k * LANES, a);
}

/* ---- Fourier transforms of a line ---- */

struct ends {
    V x0[2], middle[2]; /* what has no partner: the first, and of even m the one half way */
};

/* y_k = A - i B and y_(m-k) = A + i B of `count` neighbouring k, with A = x_0 + sum c_j e_j and
 * B = sum s_j o_j; parts: (h, 4), e and o. sign -1 is the inverse. */
ROW_ALWAYS void some_frequencies(const struct egi_dft *d, size_t k, const size_t COUNT,
                                 const struct ends *ends, const float *parts, float sign,
                                 float *out)
{
    const size_t h = (d->m - 1) / 2;
    const float *t = d->table + k * h * 2;
    V a[ABREAST][2], b[ABREAST][2];
    EACH
    {
        const V turn = v_set1((k + i) % 2 == 0 ? 1 : -1);
        for (size_t p = 0; p < 2; p++) {
            a[i][p] = v_fma(turn, ends->middle[p], ends->x0[p]);
            b[i][p] = v_set1(0);
        }
    }
    for (size_t j = 0; j < h; j++) {
        const V e0 = at(parts, 4 * j), e1 = at(parts, 4 * j + 1);
        const V o0 = at(parts, 4 * j + 2), o1 = at(parts, 4 * j + 3);
        EACH
        {
            const V c = v_set1(t[(i * h + j) * 2]), s = v_set1(t[(i * h + j) * 2 + 1]);
            a[i][0] = v_fma(c, e0, a[i][0]);
            a[i][1] = v_fma(c, e1, a[i][1]);
            b[i][0] = v_fma(s, o0, b[i][0]);
            b[i][1] = v_fma(s, o1, b[i][1]);
        }
    }
    const V plus = v_set1(sign), minus = v_set1(-sign);
    EACH
    {
        const size_t other = k + i == 0 ? 0 : d->m - (k + i);
        put(out, 2 * other, v_fma(minus, b[i][1], a[i][0]));
        put(out, 2 * other + 1, v_fma(plus, b[i][0], a[i][1]));
        put(out, 2 * (k + i), v_fma(plus, b[i][1], a[i][0]));
        put(out, 2 * (k + i) + 1, v_fma(minus, b[i][0], a[i][1]));
    }
}

/* The m values `step` apart; parts: room for (m/2, 4). */
ROW void dense(const struct egi_dft *d, const float *in, size_t step, float sign, float *out,
               float *parts)
{
    const size_t m = d->m, h = (m - 1) / 2;
    struct ends ends;
    for (size_t p = 0; p < 2; p++) {
        ends.x0[p] = at(in, p);
        ends.middle[p] = m % 2 == 0 ? at(in, 2 * step * (m / 2) + p) : v_set1(0);
    }
    for (size_t j = 1; j <= h; j++)
        for (size_t p = 0; p < 2; p++) {
            const V x = at(in, 2 * step * j + p), y = at(in, 2 * step * (m - j) + p);
            put(parts, 4 * (j - 1) + p, v_add(x, y));
            put(parts, 4 * (j - 1) + 2 + p, v_sub(x, y));
        }
    size_t k = 0;
    for (; k + ABREAST <= m / 2 + 1; k += ABREAST)
        some_frequencies(d, k, ABREAST, &ends, parts, sign, out);
    for (; k <= m / 2; k++) some_frequencies(d, k, 1, &ends, parts, sign, out);
}

/* n values of in, `step` apart, to out side by side. */
ROW void line(const struct egi_dft *d, size_t n, const float *in, size_t step, float sign,
              float *out, float *parts)
{
    if (n == d->m) {
        dense(d, in, step, sign, out, parts);
        return;
    }
    const size_t half = n / 2, turn = d->n / n;
    float *odd = out + 2 * half * LANES;
    line(d, half, in, 2 * step, sign, out, parts);
    line(d, half, in + 2 * step * LANES, 2 * step, sign, odd, parts);
    for (size_t k = 0; k < half; k++) {
        const V c = v_set1(d->root[2 * k * turn]), s = v_set1(sign * d->root[2 * k * turn + 1]);
        const V x = at(odd, 2 * k), y = at(odd, 2 * k + 1);
        const V u = at(out, 2 * k), v = at(out, 2 * k + 1);
        const V re = v_fma(s, y, v_mul(c, x)), im = v_sub(v_mul(c, y), v_mul(s, x));
        put(out, 2 * k, v_add(u, re));
        put(out, 2 * k + 1, v_add(v, im));
        put(odd, 2 * k, v_sub(u, re));
        put(odd, 2 * k + 1, v_sub(v, im));
    }
}

/* ---- maps ---- */

struct maps {
    const struct egi_scatter *s;
    size_t level, n[2];             /* of the transform that runs */
    float *work, *rows, *line_room; /* complex maps; (2 side + 3 side) vectors */
};

/* Columns of m->rows, one by one, into line_room; work itself has become rows before. */
ROW void transform_rows(const struct maps *m, const float *from, float sign)
{
    const size_t width = m->n[1];
    float *parts = m->line_room + 2 * m->s->n[m->s->n[0] < m->s->n[1]] * LANES;
    for (size_t r = 0; r < m->n[0]; r++)
        line(&m->s->dft[1][m->level], width, from + 2 * r * width * LANES, 1, sign,
             m->rows + 2 * r * width * LANES, parts);
}

ROW void transform_column(const struct maps *m, size_t column, float sign)
{
    float *parts = m->line_room + 2 * m->s->n[m->s->n[0] < m->s->n[1]] * LANES;
    line(&m->s->dft[0][m->level], m->n[0], m->rows + 2 * column * LANES, m->n[1], sign,
         m->line_room, parts);
}

/* The transform of a complex map. */
ROW void forward(const struct maps *m, const float *from, float *to)
{
    transform_rows(m, from, 1);
    for (size_t c = 0; c < m->n[1]; c++) {
        transform_column(m, c, 1);
        for (size_t r = 0; r < m->n[0]; r++)
            for (size_t p = 0; p < 2; p++)
                put(to, 2 * (r * m->n[1] + c) + p, at(m->line_room, 2 * r + p));
    }
}

/* |inverse of m->work| into part p of a complex map. */
ROW void modulus(const struct maps *m, float *to, size_t p)
{
    transform_rows(m, m->work, -1);
    for (size_t c = 0; c < m->n[1]; c++) {
        transform_column(m, c, -1);
        for (size_t r = 0; r < m->n[0]; r++) {
            const V re = at(m->line_room, 2 * r), im = at(m->line_room, 2 * r + 1);
            put(to, 2 * (r * m->n[1] + c) + p, v_sqrt(v_fma(re, re, v_mul(im, im))));
        }
    }
}

/* m->work = x w at the level of m, x and w (n 2^fold): every 2^fold th pixel after the inverse. */
ROW void weigh(const struct maps *m, const float *x, const float *w, size_t fold)
{
    const size_t times = (size_t)1 << fold, h = m->n[0], width = m->n[1], whole = width * times;
    for (size_t r = 0; r < h; r++)
        for (size_t c = 0; c < width; c++) {
            V re = v_set1(0), im = re;
            for (size_t i = 0; i < times; i++)
                for (size_t j = 0; j < times; j++) {
                    const size_t k = (r + i * h) * whole + c + j * width;
                    const V by = v_set1(w[k]);
                    re = v_fma(by, at(x, 2 * k), re);
                    im = v_fma(by, at(x, 2 * k + 1), im);
                }
            put(m->work, 2 * (r * width + c), re);
            put(m->work, 2 * (r * width + c) + 1, im);
        }
}

/* Of z = a^ + i b^ the transforms of the real a and b:
 * a^_k = (z_k + conj z_-k) / 2, b^_k = (z_k - conj z_-k) / 2i. */
ROW void take_apart(const struct maps *m, const float *z, float *a, float *b)
{
    const size_t h = m->n[0], w = m->n[1];
    const V half = v_set1(0.5F);
    for (size_t r = 0; r < h; r++)
        for (size_t c = 0; c < w; c++) {
            const size_t k = r * w + c, mirror = (h - r) % h * w + (w - c) % w;
            const V x = at(z, 2 * k), y = at(z, 2 * k + 1);
            const V u = at(z, 2 * mirror), v = at(z, 2 * mirror + 1);
            put(a, 2 * k, v_mul(half, v_add(x, u)));
            put(a, 2 * k + 1, v_mul(half, v_sub(y, v)));
            put(b, 2 * k, v_mul(half, v_add(y, v)));
            put(b, 2 * k + 1, v_mul(half, v_sub(u, x)));
        }
}

/* ---- what comes out ---- */

struct output {
    float *out; /* (planes, channels, out0, out1) */
    size_t planes, channel;
    float *room; /* (out0, n1) vectors */
};

/* Low-pass and sampling of part p of a complex map, as two products, into the channel. */
ROW void narrow(const struct maps *m, const float *map, size_t p, const struct output *o)
{
    const struct egi_scatter *s = m->s;
    const float *down = s->narrow[0][m->level], *along = s->narrow[1][m->level];
    const size_t h = m->n[0], w = m->n[1], pixels = s->out[0] * s->out[1];
    for (size_t i = 0; i < s->out[0]; i++)
        for (size_t c = 0; c < w; c++) {
            V sum = v_set1(0);
            for (size_t r = 0; r < h; r++)
                sum = v_fma(v_set1(down[i * h + r]), at(map, 2 * (r * w + c) + p), sum);
            put(o->room, i * w + c, sum);
        }
    for (size_t i = 0; i < s->out[0]; i++)
        for (size_t j = 0; j < s->out[1]; j++) {
            float lane[LANES];
            V sum = v_set1(0);
            for (size_t c = 0; c < w; c++)
                sum = v_fma(v_set1(along[j * w + c]), at(o->room, i * w + c), sum);
            v_store(lane, sum);
            for (size_t k = 0; k < o->planes; k++)
                o->out[(k * s->channels + o->channel) * pixels + i * s->out[1] + j] = lane[k];
        }
}

ROW void load(const struct egi_scatter *s, const float *x, size_t planes, float *to)
{
    const size_t pixels = s->in[0] * s->in[1];
    for (size_t r = 0; r < s->n[0]; r++)
        for (size_t c = 0; c < s->n[1]; c++) {
            const float *pixel = x + s->from[0][r] * s->in[1] + s->from[1][c];
            float lane[LANES] = { 0 };
            for (size_t k = 0; k < planes; k++) lane[k] = pixel[k * pixels];
            put(to, 2 * (r * s->n[1] + c), v_load(lane));
            put(to, 2 * (r * s->n[1] + c) + 1, v_set1(0));
        }
}

ROW void to_level(struct maps *m, size_t level)
{
    m->level = level;
    m->n[0] = m->s->n[0] >> level;
    m->n[1] = m->s->n[1] >> level;
}

ROW const float *filter(const struct egi_scatter *s, size_t j, size_t level, size_t angle)
{
    return s->psi[(j * s->scales + level) * s->angles + angle];
}

/* All |u * psi| of scales above j, u by its transform at level j. */
ROW void second_order(struct maps *m, const float *u, size_t j, size_t angle, struct output *o)
{
    const struct egi_scatter *s = m->s;
    const size_t above = s->scales - 1, below = j * above - j * (j - (j > 0)) / 2;
    o->channel = 1 + s->scales * s->angles + s->angles * (s->angles * below + angle * (above - j));
    for (size_t k = j + 1; k < s->scales; k++)
        for (size_t i = 0; i < s->angles; i++, o->channel++) {
            to_level(m, k);
            weigh(m, u, filter(s, k, j, i), k - j);
            modulus(m, m->work, 0);
            narrow(m, m->work, 0, o);
        }
}

ROW void run(const struct egi_scatter *s, const float *x, size_t planes, float *out, float *room)
{
    const size_t map = 2 * s->n[0] * s->n[1] * LANES;
    struct maps m = { .s = s, .work = room, .rows = room + map, .line_room = room + 6 * map };
    float *whole = room + 2 * map, *pair = room + 3 * map,
          *part[2] = { pair + map, pair + 2 * map };
    struct output o = { out, planes, 0, m.line_room + 5 * s->n[s->n[0] < s->n[1]] * LANES };
    to_level(&m, 0);
    load(s, x, planes, pair);
    narrow(&m, pair, 0, &o);
    if (s->order == 0) return;
    forward(&m, pair, whole);
    for (size_t j = 0; j < s->scales; j++)
        for (size_t angle = 0; angle < s->angles; angle += 2) {
            const size_t both = s->angles - angle > 1 ? 2 : 1;
            to_level(&m, j);
            for (size_t p = 0; p < both; p++) {
                weigh(&m, whole, filter(s, j, 0, angle + p), j);
                modulus(&m, pair, p);
                o.channel = 1 + j * s->angles + angle + p;
                narrow(&m, pair, p, &o);
            }
            if (s->order < 2 || j + 1 == s->scales) continue;
            forward(&m, pair, pair);
            take_apart(&m, pair, part[0], part[1]);
            for (size_t p = 0; p < both; p++) second_order(&m, part[p], j, angle + p, &o);
        }
}

#endif
