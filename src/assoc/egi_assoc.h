/* The rows of the three tables as the floors above see them. A strip is the scores of one
 * query against all memories; every row function is infallible and allocates nothing:
 * separation.c has checked the rule, the scores and the multiplicities. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ASSOC_H
#define EGI_ASSOC_H

#include "assoc/egi_associate.h"
#include "base/egi_base.h"
#include "engram/association.h"

struct egi_strip {
    const eg_rule *rule;
    const double *s; /* (N) */
    const double *w; /* (N) or NULL: ones */
    size_t n;
    double total;   /* sum of w */
    double top;     /* max s */
    size_t first;   /* first index that reaches it */
    double top_sum; /* sum of w over all that reach it */
};

static inline double egi_strip_w(const struct egi_strip *q, size_t i)
{
    return q->w != NULL ? q->w[i] : 1;
}

/* beta (s_i - reference): 0 for the reference itself, -inf rather than an overflow. */
static inline double egi_strip_z(const struct egi_strip *q, size_t i, double reference)
{
    return q->rule->beta * (q->s[i] - reference);
}

/* What is known about a row; EGI_SEP_ODD marks a row whose convexity hangs on the parity of
 * the order: ask egi_separation_flags(). */
enum {
    EGI_SEP_CONVEX = 1,        /* A is convex in s, everywhere */
    EGI_SEP_EXP_CONVEX = 2,    /* exp(beta A) is; follows from CONVEX */
    EGI_SEP_NONDECREASING = 4, /* every a_i >= 0 */
    EGI_SEP_NORMALISED = 8,    /* sum a = 1 */
    EGI_SEP_SEPARABLE = 16,    /* A = sum_i w_i f(s_i) */
    EGI_SEP_LOG_SUM = 32,      /* A = log(epsilon + sum_i w_i f(s_i)) / beta */
    EGI_SEP_ODD = 64           /* odd order: NONDECREASING, and not CONVEX */
};

enum egi_order_domain { EGI_ORDER_ANY, EGI_ORDER_INTEGER_2, EGI_ORDER_REAL_2, EGI_ORDER_ABOVE_1 };

#define EGI_LSR_EPSILON 1e-12 /* epsilon of LSR; 0 for the other LOG_SUM rows */

struct egi_separation {
    eg_row_info info;
    unsigned flags;
    enum egi_order_domain order;
    int transform; /* enum egi_transform_kind, or -1: by strips only */
    double (*margin)(const eg_rule *rule);
    double (*f)(const eg_rule *rule, double s); /* SEPARABLE and LOG_SUM rows, else NULL */
    void (*weights)(const struct egi_strip *q, double *a, double *log_scale);
    double (*energy)(const struct egi_strip *q);                                 /* inf: overflow */
    void (*derivative)(const struct egi_strip *q, const double *v, double *out); /* likewise */
};

extern const struct egi_separation egi_sep_identity, egi_sep_power, egi_sep_rectified;
extern const struct egi_separation egi_sep_exponential, egi_sep_softmax;
extern const struct egi_separation egi_sep_entmax, egi_sep_normmax, egi_sep_ksubsets;
extern const struct egi_separation egi_sep_lsr, egi_sep_epanechnikov;
extern const struct egi_separation egi_sep_topk, egi_sep_max;

/* separation.c; row must be inside the table. */
const struct egi_separation *egi_separation_row(eg_separation row);
unsigned egi_separation_flags(const eg_rule *rule);
/* The strip of a rule on scores, both checked: what the row's functions take. */
eg_status egi_strip_init(const eg_rule *rule, const double *s, const double *w, size_t n,
                         struct egi_strip *q);

/* entropic_root.c - the threshold of entmax and normmax. */
struct egi_root {
    double kappa, b; /* see the file */
    double lo, hi;   /* bracket of log q(0) */
    double theta;    /* where between the two the sum is 1 */
};
void egi_root_solve(const struct egi_strip *q, double kappa, double b, struct egi_root *root);
double egi_root_value(const struct egi_root *root, double u);

/* sep_topk.c - the smallest of the k largest scores, copies counted; k is clamped to the sum
 * of the multiplicities first. *above: multiplicity strictly above it. */
struct egi_cut {
    double k, value, above;
};
struct egi_cut egi_strip_cut(const struct egi_strip *q);

/* table.c - the row of that name or synonym, else -1. */
struct egi_synonym {
    const char *name;
    int row;
};
int egi_table_find(const char *name, const eg_row_info *(*info)(int row), int count,
                   const struct egi_synonym *synonyms);

/* projection.c - what a Lyapunov argument needs to know of a row. */
enum {
    EGI_PROJ_INDICATOR = 1, /* Psi is 0 on its domain */
    EGI_PROJ_BINARY = 2,    /* states take two values a component */
    EGI_PROJ_SPHERE = 4,    /* states all have one norm */
    EGI_PROJ_GAIN_ANY = 8   /* gain may be any finite number, else > 0 where it is read */
};
unsigned egi_projection_flags(eg_projection row);

/* Where Psi of a domain is an inequality, this much relative rounding is inside it: states
 * are kept in f32. */
#define EGI_DOMAIN_SLACK 1e-6

#endif
