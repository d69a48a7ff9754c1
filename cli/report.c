/* Reports: pictures as PNG data, charts as SVG, tables with a CSV behind a link; no script, no
 * font and no picture from anywhere else. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/report_style.h"

const char *report_date(void)
{
    const time_t now = time(NULL);
    struct tm utc;
    char date[64] = "";
    if (gmtime_r(&now, &utc) != NULL) strftime(date, sizeof date, "%Y-%m-%d, %H:%M UTC", &utc);
    return keep_format("%s", date);
}

void report_begin(struct report *r, const char *title, const char *lead)
{
    *r = (struct report){ .title = title };
    text_add(&r->body, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                       "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    text_add_html(&r->body, title);
    text_add(&r->body, "</title>\n<style>%s</style></head>\n<body><main>\n<header><h1>",
             report_style);
    text_add_html(&r->body, title);
    text_add(&r->body, "</h1><p class=\"lead\">");
    text_add_html(&r->body, lead);
    text_add(&r->body, "</p><p class=\"date\">%s</p></header>\n", report_date());
}

void report_figures(struct report *r, const char *const *figure, const char *const *what, size_t n)
{
    text_add(&r->body, "<dl class=\"figures\">");
    for (size_t i = 0; i < n; i++) {
        text_add(&r->body, "<div><dt>");
        text_add_html(&r->body, what[i]);
        text_add(&r->body, "</dt><dd>");
        text_add_html(&r->body, figure[i]);
        text_add(&r->body, "</dd></div>");
    }
    text_add(&r->body, "</dl>\n");
}

void report_paragraph(struct report *r, const char *text)
{
    text_add(&r->body, "<p>");
    text_add_html(&r->body, text);
    text_add(&r->body, "</p>\n");
}

void report_section(struct report *r, const char *heading, const char *text)
{
    text_add(&r->body, "<h2>");
    text_add_html(&r->body, heading);
    text_add(&r->body, "</h2>\n");
    if (text[0] != '\0') report_paragraph(r, text);
}

void report_names(struct report *r, const char *const (*rows)[2], size_t n)
{
    text_add(&r->body, "<dl class=\"names\">");
    for (size_t i = 0; i < n; i++) {
        text_add(&r->body, "<dt>");
        text_add_html(&r->body, rows[i][0]);
        text_add(&r->body, "</dt><dd>");
        text_add_html(&r->body, rows[i][1]);
        text_add(&r->body, "</dd>");
    }
    text_add(&r->body, "</dl>\n");
}

void report_pictures(struct report *r, const eg_image *images, const char *const *captions,
                     size_t n, size_t pixels, const char *alt)
{
    text_add(&r->body, "<div class=\"pictures\" role=\"group\" aria-label=\"");
    text_add_html(&r->body, alt);
    text_add(&r->body, "\">");
    for (size_t i = 0; i < n; i++) {
        uint8_t *png = NULL;
        size_t size = 0;
        if (eg_image_encode_png(&images[i], &png, &size) != EG_OK) continue;
        text_add(&r->body, "<figure><img width=\"%zu\" alt=\"", pixels);
        text_add_html(&r->body, captions[i]);
        text_add(&r->body, "\" src=\"data:image/png;base64,");
        text_add_base64(&r->body, png, size);
        text_add(&r->body, "\"><figcaption>");
        text_add_html(&r->body, captions[i]);
        text_add(&r->body, "</figcaption></figure>\n");
        eg_image_free(&images[i], png, size);
    }
    text_add(&r->body, "</div>\n");
}

void report_table(struct report *r, const struct table *t, int folded)
{
    struct text csv = { 0 };
    table_csv(t, &csv);
    text_add(&r->body, "<details%s><summary>", folded ? "" : " open");
    text_add_html(&r->body, t->title);
    text_add(&r->body, "</summary>\n");
    table_html(t, &r->body);
    text_add(&r->body, "<a class=\"csv\" download=\"table-%zu.csv\" href=\"data:text/csv;base64,",
             ++r->tables);
    text_add_base64(&r->body, csv.s, csv.size);
    text_add(&r->body, "\">Download as CSV</a></details>\n");
    text_clear(&csv);
}

void report_chart(struct report *r, const struct chart *chart, const struct table *behind)
{
    text_add(&r->body, "<figure class=\"plot\"><figcaption>");
    text_add_html(&r->body, chart->title);
    text_add(&r->body, "</figcaption>\n");
    chart_svg(chart, &r->body);
    if (behind != NULL) report_table(r, behind, 1);
    text_add(&r->body, "</figure>\n");
}

void report_words(struct report *r, const char *text)
{
    text_add(&r->body, "<pre>");
    text_add_html(&r->body, text);
    text_add(&r->body, "</pre>\n");
}

void report_facts(struct report *r, json_t *object)
{
    const char *key;
    json_t *value;
    text_add(&r->body, "<dl class=\"facts\">");
    json_object_foreach(object, key, value)
    {
        char *s = json_is_string(value)
                      ? NULL
                      : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        text_add(&r->body, "<dt>");
        text_add_html(&r->body, key);
        text_add(&r->body, "</dt><dd>");
        text_add_html(&r->body, s ? s : json_string_value(value) ? json_string_value(value) : "");
        text_add(&r->body, "</dd>\n");
        free(s);
    }
    text_add(&r->body, "</dl>\n");
}

int report_save(struct report *r, const char *path)
{
    text_add(&r->body, "</main></body></html>\n");
    if (r->body.size > REPORT_MOST_BYTES) {
        fprintf(stderr, "engram: %s: a report of %zu bytes, more than %d\n", path, r->body.size,
                REPORT_MOST_BYTES);
        return EXIT_MEMORY;
    }
    return write_file(path, r->body.s, r->body.size);
}

void report_clear(struct report *r)
{
    text_clear(&r->body);
}
