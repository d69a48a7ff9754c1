/* The scattering transform as a layer: nothing in it is learned. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/scattering.h"
#include "nn/egi_layer.h"

static const struct egi_setting settings[] = {
    EGI_SET_COUNT(eg_scattering_options, scales, "2", 1, 12, "J: means are taken over 2^J pixels"),
    EGI_SET_COUNT(eg_scattering_options, angles, "8", 1, 64, "of the wavelets"),
    EGI_SET_COUNT(eg_scattering_options, order, "2", 0, 2, "how many moduli follow each other"),
    EGI_SET_FLAG(eg_scattering_options, rounded_pi, "false", "filters by 3.1415, as kymatio's"),
    EGI_SET_END,
};

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    eg_shape in;
    if (!egi_layer_rank(s, x[0], 4, 4, "(B, C, H, W)", &in)) return EG_NONE;
    return eg_scattering(s->t, x[0],
                         (const eg_scattering_options *)(const void *)l->settings.bytes);
}

const struct egi_layer_row egi_layer_scattering = {
    .kind = { "scattering", "means of |x * psi|, ||x * psi| * psi'|: wavelets, every 2^J pixels",
              "Bruna and Mallat 2013", settings },
    .apply = apply,
};
