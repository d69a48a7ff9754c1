/* Text, memory and names for the program. keep() holds a list that lives as long as the
 * program: options and other small strings are never released one by one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"

static struct kept {
    struct kept *next;
    char *text;
} * kept_list;

static void *or_end(void *p)
{
    if (p == NULL) {
        fputs("engram: out of memory\n", stderr);
        exit(EXIT_MEMORY);
    }
    return p;
}

void *need(size_t count, size_t size)
{
    return or_end(calloc(count ? count : 1, size ? size : 1));
}

float *need_floats(size_t rows, size_t cols)
{
    if (cols != 0 && rows > SIZE_MAX / sizeof(float) / cols) return or_end(NULL);
    return need(rows * cols, sizeof(float));
}

char *keep(char *text)
{
    struct kept *k = or_end(malloc(sizeof *k));
    *k = (struct kept){ kept_list, or_end(text) };
    kept_list = k;
    return text;
}

char *keep_format(const char *format, ...)
{
    va_list args;
    char *s = NULL;
    va_start(args, format);
    const int n = vasprintf(&s, format, args);
    va_end(args);
    return keep(n < 0 ? NULL : s);
}

void keep_release(void)
{
    while (kept_list != NULL) {
        struct kept *next = kept_list->next;
        free(kept_list->text);
        free(kept_list);
        kept_list = next;
    }
}

static void make_room(struct text *t, size_t more)
{
    if (t->size + more + 1 <= t->room) return;
    const size_t room = 2 * (t->size + more + 1);
    t->s = or_end(realloc(t->s, room));
    t->room = room;
}

void text_add_bytes(struct text *t, const char *bytes, size_t size)
{
    make_room(t, size);
    if (size != 0) memcpy(t->s + t->size, bytes, size);
    t->size += size;
    t->s[t->size] = '\0';
}

void text_add(struct text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    if (n > 0) {
        make_room(t, (size_t)n);
        vsnprintf(t->s + t->size, (size_t)n + 1, format, again);
        t->size += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void text_add_word(struct text *t, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=+,./:@%";
    const int simple = *s != '\0' && s[strspn(s, plain)] == '\0';
    text_add(t, "%s", simple ? "" : "'");
    for (; *s != '\0'; s++) text_add(t, *s == '\'' ? "'\\''" : "%c", *s);
    text_add(t, "%s", simple ? "" : "'");
}

void text_add_html(struct text *t, const char *s)
{
    static const struct {
        char c;
        const char *entity;
    } rows[] = { { '<', "&lt;" }, { '>', "&gt;" }, { '&', "&amp;" }, { '"', "&quot;" } };
    for (; *s != '\0'; s++) {
        const char *entity = NULL;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            if (rows[i].c == *s) entity = rows[i].entity;
        text_add_bytes(t, entity ? entity : s, entity ? strlen(entity) : 1);
    }
}

void text_add_base64(struct text *t, const void *bytes, size_t size)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *b = bytes;
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i < 3 ? size - i : 3;
        uint32_t v = (uint32_t)b[i] << 16;
        if (left > 1) v |= (uint32_t)b[i + 1] << 8;
        if (left > 2) v |= b[i + 2];
        const char four[4] = { digit[v >> 18], digit[v >> 12 & 63],
                               left > 1 ? digit[v >> 6 & 63] : '=',
                               left > 2 ? digit[v & 63] : '=' };
        text_add_bytes(t, four, sizeof four);
    }
}

void text_clear(struct text *t)
{
    free(t->s);
    *t = (struct text){ 0 };
}

/* Edits (insert, delete, replace) that turn a into b; 99 where either is longer than 63. */
static size_t edits(const char *a, const char *b)
{
    size_t row[64];
    const size_t la = strlen(a), lb = strlen(b);
    if (la >= 64 || lb >= 64) return 99;
    for (size_t j = 0; j <= lb; j++) row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[lb];
}

const char *nearest_name(const char *got, const char *(*name)(const void *user, size_t i),
                         const void *user)
{
    const char *best = NULL, *s;
    size_t least = strlen(got) / 3 + 2;
    for (size_t i = 0; (s = name(user, i)) != NULL; i++) {
        const size_t e = edits(got, s);
        if (e >= least) continue;
        least = e;
        best = s;
    }
    return best;
}

int take_number(const char **s, double *out)
{
    char *end;
    const double v = strtod(*s, &end);
    if (end == *s || !isfinite(v)) return 0;
    *s = end;
    *out = v;
    return 1;
}

int take_whole(const char **s, uint64_t most, uint64_t *out)
{
    char *end;
    if (**s < '0' || **s > '9') return 0;
    errno = 0;
    const unsigned long long v = strtoull(*s, &end, 10);
    if (errno != 0 || v > most) return 0;
    *s = end;
    *out = v;
    return 1;
}

uint64_t size_unit(const char *s, size_t length)
{
    static const char *const units[] = { "", "k", "M", "G" }; /* in either case */
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i]) == length && strncasecmp(units[i], s, length) == 0)
            return UINT64_C(1) << 10 * i;
    return 0;
}

int parse_number(const char *s, double *out)
{
    double v;
    if (!take_number(&s, &v) || *s != '\0') return 0;
    *out = v;
    return 1;
}

static size_t parse_range(const char *s, double *out, size_t room)
{
    double range[3]; /* first, last, step */
    for (size_t i = 0; i < 3; i++)
        if (!take_number(&s, &range[i]) || *s++ != (i < 2 ? ':' : '\0')) return 0;
    if (!(range[2] > 0) || !(range[1] >= range[0])) return 0;
    const double count = floor((range[1] - range[0]) / range[2] + 1e-9) + 1;
    if (!(count <= (double)room)) return 0;
    for (size_t i = 0; i < (size_t)count; i++) out[i] = range[0] + (double)i * range[2];
    return (size_t)count;
}

size_t parse_numbers(const char *s, double *out, size_t room)
{
    if (strchr(s, ':') != NULL) return parse_range(s, out, room);
    size_t n = 0;
    for (; n < room && take_number(&s, &out[n]); s++) {
        n++;
        if (*s == '\0') return n;
        if (*s != ',') return 0;
    }
    return 0;
}

json_t *json_number(double v)
{
    if (!isfinite(v)) return json_null();
    if (v == floor(v) && fabs(v) < 9e15) return json_integer((json_int_t)v);
    return json_real(v);
}

int is_memory_file(const char *path)
{
    char head[72] = "";
    struct stat st;
    FILE *f = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;
    if (f == NULL) return 0;
    const size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    return n == sizeof head && memcmp(head, "SQLite format 3", 16) == 0
           && memcmp(head + 68, "EGM1", 4) == 0;
}

int cannot_write(const char *path, const char *why)
{
    fprintf(stderr, "engram: %s: cannot be written: %s\n", path, why);
    return EXIT_IO;
}

FILE *open_output(const char *path, const char **beside)
{
    struct stat st;
    *beside = NULL;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) return fopen(path, "wb");
    *beside = keep_format("%s.part-%ld", path, (long)getpid());
    unlink(*beside);
    const int fd = open(*beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return fd >= 0 ? fdopen(fd, "wb") : NULL;
}

int write_file(const char *path, const char *bytes, size_t size)
{
    const char *beside = NULL;
    if (is_memory_file(path)) return cannot_write(path, "a memory file, and it is not overwritten");
    FILE *f = open_output(path, &beside);
    int ok = f != NULL && fwrite(bytes, 1, size, f) == size && fflush(f) == 0
             && (beside == NULL || fsync(fileno(f)) == 0);
    if (f != NULL) ok = fclose(f) == 0 && ok;
    ok = ok && (beside == NULL || rename(beside, path) == 0);
    if (ok) return EXIT_DONE;
    const int code = cannot_write(path, strerror(errno));
    if (beside != NULL) unlink(beside);
    return code;
}

char *keep_address(const char *path)
{
    struct text t = { 0 };
    text_add(&t, "file://");
    for (const unsigned char *p = (const unsigned char *)path; *p != '\0'; p++) {
        const int plain = *p < 128 && (isalnum(*p) || strchr("/-._~", *p) != NULL);
        text_add(&t, plain ? "%c" : "%%%02X", *p);
    }
    char *kept = keep_format("%s", t.s);
    text_clear(&t);
    return kept;
}
