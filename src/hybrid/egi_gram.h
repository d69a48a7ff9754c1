/* What heads share that keep products of components: of all examples, or of those of a class. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_GRAM_H
#define EGI_GRAM_H

#include "hybrid/egi_head.h"

struct egi_gram_settings {
    struct egi_front front; /* first */
    double shrink, between;
};
extern const struct egi_setting egi_fecam_settings[];

/* Whole numbers z (E): row (E (E + 1) / 2), the lower half by rows, += by z z^T. */
void egi_gram_add(const int16_t *z, size_t e, int by, int64_t *row);

/* In make: room to put examples aside; then one of them (the room has a place), and their products
 * into row as above, exactly, in whatever order (egi_gram_settle). */
eg_status egi_gram_make_pending(eg_head *h);
void egi_gram_put_aside(eg_head *h, const int16_t *z);
void egi_gram_settle(eg_head *h, int64_t *row);

/* A covariance a (E, E), its lower half, shrunk twice (Goswami et al. 2023, eq. 7) and made a
 * correlation (eq. 8): 1 in the diagonal. */
void egi_gram_correlations(double *a, size_t e, const struct egi_gram_settings *o);

#endif
