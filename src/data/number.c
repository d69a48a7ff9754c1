/* Decimal numbers of text formats. The grammar is checked here, so that neither the locale
 * nor what strtod also accepts (hexadecimal, inf, nan, white space) changes what a file means.
 *
 * Up to 15 digits with a power of ten within 22 are exact in one multiplication or division
 * (Clinger 1990: both operands are exact doubles); the C library does the rest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "data/egi_data.h"

#define MAX_TEXT 511 /* no writer needs more: 53 bits are at most 767 digits, 17 say which */

struct decimal {
    uint64_t mantissa; /* the first 19 digits */
    int digits;        /* without leading zeros */
    int power;         /* of ten */
    int negative;
};

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t take_digits(const char *t, size_t at, size_t size, struct decimal *d, int after_point)
{
    for (; at < size && is_digit(t[at]); at++) {
        if (d->digits > 0 || t[at] != '0') d->digits++;
        if (d->digits <= 19) {
            d->mantissa = d->mantissa * 10 + (uint64_t)(t[at] - '0');
            d->power -= after_point;
        }
    }
    return at;
}

/* Returns 0 when all of text is a number. */
static int scan(const char *t, size_t size, struct decimal *d)
{
    size_t at = 0;
    if (at < size && (t[at] == '-' || t[at] == '+')) d->negative = t[at++] == '-';
    size_t start = at, digits;
    at = take_digits(t, at, size, d, 0);
    digits = at - start;
    if (at < size && t[at] == '.') {
        start = ++at;
        at = take_digits(t, at, size, d, 1);
        digits += at - start;
    }
    if (digits == 0) return -1;
    if (at < size && (t[at] == 'e' || t[at] == 'E')) {
        int sign = 1, power = 0;
        if (++at < size && (t[at] == '-' || t[at] == '+')) sign = t[at++] == '-' ? -1 : 1;
        if (at == size) return -1;
        for (; at < size && is_digit(t[at]); at++)
            if (power < 100000) power = power * 10 + (t[at] - '0');
        d->power += sign * power;
    }
    return at == size ? 0 : -1;
}

static int by_library(const char *text, size_t size, double *out)
{
    char copy[MAX_TEXT + 1];
    memcpy(copy, text, size);
    copy[size] = '\0';
    return egi_strtod(copy, out);
}

int egi_parse_number(const char *text, size_t size, double *out)
{
    static const double ten[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    struct decimal d = { 0 };
    if (size > MAX_TEXT || scan(text, size, &d) != 0) return -1;
    double v;
    if (d.digits <= 15 && d.power >= -22 && d.power <= 22) {
        v = (double)d.mantissa;
        v = d.power < 0 ? v / ten[-d.power] : v * ten[d.power];
        v = d.negative ? -v : v;
    } else if (by_library(text, size, &v) != 0) {
        return -1;
    }
    if (!(fabs(v) <= (double)FLT_MAX)) return -2;
    *out = v;
    return 0;
}
