/* Line charts as SVG: ticks at 1, 2 or 5 times a power of ten, faint lines across, a title on
 * every point for the pointer. Lines that coincide stay visible: each colour has a marker of its
 * own, measured lines are drawn a pixel or two apart, the first below and widest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/chart.h"

#include <math.h>

enum { WIDTH = 640, HEIGHT = 340, LEFT = 56, RIGHT = 16, TOP = 14, BOTTOM = 44, MOST_TICKS = 24 };

struct axis {
    double low, high;
    int log;
    double from, to; /* pixels */
    double ticks[MOST_TICKS];
    size_t count;
};

static double place(const struct axis *a, double v)
{
    const double share =
        a->log ? log(v / a->low) / log(a->high / a->low) : (v - a->low) / (a->high - a->low);
    return a->from + share * (a->to - a->from);
}

/* 1, 2 or 5 times a power of ten, for about `wanted` ticks. */
static double nice_step(double span, double wanted)
{
    const double raw = span / wanted, power = pow(10, floor(log10(raw)));
    const double lead = raw / power;
    return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
}

static void linear_ticks(struct axis *a, int keep_ends)
{
    if (!(a->high > a->low)) a->high = a->low + 1;
    const double step = nice_step(a->high - a->low, 5);
    if (!keep_ends) {
        a->low = floor(a->low / step + 1e-9) * step;
        a->high = ceil(a->high / step - 1e-9) * step;
    }
    const double first = ceil(a->low / step - 1e-9) * step;
    for (size_t i = 0; a->count < MOST_TICKS; i++) {
        const double v = first + (double)i * step;
        if (v > a->high + 1e-9 * step) break;
        a->ticks[a->count++] = fabs(v) < 1e-9 * step ? 0 : v;
    }
}

static void log_ticks(struct axis *a)
{
    static const double leads[] = { 1, 2, 5 };
    if (!(a->high > a->low)) a->high = 10 * a->low;
    const int dense = a->high / a->low < 300;
    const int last = (int)floor(log10(a->high));
    for (int power = (int)floor(log10(a->low)); power <= last; power++)
        for (size_t i = 0; i < (dense ? 3 : 1) && a->count < MOST_TICKS; i++) {
            const double v = pow(10, power) * leads[i];
            if (v >= a->low * (1 - 1e-9) && v <= a->high * (1 + 1e-9)) a->ticks[a->count++] = v;
        }
}

static void cover(double v, double *low, double *high)
{
    if (!isfinite(v)) return;
    if (v < *low) *low = v;
    if (v > *high) *high = v;
}

static void set_axes(const struct chart *c, struct axis *x, struct axis *y)
{
    *x = (struct axis){ INFINITY, -INFINITY, c->log_x, LEFT, WIDTH - RIGHT, { 0 }, 0 };
    *y = (struct axis){ INFINITY, -INFINITY, 0, HEIGHT - BOTTOM, TOP, { 0 }, 0 };
    for (size_t s = 0; s < c->count; s++) {
        const struct series *r = &c->series[s];
        for (size_t i = 0; i < r->n; i++) {
            const double e = r->error && isfinite(r->error[i]) ? r->error[i] : 0;
            if (!isfinite(r->y[i])) continue;
            if (!c->log_x || r->x[i] > 0) cover(r->x[i], &x->low, &x->high);
            cover(r->y[i] - e, &y->low, &y->high);
            cover(r->y[i] + e, &y->low, &y->high);
        }
    }
    if (!isfinite(x->low)) x->low = x->high = y->low = y->high = 1;
    const int fixed = c->y_low != 0 || c->y_high != 0;
    if (fixed) {
        y->low = c->y_low;
        y->high = c->y_high;
    }
    if (x->log)
        log_ticks(x);
    else
        linear_ticks(x, 1);
    linear_ticks(y, fixed);
}

static void draw_frame(const struct chart *c, const struct axis *x, const struct axis *y,
                       struct text *out)
{
    for (size_t i = 0; i < y->count; i++) {
        const double at = place(y, y->ticks[i]);
        text_add(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT,
                 WIDTH - RIGHT, at, at);
        text_add(out, "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                 LEFT - 8, at + 4, y->ticks[i]);
    }
    for (size_t i = 0; i < x->count; i++) {
        const double at = place(x, x->ticks[i]);
        text_add(out, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", at, at,
                 HEIGHT - BOTTOM, HEIGHT - BOTTOM + 5);
        text_add(out, "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
                 at, HEIGHT - BOTTOM + 19, x->ticks[i]);
    }
    text_add(out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>", LEFT,
             WIDTH - RIGHT, HEIGHT - BOTTOM, HEIGHT - BOTTOM);
    text_add(out, "<text class=\"label\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">",
             (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6);
    text_add_html(out, c->x_label);
    text_add(out, "</text>\n");
}

static int drawable(const struct series *r, size_t i, int log_x)
{
    return isfinite(r->x[i]) && isfinite(r->y[i]) && (!log_x || r->x[i] > 0);
}

/* One marker a colour: circle, square, triangle up, diamond, triangle down, cross. */
static const char *const markers[6] = {
    "M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0z",
    "M-3.1 -3.1h6.2v6.2h-6.2z",
    "M0 -4.2L4 3H-4z",
    "M0 -4.4L4.4 0L0 4.4L-4.4 0z",
    "M0 4.2L4 -3H-4z",
    "M-1.4 -4h2.8v2.6h2.6v2.8h-2.6v2.6h-2.8v-2.6h-2.6v-2.8h2.6z",
};

static void draw_marker(int colour, double x, double y, struct text *out)
{
    text_add(out, "<path class=\"point c%d\" transform=\"translate(%.1f %.1f)\" d=\"%s\">",
             colour % 6, x, y, markers[colour % 6]);
}

/* Of `count` measured lines number i: how far to the side, how wide. */
static void begin_group(size_t i, size_t count, struct text *out)
{
    const double middle = (double)count / 2 - 0.5, apart = count > 1 ? 1.5 : 0;
    const double shift = apart * ((double)i - middle);
    text_add(out, "<g transform=\"translate(%.1f %.1f)\" stroke-width=\"%.1f\">\n", shift,
             shift > 0 ? -shift / 2 : shift / 2, 1.8 + 0.5 * (double)(count - 1 - i));
}

static void draw_line(const struct series *r, const struct axis *x, const struct axis *y,
                      struct text *out)
{
    int open = 0;
    text_add(out, "<path class=\"line c%d%s\" d=\"", r->colour % 6, r->theory ? " theory" : "");
    for (size_t i = 0; i < r->n; i++) {
        const int draw = drawable(r, i, x->log);
        if (draw)
            text_add(out, "%c%.1f %.1f", open ? 'L' : 'M', place(x, r->x[i]), place(y, r->y[i]));
        open = draw;
    }
    text_add(out, "\"/>\n");
}

static void draw_points(const struct series *r, const struct axis *x, const struct axis *y,
                        struct text *out)
{
    for (size_t i = 0; i < r->n; i++) {
        if (!drawable(r, i, x->log)) continue;
        const double px = place(x, r->x[i]), py = place(y, r->y[i]);
        const double e = r->error && isfinite(r->error[i]) ? r->error[i] : 0;
        if (e > 0)
            text_add(out,
                     "<line class=\"bar c%d\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                     r->colour % 6, px, px, place(y, r->y[i] - e), place(y, r->y[i] + e));
        draw_marker(r->colour, px, py, out);
        text_add(out, "<title>");
        text_add_html(out, r->name);
        text_add(out, ": %.4g at %.4g", r->y[i], r->x[i]);
        if (e > 0) text_add(out, " (+-%.2g)", e);
        text_add(out, "</title></path>\n");
    }
}

static void draw_legend(const struct chart *c, struct text *out)
{
    text_add(out, "<ul class=\"legend\" aria-hidden=\"true\">");
    for (size_t i = 0; i < c->count; i++) {
        const struct series *r = &c->series[i];
        text_add(out,
                 "<li><svg width=\"26\" height=\"10\"><path class=\"line c%d%s\" d=\"M1 5L25 5\"/>",
                 r->colour % 6, r->theory ? " theory" : "");
        if (!r->theory) {
            draw_marker(r->colour, 13, 5, out);
            text_add(out, "</path>");
        }
        text_add(out, "</svg>");
        text_add_html(out, r->name);
        text_add(out, "</li>");
    }
    text_add(out, "</ul>\n");
}

void chart_svg(const struct chart *c, struct text *out)
{
    struct axis x, y;
    set_axes(c, &x, &y);
    if (c->count > 1) draw_legend(c, out);
    text_add(out, "<div class=\"ylabel\">");
    text_add_html(out, c->y_label);
    text_add(out, "</div>\n<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
             WIDTH, HEIGHT);
    text_add_html(out, c->alt);
    text_add(out, "\">\n");
    draw_frame(c, &x, &y, out);
    size_t measured = 0, drawn = 0;
    for (size_t i = 0; i < c->count; i++) measured += !c->series[i].theory;
    for (size_t i = 0; i < c->count; i++)
        if (c->series[i].theory) draw_line(&c->series[i], &x, &y, out);
    for (size_t i = 0; i < c->count; i++) {
        if (c->series[i].theory) continue;
        begin_group(drawn++, measured, out);
        draw_line(&c->series[i], &x, &y, out);
        draw_points(&c->series[i], &x, &y, out);
        text_add(out, "</g>\n");
    }
    text_add(out, "</svg>\n");
}
