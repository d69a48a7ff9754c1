/* engram/hybrid.h - classifiers that learn by storing, on features of a network that is frozen.
 *
 * A head is taught by single examples: one call stores what a class needs to know, nothing is
 * trained again, and no class knows of the others' examples. A new class is a new number. What a
 * kind can do (forget one example exactly, merge) is a row of one table; every kind has the same
 * verbs and lies in the same memory file (engram/memory_file.h).
 *
 * Before anything else a vector of features x becomes u = f(x) / |f(x)|, f(x) = sign(x) |x|^power,
 * projected first where "project" is set, and each component the whole number nearest to 2^15 u.
 * Sums are sums of whole numbers: they are exact, in any order, so that what is forgotten leaves
 * the head as if it had never been taught, and heads that learned apart merge to what one would be.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_HYBRID_H
#define ENGRAM_HYBRID_H

#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"
#include "engram/learner.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_head eg_head;

/* What a kind can do. */
enum {
    EG_HEAD_FORGETS = 1,       /* an example, exactly */
    EG_HEAD_FORGETS_CLASS = 2, /* a class, exactly, without its examples */
    EG_HEAD_MERGES = 4,        /* exactly: as if one had been taught everything */
    EG_HEAD_FITS = 8           /* has a quantiser that eg_head_fit fits */
};

/* A row of the table of kinds; NULL past its end. */
typedef struct eg_head_kind {
    const char *name;    /* "mean" */
    const char *summary; /* one line */
    const char *source;  /* paper and equation */
    unsigned can;        /* EG_HEAD_... */
    const char *voters;  /* what votes: "component", "item", "part", "class" */
} eg_head_kind;
EG_API const eg_head_kind *eg_head_kind_at(size_t row);
/* Its settings; NULL past the end, or where there is no such kind. */
EG_API const eg_setting *eg_head_setting_at(const char *kind, size_t row);

/**
 * A head that knows no class.
 * @param spec  JSON object: {"kind": "mean", "bits": 2}; what it leaves out has its default
 * @param d     features of an example, D >= 1
 * @param seed  of every random choice
 * @param alloc NULL: the default; must outlive the head
 * @return EG_OK; EG_ERR_INVALID (with the place); EG_ERR_SHAPE; EG_ERR_OVERFLOW; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_head_create(const char *spec, size_t d, uint64_t seed,
                                              const eg_allocator *alloc, eg_head **out);
EG_API void eg_head_destroy(eg_head *h);

/* h must not be NULL in these. */
EG_API const char *eg_head_spec(const eg_head *h); /* with every default; the head's */
EG_API const eg_head_kind *eg_head_kind_of(const eg_head *h);
EG_API size_t eg_head_features(const eg_head *h); /* D */
EG_API size_t eg_head_classes(const eg_head *h);  /* K: the greatest class ever taught, plus 1 */
EG_API uint64_t eg_head_count(const eg_head *h);  /* examples that are known */
/* Examples of a class; 0 for one that is not known. */
EG_API uint64_t eg_head_class_count(const eg_head *h, size_t label);

/* What a head takes, in bytes. */
typedef struct eg_head_bytes {
    size_t learning; /* all that it must keep to go on learning: what a file holds */
    size_t frozen;   /* of an image that only answers */
    size_t working;  /* what answering takes beside it, made anew from what is kept */
} eg_head_bytes;
/* The same before anything is taught: for K classes and N examples in all. */
EG_API EG_MUST_CHECK eg_status eg_head_size(const char *spec, size_t d, size_t classes,
                                            size_t examples, eg_head_bytes *out);
EG_API eg_head_bytes eg_head_bytes_of(const eg_head *h);
/* Room for K classes and N examples, so that teaching within them allocates nothing. */
EG_API EG_MUST_CHECK eg_status eg_head_reserve(eg_head *h, size_t classes, size_t examples);

/* What one example takes after its features, in microseconds of one core, by the kinds' own costs
 * as they were measured (docs/learning-by-storing.md, "Speed"): in the mean over many. */
typedef struct eg_head_times {
    double teach;
    double answer; /* once what answers need is made */
} eg_head_times;
EG_API EG_MUST_CHECK eg_status eg_head_time(const char *spec, size_t d, size_t classes,
                                            size_t examples, eg_head_times *out);

/* What a head may take; 0: any amount. */
typedef struct eg_head_budget {
    size_t size;         /* sizeof(eg_head_budget) */
    size_t bytes;        /* to go on learning */
    double microseconds; /* to teach one example, and to answer once, each (eg_head_time) */
} eg_head_budget;

/**
 * The specification for a budget: of a short list, ordered by what was measured (docs/
 * learning-by-storing.md), the first that fits.
 * @param below  1: features may be below 0 (they come of no ReLU)
 * @param spec   room for EG_HEAD_SPEC chars
 * @return EG_OK; EG_ERR_INVALID (a budget below 0, or of another size); EG_ERR_LIMIT (the least
 * that any takes is in the detail)
 */
#define EG_HEAD_SPEC 256
EG_API EG_MUST_CHECK eg_status eg_head_choose(const eg_head_budget *budget, size_t d,
                                              size_t classes, size_t examples, int below,
                                              char *spec);

/**
 * Fit the quantiser of a kind that has one, before anything is taught: to features of any kind,
 * known classes or not. EG_ERR_UNSUPPORTED: a kind without one; EG_ERR_INVALID: examples are known.
 */
EG_API EG_MUST_CHECK eg_status eg_head_fit(eg_head *h, const float *x, size_t n);

/* The most numbers without examples between the classes that are known and a new one. */
#define EG_HEAD_GAP 65536

/**
 * Learn n examples; all or none.
 * @param x  (N, D) finite, no vector all 0
 * @param y  (N) classes, 0 .. 2^31 - 2, but less than K + N + EG_HEAD_GAP, or than what
 *           eg_head_reserve made room for: every class below the greatest has a row
 * @return EG_OK; EG_ERR_INVALID (names row and component, or the class); EG_ERR_OVERFLOW (a sum is
 *         full: more than 65535 examples of a class that all say the same); EG_ERR_LIMIT (a class
 *         beyond); EG_ERR_NOMEM
 * "lda", "fecam" and "ridge" put an example aside and sum the products of 256 of them together: by
 * the 257th, or by the next answer, merge or file.
 */
EG_API EG_MUST_CHECK eg_status eg_head_teach(eg_head *h, const float *x, const int32_t *y,
                                             size_t n);

/* Take n examples out; all or none. The sums are then, to the byte, what they would be had they
 * never been taught; a calibration stays. EG_NOT_FOUND where one cannot have been taught (a count
 * would fall below 0, or no stored example is this one); EG_ERR_UNSUPPORTED where the kind cannot.
 */
EG_API EG_MUST_CHECK eg_status eg_head_forget(eg_head *h, const float *x, const int32_t *y,
                                              size_t n);
/* All of a class; its number may be taught again, and until then its row is all 0 where classes
 * with greater numbers are known, else gone. EG_NOT_FOUND: no example of it is known.
 * EG_ERR_UNSUPPORTED where the kind keeps sums of all classes together ("lda", "ridge"): give
 * eg_head_forget the examples. */
EG_API EG_MUST_CHECK eg_status eg_head_forget_class(eg_head *h, size_t label);

/**
 * into knows what either knew.
 * @param label  (classes of from) what a class of from is called in into; NULL: as in from
 * @return EG_OK; EG_ERR_SHAPE (other D, settings or seed, or another fit of the quantiser);
 *         EG_ERR_UNSUPPORTED; EG_ERR_OVERFLOW; EG_ERR_LIMIT (a class beyond, as eg_head_teach);
 *         EG_ERR_NOMEM; and nothing done
 * from knows what it knew; it is not const because what teaching put aside (eg_head_teach) is
 * summed.
 */
EG_API EG_MUST_CHECK eg_status eg_head_merge(eg_head *into, eg_head *from, const int32_t *label);

/* An answer. */
typedef struct eg_head_answer {
    int32_t label;    /* of the greatest score; of equals the lowest */
    int32_t second;   /* the next one; -1: there is no other class */
    float score;      /* of label, in the units of the kind */
    float confidence; /* softmax of the scores at the head's temperature: that it is label, if it is
                         one of the classes known */
    float typical;    /* the share of examples of known classes that score as low or lower: the
                         p-value that this is one (1 until calibrated) */
    int known;        /* typical is at least the share set by eg_head_calibrate */
} eg_head_answer;

/**
 * The class of each vector.
 * @param answer  (N) out
 * @param scores  (N, K) out, or NULL: -inf for a class without examples
 * @return EG_OK; EG_ERR_INVALID (also where no class is known); EG_ERR_DIVERGED; EG_ERR_NOMEM
 *
 * What is derived from the sums (of "lda", "ridge", "fecam": factors of a matrix) is made at the
 * first call after teaching. An answer depends on its vector and the head alone, to the bit.
 */
EG_API EG_MUST_CHECK eg_status eg_head_predict(eg_head *h, const float *x, size_t n,
                                               eg_head_answer *answer, float *scores);

/**
 * Set what "unknown" means, by examples of known classes.
 * @param held   1: they are not among those taught; 0: they are: each is forgotten, scored and
 *               taught again, together with one of each other class, so that classes keep their
 *               shares (where the kind forgets exactly; else EG_ERR_UNSUPPORTED). The head is then
 *               what it was, to the byte
 * @param share  of examples of known classes that may be called unknown, 0 <= share < 1. Of held
 *               examples that are exchangeable with those asked later no more than that are, in the
 *               mean over draws (Vovk, Gammerman and Shafer 2005, prop. 2.2). Of taught ones that
 * is no theorem: docs/learning-by-storing.md has what was measured The temperature is set too: the
 * one of the least log loss on these examples, each taken as right with (n + 1) / (n + 2) (Platt
 * 1999, section 2.2), so that few examples are not taken as proof.
 * @return EG_OK; EG_ERR_INVALID (a class that is not known; n = 0)
 */
EG_API EG_MUST_CHECK eg_status eg_head_calibrate(eg_head *h, const float *x, const int32_t *y,
                                                 size_t n, int held, double share);

/* Who voted. */
typedef struct eg_head_vote {
    uint64_t voter; /* an item's number (from 1, in the order of teaching), a part, a component */
    float weight;   /* what it added to the score of label; the rest is the class's own */
} eg_head_vote;
/**
 * The voters that spoke most for a class, the strongest first.
 * @param vote  (room) out;  @param found  how many there are, at most room
 */
EG_API EG_MUST_CHECK eg_status eg_head_votes(eg_head *h, const float *x, size_t label,
                                             eg_head_vote *vote, size_t room, size_t *found);

#ifdef __cplusplus
}
#endif
#endif
