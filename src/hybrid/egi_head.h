/* Heads behind one table. What a head keeps are fields: arrays whose rows are one, a class each, or
 * an item each. Size, growth, merging, forgetting and the file are written once over the fields; a
 * row of the table says which it has, how one example changes them, and what a class scores. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_HEAD_H
#define EGI_HEAD_H

#include "engram/hybrid.h"
#include "hybrid/egi_quantiser.h"

/* What the numbers of a field are. */
enum egi_cell { EGI_U8, EGI_I16, EGI_U16, EGI_I32, EGI_U32, EGI_F32, EGI_I64, EGI_CELLS };
extern const size_t egi_cell_bytes[EGI_CELLS];

enum egi_axis { EGI_FIXED, EGI_CLASS, EGI_ITEM };

/* How two heads' fields become one. */
enum egi_join {
    EGI_SUM,  /* number by number; of classes and items row by row */
    EGI_SAME, /* must be equal */
    EGI_OWN   /* stays what it is */
};

struct egi_field {
    const char *name;
    enum egi_cell cell;
    enum egi_axis axis;
    enum egi_join join;
    size_t rows, columns; /* rows of a fixed field */
    void *lent;           /* the numbers lie here and belong to another; NULL: to the head */
};

enum {
    EGI_FIELDS = 8,
    EGI_HEAD_GRID = 64,        /* order statistics that a calibration keeps */
    EGI_HEAD_ONE = 32768,      /* what a component of 1 is, as a whole number */
    EGI_HEAD_FULL = UINT16_MAX /* examples of a class: 65535 * 32768 < 2^31 */
};

/* Fields that every head has. */
enum { EGI_COUNTS, EGI_CALIBRATION, EGI_OWN_FIELDS };

/* What becomes of a vector before anything else; first member of every kind's settings. */
struct egi_front {
    double power;
    size_t project;
};
#define EGI_FRONT_SETTINGS(S, power_default, project_default)                                      \
    { { "power", "number", power_default, "of each component, its sign kept" },                    \
      EGI_SETTING_NUMBER,                                                                          \
      offsetof(S, front.power),                                                                    \
      0.01,                                                                                        \
      4,                                                                                           \
      NULL },                                                                                      \
    {                                                                                              \
        { "project", "count", project_default, "random directions to project on; 0: not at all" }, \
            EGI_SETTING_COUNT, offsetof(S, front.project), 0, 1000000, NULL                        \
    }

struct egi_calibration {
    float examples, share, temperature; /* examples 0: not calibrated */
    float score[EGI_HEAD_GRID];         /* rising */
};

/* Nanoseconds for each of: a component of u; E^2; K E; K E^2; N E; an anchor's component E L; two
 * symbols that met, P^2; P K. As measured by `engram bench heads` (one core of an AMD EPYC,
 * AVX-512; docs/learning-by-storing.md), so that what a head takes is told before it is made. */
struct egi_head_cost {
    double e, ee, ke, kee, ne, el, pp, pk;
};

struct egi_head_row {
    eg_head_kind kind;
    struct egi_head_cost teach, answer;
    const struct egi_setting *settings;
    float temperature; /* of the softmax before calibration */
    int relu;          /* a projection is cut at 0 and not brought to length 1 again */
    int items;         /* keeps its examples: fields of items, the vector first */
    /* Fields of its own, by the settings and D: nothing is allocated but the shape of a quantiser,
     * so that sizes are told of what no memory would hold. */
    eg_status (*plan)(eg_head *h);
    /* What else it needs, before any array of a field is there; NULL: nothing. */
    eg_status (*make)(eg_head *h);
    void (*destroy)(eg_head *h);     /* NULL: nothing */
    eg_status (*loaded)(eg_head *h); /* after fields were filled from outside; NULL: nothing */
    /* One example into the fields (by 1) or out of them (by -1). Whole numbers z (E), and u = z /
     * 2^15. EG_ERR_OVERFLOW or EG_NOT_FOUND: nothing was done. NULL: items alone */
    eg_status (*write)(eg_head *h, const int16_t *z, size_t label, int by);
    /* What write put aside (h->pending) into the fields; NULL: it puts nothing aside. */
    void (*settle)(eg_head *h);
    void (*drop)(eg_head *h, size_t label); /* before the rows of a class are made 0; NULL */
    /* What answers need, from the fields: h->work, made by egi_head_work. */
    eg_status (*prepare)(eg_head *h);
    /* score (K) of u (E); NULL: linear, weights (K, E) and then K biases in h->work. A class
     * without examples is seen to by the caller. */
    eg_status (*scores)(eg_head *h, const float *u, float *score);
    /* What each voter adds for a class: weight (voters). NULL: u_j w_kj. */
    size_t (*voters)(const eg_head *h);
    eg_status (*votes)(eg_head *h, const float *u, size_t label, float *weight);
    size_t (*frozen)(const eg_head *h, size_t classes, size_t items); /* NULL: all that is kept */
    size_t (*working)(const eg_head *h, size_t classes);              /* NULL: linear */
};

/* Examples whose products are not summed yet, whole numbers as f64, and room for a strip of their
 * sum: (EGI_PENDING, E) and (EGI_STRIP, E). */
enum { EGI_PENDING = 256, EGI_STRIP = 64 };
struct egi_pending {
    double *z, *strip;
    size_t n;
};

struct eg_head {
    const struct egi_head_row *row;
    json_t *document;
    char *spec;
    size_t d, e; /* features; components of u */
    uint64_t seed;
    const eg_allocator *alloc;
    union egi_settings settings;
    struct egi_field field[EGI_FIELDS];
    void *at[EGI_FIELDS];
    size_t has[EGI_FIELDS]; /* rows there are of each */
    size_t fields;
    size_t classes, items;           /* rows in use */
    size_t room_classes, room_items; /* rows there are */
    uint64_t taught, numbered;       /* examples known; items ever given a number */
    eg_quantiser *quantiser;         /* or NULL */
    uint16_t *code;                  /* (P) a code on its way; or NULL */
    struct eg_binary *clique;        /* or NULL */
    uint64_t *state;                 /* of the clique: one on its way; or NULL */
    struct egi_pending pending;      /* examples put aside; z NULL: this kind puts none */
    float *projection;               /* (E, D) or NULL */
    float *turned, *u;               /* (D or E, what is more), (E): one vector on its way */
    int16_t *z;                      /* (E) */
    float *work;                     /* what prepare made */
    size_t work_size;
    int ready; /* work is that of the fields */
};

extern const struct egi_head_row *const egi_head_rows[];
extern const struct egi_head_row egi_head_mean, egi_head_prototype, egi_head_lda, egi_head_fecam,
    egi_head_each, egi_head_ridge, egi_head_cache, egi_head_knn, egi_head_binary, egi_head_clique,
    egi_head_tilda;

/* ---- head.c ---- */

/* A head whose fields have no rows yet but the fixed ones. */
eg_status egi_head_make(json_t *document, size_t d, uint64_t seed, const eg_allocator *alloc,
                        eg_head **out);
/* What it would take and cost: planned, never made. Only its shape may be asked for. */
eg_status egi_head_shape(const char *who, const char *spec, size_t d, eg_head **out);
/* In plan: one more field, which has this index. */
size_t egi_head_field(eg_head *h, const struct egi_field *f);
/* Rows of a field in use. */
size_t egi_head_rows_of(const eg_head *h, const struct egi_field *f);
size_t egi_head_row_bytes(const struct egi_field *f);
/* Room for so many rows; those that are new are 0. */
eg_status egi_head_room(eg_head *h, size_t classes, size_t items);
/* Names of the kinds that can all of this, "mean, lda". */
#define EGI_HEAD_NAMES 160
const char *egi_head_kinds(unsigned can, char out[EGI_HEAD_NAMES]);
/* Whether vectors are projected. */
static inline int egi_head_projects(const eg_head *h)
{
    return ((const struct egi_front *)&h->settings)->project > 0;
}
static inline uint32_t *egi_head_counts(const eg_head *h)
{
    return h->at[EGI_COUNTS];
}
static inline struct egi_calibration *egi_head_calibration(const eg_head *h)
{
    return h->at[EGI_CALIBRATION];
}
/* h->work of `size` numbers. */
eg_status egi_head_work(eg_head *h, size_t size);
/* Fields were filled from outside: the rest follows from them, or is refused (EG_ERR_CORRUPT). */
eg_status egi_head_adopt(eg_head *h);

/* ---- head_teach.c ---- */

/* Vectors (N, D) that are finite and not all 0, or EG_ERR_INVALID. */
eg_status egi_head_check(const char *who, const eg_head *h, const float *x, size_t n);
/* h->u and h->z of a vector that was checked. */
void egi_head_front(eg_head *h, const float *x);
/* The fields hold all that was taught. */
static inline void egi_head_settle(eg_head *h)
{
    if (h->row->settle != NULL) h->row->settle(h);
}
/* Classes at the end without examples are none. */
void egi_head_trim(eg_head *h);

/* ---- head_items.c: examples that are kept ---- */
enum { EGI_ITEM_VECTOR = EGI_OWN_FIELDS, EGI_ITEM_CLASS, EGI_ITEM_NUMBER };
void egi_items_plan(eg_head *h);
void egi_items_add(eg_head *h, const int16_t *z, size_t label);
/* Takes out items that are these (one each), or nothing: EG_NOT_FOUND. */
eg_status egi_items_forget(eg_head *h, const float *x, const int32_t *y, size_t n);
void egi_items_move(eg_head *h, size_t from, size_t to); /* to <= from */
/* All items into a copy of so many bytes, or back out of it: as many as then, in their order. Of a
 * head without items nothing. */
size_t egi_items_bytes(const eg_head *h);
void egi_items_copy(eg_head *h, char *copy, int back);
void egi_items_drop(eg_head *h, size_t label);

/* ---- head_linear.c: scores W u + b ---- */
static inline float *egi_linear_bias(const eg_head *h)
{
    return h->work + h->classes * h->e;
}
eg_status egi_linear_work(eg_head *h);
/* Means of classes in h->work become weights and biases of the cosines <u - g, p> / |p|, p = mean -
 * g rounded to `bits` a component (32: not at all), g the mean of all vectors or, not centred, 0.
 */
eg_status egi_linear_cosines(eg_head *h, int centred, size_t bits);
eg_status egi_linear_scores(eg_head *h, const float *u, float *score);
eg_status egi_linear_votes(eg_head *h, const float *u, size_t label, float *weight);

/* ---- factor.c: symmetric matrices in f64 ---- */

/* a (N, N), its lower half, becomes L with A = L L^T. 0: it is not positive definite. */
int egi_factor(double *a, size_t n);
/* L L^T x = b for each row of b (rows, N), in its place. */
void egi_factor_solve(const double *l, size_t n, double *b, size_t rows);

#endif
