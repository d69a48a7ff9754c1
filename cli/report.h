/* cli/report.h - a report: one HTML file that opens from disk with no network. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/chart.h"
#include "cli/cli_table.h"
#include "engram/image.h"

struct report {
    struct text body;
    const char *title;
    size_t tables; /* numbers them for their downloads */
};

enum { REPORT_MOST_BYTES = 2 << 20 };

void report_begin(struct report *r, const char *title, const char *lead);
/* Headline figures: "98.4 %" over "recovered". */
void report_figures(struct report *r, const char *const *figure, const char *const *what, size_t n);
void report_section(struct report *r, const char *heading, const char *text); /* text: may be "" */
/* What names mean: pairs of a name and its explanation. */
void report_names(struct report *r, const char *const (*rows)[2], size_t n);
const char *report_date(void); /* of now; kept until the program ends */
void report_paragraph(struct report *r, const char *text);
/* Pictures in a row, each with its caption; alt says what they show together. `pixels`: the
 * width of one on the page. */
void report_pictures(struct report *r, const eg_image *images, const char *const *captions,
                     size_t n, size_t pixels, const char *alt);
/* A chart with the table behind it (may be NULL), which can be downloaded as CSV. */
void report_chart(struct report *r, const struct chart *chart, const struct table *behind);
void report_table(struct report *r, const struct table *t, int folded);
void report_words(struct report *r, const char *text); /* lines as they are */
void report_facts(struct report *r, json_t *object);
/* EXIT_DONE; EXIT_IO, EXIT_MEMORY (over REPORT_MOST_BYTES) with the message printed. */
int report_save(struct report *r, const char *path);
void report_clear(struct report *r);

#endif
