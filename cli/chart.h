/* cli/chart.h - line charts as SVG. Colours are CSS classes of the page, so that a chart is
 * right in light and dark. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CHART_H
#define CLI_CHART_H

#include <stddef.h>

#include "cli/cli_text.h"

struct series {
    const char *name;
    const double *x, *y; /* (n) a point that is not finite breaks the line */
    const double *error; /* (n) half length of a bar, or NULL */
    size_t n;
    int theory; /* 1: dashed, without points */
    int colour; /* 0..5 */
};

struct chart {
    const char *title, *x_label, *y_label;
    const char *alt; /* what the chart shows, in a sentence */
    int log_x;
    double y_low, y_high; /* both 0: from the data */
    const struct series *series;
    size_t count;
};

void chart_svg(const struct chart *c, struct text *out);

#endif
