/* A part of a step of a frozen network as a primitive of oneDNN 2.6. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_FROZEN_DNNL_H
#define EGI_KERNEL_FROZEN_DNNL_H

#include "kernel/egi_kernel_dnnl.h"
#include "kernel/egi_kernel_frozen.h"

struct egi_frozen_host {
    dnnl_engine_t engine;
    size_t block;
};

/* Channels `first`.. of y, as a primitive of its own. */
struct egi_frozen_part {
    size_t first, count, at[EGI_FROZEN_ARGS]; /* at: bytes into each argument */
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t x, y, w, plain_w, pad; /* z is as x */
    size_t packed;                            /* bytes into the packed weights */
};

/* kernel_frozen_part_dnnl.c - sizes and layouts of part i; then its primitive. */
dnnl_status_t egi_frozen_part_of(const struct egi_frozen_host *h, const struct egi_frozen_step *s,
                                 size_t parts, size_t i, struct egi_frozen_part *p);
dnnl_status_t egi_frozen_describe(const struct egi_frozen_host *h, const struct egi_frozen_step *s,
                                  const struct egi_frozen_part *p, dnnl_primitive_desc_t *out);
/* How weights of `count` outputs lie, or may: dnnl_format_tag_any. */
dnnl_status_t egi_frozen_weights(const struct egi_frozen_step *s, size_t count,
                                 dnnl_format_tag_t tag, dnnl_memory_desc_t *out);
/* Code that was compiled for the layout; copies are as fast as memory any way. */
int egi_frozen_pays(const struct egi_frozen_step *s, const_dnnl_primitive_desc_t pd);

#endif
