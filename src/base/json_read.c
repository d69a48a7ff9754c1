/* JSON (RFC 8259) read by descent into the trees of jansson. Its own reader (2.14, issue 362) does
 * not look whether the bytes of a token were kept: where memory is short in the middle of one of
 * more than 15 bytes it loses some, reads on behind them, or ends the program. Here all that is
 * decoded goes into one block as large as the text, and jansson makes the values, which does say
 * that there is no memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/egi_json.h"

enum { DEPTH = 2048, NUMBER = 512 };

struct reader {
    const char *text;
    size_t size, at, depth;
    char *room; /* names and strings that are not put away yet, each with its NUL */
    size_t used;
    struct egi_json_error *e;
};

static json_t *read_value(struct reader *r);

static json_t *no_memory(struct reader *r)
{
    r->e->status = EG_ERR_NOMEM;
    return NULL;
}

static json_t *refuse(struct reader *r, const char *expected)
{
    struct egi_json_error *e = r->e;
    *e = (struct egi_json_error){ .status = EG_ERR_INVALID, .at = r->at, .line = 1, .column = 1 };
    for (size_t i = 0; i < r->at; i++) {
        if (r->text[i] == '\n') {
            e->line++;
            e->column = 1;
        } else if ((r->text[i] & 0xc0) != 0x80) {
            e->column++;
        }
    }
    snprintf(e->text, sizeof e->text, "expected %s", expected);
    return NULL;
}

/* The byte here; 0 at the end, and of a NUL, which nothing begins with. */
static char here(const struct reader *r)
{
    return r->at < r->size ? r->text[r->at] : '\0';
}

static char skip_space(struct reader *r)
{
    while (here(r) != '\0' && strchr(" \t\n\r", here(r)) != NULL) r->at++;
    return here(r);
}

static int take(struct reader *r, char c)
{
    if (skip_space(r) != c) return 0;
    r->at++;
    return 1;
}

/* ---- strings ---- */

size_t egi_utf8_length(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } form[] = {
        { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
    };
    for (size_t n = 0; n < EGI_COUNT(form); n++) {
        if ((p[0] & form[n].mask) != form[n].lead) continue;
        uint32_t code = p[0] & (unsigned char)~form[n].mask;
        for (size_t i = 1; i <= n; i++) {
            if ((p[i] & 0xc0) != 0x80) return 0; /* also the end of the text */
            code = code << 6 | (p[i] & 0x3fu);
        }
        const int surrogate = code >= 0xd800 && code <= 0xdfff;
        return code >= form[n].least && code <= 0x10ffff && !surrogate ? n + 1 : 0;
    }
    return 0;
}

static int32_t hex4(struct reader *r)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *d = here(r) != '\0' ? strchr(digits, here(r)) : NULL;
        if (d == NULL) return -1;
        value = value * 16 + (int32_t)((d - digits) % 16);
    }
    return value;
}

static void put(struct reader *r, uint32_t byte)
{
    r->room[r->used++] = (char)(unsigned char)byte;
}

static void put_code(struct reader *r, uint32_t code)
{
    const unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = { 0x00, 0xc0, 0xe0, 0xf0 };
    put(r, lead[more] | code >> 6 * more);
    for (unsigned i = more; i-- > 0;) put(r, 0x80 | (code >> 6 * i & 0x3f));
}

/* What follows \u; 0 where it is a character. */
static int take_code(struct reader *r)
{
    int32_t code = hex4(r), low = 0;
    if (code >= 0xd800 && code < 0xdc00) {
        if (here(r) != '\\') return -1;
        r->at++;
        if (here(r) != 'u') return -1;
        r->at++;
        low = hex4(r);
        if (low < 0xdc00 || low > 0xdfff) return -1;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code <= 0 || (code >= 0xdc00 && code <= 0xdfff)) {
        return -1;
    }
    put_code(r, (uint32_t)code);
    return 0;
}

/* What follows a backslash. */
static int take_escape(struct reader *r)
{
    static const char name[] = "\"\\/bfnrt", is[] = "\"\\/\b\f\n\r\t";
    const char c = here(r), *n = c != '\0' ? strchr(name, c) : NULL;
    if (n == NULL && c != 'u') return -1;
    r->at++;
    if (n == NULL) return take_code(r);
    put(r, (unsigned char)is[n - name]);
    return 0;
}

/* A string from its first quote on, in the room, where it stays until used is put back; or NULL. */
static const char *take_string(struct reader *r)
{
    const size_t from = r->used;
    if (!take(r, '"')) {
        refuse(r, "a string");
        return NULL;
    }
    while (here(r) != '"') {
        const unsigned char c = (unsigned char)here(r);
        if (c < 0x20) {
            refuse(r, "the end of a string, and no control bytes in it");
            return NULL;
        }
        r->at++;
        if (c != '\\') {
            put(r, c);
        } else if (take_escape(r) != 0) {
            refuse(r, "a character after the backslash");
            return NULL;
        }
    }
    put(r, '\0');
    for (const char *p = r->room + from; *p != '\0'; p += egi_utf8_length(p))
        if (egi_utf8_length(p) == 0) {
            refuse(r, "a string in UTF-8");
            return NULL;
        }
    r->at++;
    return r->room + from;
}

static json_t *read_string(struct reader *r)
{
    const size_t from = r->used;
    const char *s = take_string(r);
    json_t *v = s != NULL ? json_string_nocheck(s) : NULL;
    r->used = from;
    return v != NULL || s == NULL ? v : no_memory(r);
}

/* ---- numbers and words ---- */

static size_t take_digits(struct reader *r)
{
    const size_t from = r->at;
    while (here(r) >= '0' && here(r) <= '9') r->at++;
    return r->at - from;
}

/* Passes a number; 0: it is none. */
static int take_number(struct reader *r, int *whole)
{
    r->at += here(r) == '-';
    const size_t zero = here(r) == '0', digits = zero + (zero ? 0 : take_digits(r));
    r->at += zero;
    *whole = here(r) != '.' && here(r) != 'e' && here(r) != 'E';
    if (digits == 0) return 0;
    if (here(r) == '.') {
        r->at++;
        if (take_digits(r) == 0) return 0;
    }
    if (here(r) == 'e' || here(r) == 'E') {
        r->at++;
        r->at += here(r) == '+' || here(r) == '-';
        if (take_digits(r) == 0) return 0;
    }
    return 1;
}

static json_t *read_real(struct reader *r, const char *number)
{
    double x;
    if (egi_strtod(number, &x) != 0) return no_memory(r);
    if (!isfinite(x)) return refuse(r, "a number below 1.8e308");
    json_t *v = json_real(x);
    return v != NULL ? v : no_memory(r);
}

static json_t *read_number(struct reader *r)
{
    char number[NUMBER];
    const size_t from = r->at;
    int whole = 0;
    if (!take_number(r, &whole)) return refuse(r, r->at > from ? "a digit" : "a value");
    const size_t n = r->at - from;
    if (n >= NUMBER) return refuse(r, "a number of up to 511 bytes");
    memcpy(number, r->text + from, n);
    number[n] = '\0';
    if (!whole) return read_real(r, number);
    errno = 0;
    const long long x = strtoll(number, NULL, 10);
    if (errno == ERANGE) return refuse(r, "a whole number of up to 63 bits");
    json_t *v = json_integer(x);
    return v != NULL ? v : no_memory(r);
}

static json_t *read_word(struct reader *r)
{
    static const char *const words[] = { "true", "false", "null" };
    json_t *values[] = { json_true(), json_false(), json_null() }; /* none of them is allocated */
    for (size_t i = 0; i < EGI_COUNT(words); i++) {
        const size_t n = strlen(words[i]);
        if (r->size - r->at < n || memcmp(r->text + r->at, words[i], n) != 0) continue;
        r->at += n;
        return values[i];
    }
    return read_number(r);
}

/* ---- lists and objects ---- */

static int read_item(struct reader *r, json_t *list)
{
    json_t *v = read_value(r);
    if (v == NULL) return -1;
    return json_array_append_new(list, v) == 0 ? 0 : (no_memory(r), -1);
}

static int read_member(struct reader *r, json_t *object)
{
    const size_t from = r->used;
    const char *name = take_string(r);
    if (name == NULL) return -1;
    if (json_object_get(object, name) != NULL) return refuse(r, "no name twice in an object"), -1;
    if (!take(r, ':')) return refuse(r, "':'"), -1;
    json_t *v = read_value(r);
    const int failed = v == NULL || json_object_set_new_nocheck(object, name, v) != 0;
    if (v != NULL && failed) no_memory(r);
    r->used = from;
    return failed ? -1 : 0;
}

/* What lies between brackets. */
static json_t *read_many(struct reader *r, int object)
{
    const char end = object ? '}' : ']';
    json_t *v = object ? json_object() : json_array();
    if (v == NULL) return no_memory(r);
    r->at++;
    int failed = 0;
    if (!take(r, end)) {
        do failed = object ? read_member(r, v) : read_item(r, v);
        while (!failed && take(r, ','));
        if (!failed && !take(r, end)) {
            refuse(r, object ? "',' or '}'" : "',' or ']'");
            failed = 1;
        }
    }
    if (!failed) return v;
    json_decref(v);
    return NULL;
}

static json_t *read_value(struct reader *r)
{
    json_t *v = NULL;
    const char c = skip_space(r);
    if (r->depth == DEPTH) return refuse(r, "at most 2048 lists and objects in each other");
    r->depth++;
    if (c == '{' || c == '[')
        v = read_many(r, c == '{');
    else
        v = c == '"' ? read_string(r) : read_word(r);
    r->depth--;
    return v;
}

json_t *egi_json_read(const char *text, size_t size, struct egi_json_error *e)
{
    struct egi_json_error unseen;
    struct reader r = { .text = text, .size = size, .e = e != NULL ? e : &unseen };
    void *room;
    *r.e = (struct egi_json_error){ .status = EG_OK };
    if (egi_alloc_array(eg_allocator_default(), size + 1, 1, "JSON", &room) != EG_OK)
        return no_memory(&r);
    r.room = room;
    json_t *v = read_value(&r);
    if (v != NULL && (skip_space(&r), r.at < size)) {
        json_decref(v);
        v = refuse(&r, "the end of the text");
    }
    egi_free(eg_allocator_default(), room, size + 1);
    return v;
}

json_t *egi_json_of(const char *text)
{
    return text != NULL ? egi_json_read(text, strlen(text), NULL) : NULL;
}
