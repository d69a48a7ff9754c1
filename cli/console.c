/* Messages, errors, progress and Ctrl-C. The first Ctrl-C asks the work to stop at the next
 * safe place (what is written stays whole); the second ends the program at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/console.h"

#include <ctype.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli_text.h"

static volatile sig_atomic_t stop_asked;
static const char *program_name = "engram";

/* C0, DEL, and C1 as UTF-8 (c2 80 to c2 9f). */
static int steers(const unsigned char *p)
{
    return *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0);
}

const char *harmless(const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    while (*p != '\0' && !steers(p)) p++;
    if (*p == '\0') return s;
    char *kept = keep_format("%s", s);
    for (char *c = kept; *c != '\0'; c++)
        if (steers((const unsigned char *)c)) *c = '?';
    return kept;
}

const char *shell_word(const char *s)
{
    struct text t = { 0 };
    text_add_word(&t, harmless(s));
    const char *kept = keep_format("%s", t.s);
    text_clear(&t);
    return kept;
}

void say(const struct call *call, const char *format, ...)
{
    if (call->common->quiet) return;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void say_next(const struct call *call, const char *format, ...)
{
    if (call->common->quiet) return;
    va_list args;
    const int named = strncmp(format, "engram ", 7) == 0;
    fprintf(stderr, "%sNext:%s  %s", style(stderr, "bold"), style(stderr, "plain"),
            named ? program_name : "");
    va_start(args, format);
    vfprintf(stderr, format + (named ? 6 : 0), args);
    va_end(args);
    fputc('\n', stderr);
}

void called_as(const char *program)
{
    program_name = program;
}

int exit_of(eg_status status)
{
    switch (status) {
    case EG_OK:
    case EG_END:
        return EXIT_DONE;
    case EG_NOT_FOUND:
    case EG_ERR_DIVERGED:
        return EXIT_NO;
    case EG_ERR_CORRUPT:
    case EG_ERR_VERSION:
        return EXIT_CORRUPT;
    case EG_ERR_IO:
        return EXIT_IO;
    case EG_ERR_NOMEM:
    case EG_ERR_LIMIT:
        return EXIT_MEMORY;
    case EG_ERR_INTERRUPTED:
        return EXIT_INTERRUPTED;
    default:
        return EXIT_USAGE;
    }
}

const char *plain_detail(void)
{
    const char *detail = eg_error_detail();
    if (strncmp(detail, "eg_", 3) != 0) return detail;
    size_t i = 3;
    while (isalnum((unsigned char)detail[i]) || detail[i] == '_') i++;
    return detail[i] == ':' && detail[i + 1] == ' ' ? detail + i + 2 : detail;
}

/* The detail behind the name it begins with, when that is `what` in another guise: "./a" for
 * "a", "a.part-0000a1b2" for an "a" that is being written. NULL: it begins with something else. */
static const char *behind_name(const char *detail, const char *what)
{
    const size_t n = strlen(what);
    while (strncmp(what, "./", 2) != 0 && strncmp(detail, "./", 2) == 0) detail += 2;
    if (strncmp(detail, "./", 2) == 0 && strncmp(detail + 2, what, n) == 0) detail += 2;
    if (strncmp(detail, what, n) != 0) return NULL;
    detail += n;
    if (strncmp(detail, ".part-", 6) == 0)
        for (detail += 6; isxdigit((unsigned char)*detail);) detail++;
    return detail;
}

/* The detail says how much was asked for, not always that it is not there. */
static const char *kind_of(eg_status status, const char *detail)
{
    const int said = strstr(detail, "out of memory") != NULL;
    return status == EG_ERR_NOMEM && !said ? ": out of memory" : "";
}

int fail(eg_status status, const char *what)
{
    const char *detail = plain_detail();
    if (what != NULL) what = harmless(what);
    if (*detail == '\0') detail = eg_status_name(status);
    if (status == EG_ERR_INTERRUPTED) detail = "interrupted";
    const char *rest = what != NULL ? behind_name(detail, what) : NULL;
    const char *kind = kind_of(status, detail);
    if (rest != NULL && *rest == ':')
        fprintf(stderr, "engram: %s%s%s\n", what, kind, rest);
    else if (what != NULL && rest == NULL && strncmp(detail, "data set ", 9) != 0)
        fprintf(stderr, "engram: %s%s: %s\n", what, kind, detail);
    else
        fprintf(stderr, "engram%s: %s\n", kind, detail);
    return exit_of(status);
}

int fail_as(eg_status status, const char *scratch, const char *name)
{
    const char *detail = plain_detail();
    const size_t n = strlen(scratch);
    if (status == EG_ERR_INTERRUPTED || strncmp(detail, scratch, n) != 0) return fail(status, name);
    fprintf(stderr, "engram: %s%s%s\n", name, kind_of(status, detail), detail + n);
    return exit_of(status);
}

int fail_usage(const struct call *call, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "engram %s: ", call->command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n  engram %s --help\n", call->command->name);
    return EXIT_USAGE;
}

static void print_value(FILE *out, json_t *v)
{
    if (json_is_string(v)) {
        fputs(harmless(json_string_value(v)), out);
    } else if (json_is_real(v)) {
        fprintf(out, "%.6g", json_real_value(v));
    } else if (json_is_boolean(v)) {
        fputs(json_is_true(v) ? "yes" : "no", out);
    } else if (json_is_null(v)) {
        fputs("-", out);
    } else {
        char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        if (s != NULL) fputs(s, out);
        free(s);
    }
}

void print_record(const struct call *call, json_t *record)
{
    if (call->common->json) {
        json_dumpf(record, call->out, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        fputc('\n', call->out);
        return;
    }
    const char *key;
    json_t *value;
    json_object_foreach(record, key, value)
    {
        int width = 0;
        for (const char *k = key; *k != '\0'; k++, width++) fputc(*k == '_' ? ' ' : *k, call->out);
        fprintf(call->out, "%*s", width < 18 ? 18 - width : 1, "");
        if (json_is_array(value)) {
            size_t i;
            json_t *item;
            json_array_foreach(value, i, item)
            {
                if (i > 0) fprintf(call->out, "\n%18s", "");
                print_value(call->out, item);
            }
        } else {
            print_value(call->out, value);
        }
        fputc('\n', call->out);
    }
}

void print_json_line(FILE *out, json_t *object)
{
    json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', out);
}

double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ", 40 s to go", from the pace since the first report; "" where there is none yet. */
static const char *time_left(const struct bar *bar, uint64_t done, uint64_t total, char text[32])
{
    const double elapsed = seconds_now() - bar->started;
    *text = '\0';
    if (total <= done || done <= bar->first || elapsed < 1) return text;
    const double left = elapsed * (double)(total - done) / (double)(done - bar->first);
    if (left < 120)
        snprintf(text, 32, ", %.0f s to go", left);
    else if (left < 7200)
        snprintf(text, 32, ", %.0f min to go", left / 60);
    else
        snprintf(text, 32, ", %.1f h to go", left / 3600);
    return text;
}

static void draw_bar(const char *stage, uint64_t done, uint64_t total, double elapsed,
                     const char *left)
{
    enum { WIDTH = 24 };
    char cells[WIDTH + 1];
    const double share = total ? (double)done / (double)total : 0;
    for (int i = 0; i < WIDTH; i++) cells[i] = i < (int)(share * WIDTH) ? '#' : '.';
    cells[WIDTH] = '\0';
    if (total)
        fprintf(stderr, "\r  %-12.12s [%s] %llu/%llu  %.1f s%s\033[K", stage, cells,
                (unsigned long long)done, (unsigned long long)total, elapsed, left);
    else
        fprintf(stderr, "\r  %-12.12s %llu  %.1f s\033[K", stage, (unsigned long long)done,
                elapsed);
}

static int bar_report(void *user, const char *stage, uint64_t done, uint64_t total)
{
    struct bar *bar = user;
    const double now = seconds_now();
    const int terminal = isatty(STDERR_FILENO);
    const int finished = total != 0 && done >= total;
    char text[32];
    if (!bar->begun) bar->first = done;
    bar->begun = 1;
    if (!bar->call->common->quiet && now - bar->shown >= (terminal ? 0.1 : 10) && !finished) {
        const char *left = time_left(bar, done, total, text);
        if (terminal)
            draw_bar(stage ? stage : "", done, total, now - bar->started, left);
        else if (total)
            fprintf(stderr, "engram: %s %llu of %llu, %.0f s%s\n", stage ? stage : "",
                    (unsigned long long)done, (unsigned long long)total, now - bar->started, left);
        else
            fprintf(stderr, "engram: %s %llu, %.0f s\n", stage ? stage : "",
                    (unsigned long long)done, now - bar->started);
        bar->drawn |= terminal;
        bar->shown = now;
    }
    if (finished || interrupted()) bar_end(bar);
    return interrupted();
}

eg_progress bar_begin(struct bar *bar, const struct call *call)
{
    const double now = seconds_now();
    *bar = (struct bar){ .call = call, .started = now, .shown = now };
    return (eg_progress){ bar_report, bar };
}

void bar_end(struct bar *bar)
{
    if (bar->drawn) fputs("\r\033[K", stderr);
    bar->drawn = 0;
}

static void on_interrupt(int number)
{
    if (stop_asked) {
        signal(number, SIG_DFL);
        raise(number);
    }
    stop_asked = 1;
}

void catch_interrupt(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is seen where output is flushed */
    signal(SIGXFSZ, SIG_IGN); /* a file over the user's limit is a write that fails */
}

static void on_end(int number)
{
    static const char text[] = "engram: interrupted\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(128 + number);
}

void let_interrupt_end(void)
{
    struct sigaction action;
    if (stop_asked) on_end(SIGINT);
    memset(&action, 0, sizeof action);
    action.sa_handler = on_end;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int interrupted(void)
{
    return stop_asked;
}

int wants_colour(FILE *stream)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    if (no != NULL && *no != '\0') return 0;
    return isatty(fileno(stream)) && term != NULL && strcmp(term, "dumb") != 0;
}

const char *style(FILE *stream, const char *name)
{
    static const struct {
        const char *name, *escape;
    } rows[] = { { "bold", "\033[1m" },
                 { "faint", "\033[2m" },
                 { "green", "\033[32m" },
                 { "red", "\033[31m" },
                 { "plain", "\033[0m" } };
    if (!wants_colour(stream)) return "";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0) return rows[i].escape;
    return "";
}
