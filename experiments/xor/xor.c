/* The XOR network of Krotov and Hopfield 2016, section 3: four memories (x, y, x xor y) on three
 * neurons. With x and y clamped, the third neuron must find z = Sign[-x y]. The energy of power
 * n has a difference only for odd n >= 3 (for even n the two energies are equal by symmetry);
 * the rectified energy has one for every n >= 2. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "experiments/lab.h"

static const float truth[4][3] = { { -1, -1, -1 }, { -1, 1, 1 }, { 1, -1, 1 }, { 1, 1, -1 } };

/* Share of the eight starts (four inputs, two values of z) that end right. */
static eg_status share_right(eg_separation separation, double order, double *share)
{
    eg_rule rule = EG_RULE_INIT;
    rule.separation = separation;
    rule.order = order;
    rule.projection = EG_PROJ_SIGN;
    eg_memory *m = NULL;
    LAB_TRY(lab_memory(EG_STORE_DENSE, &rule, &truth[0][0], 4, 3, &m));
    float state[8][3];
    uint8_t clamp[8][3];
    for (size_t i = 0; i < 8; i++) {
        memcpy(state[i], truth[i / 2], sizeof state[i]);
        state[i][2] = i % 2 == 0 ? 1.0f : -1.0f;
        memcpy(clamp[i], (const uint8_t[3]){ 1, 1, 0 }, 3);
    }
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.dynamics = EG_DYN_ASYNC;
    o.clamp = &clamp[0][0];
    const eg_status s = eg_memory_recall(m, &state[0][0], 8, &o, &state[0][0], NULL);
    eg_memory_destroy(m);
    if (s != EG_OK) return s;
    *share = 0;
    for (size_t i = 0; i < 8; i++) *share += state[i][2] == truth[i / 2][2] ? 0.125 : 0;
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    for (int rectified = 0; rectified <= 1; rectified++)
        for (int n = 2; n <= 7; n++) {
            const double published = rectified || n % 2 == 1 ? 1 : 0.5;
            double share;
            LAB_TRY(share_right(rectified ? EG_SEP_RECTIFIED : EG_SEP_POWER, n, &share));
            lab_near(run, published, share, 0, "%s energy, n = %d: share right",
                     rectified ? "rectified" : "power", n);
        }
    return EG_OK;
}

const struct experiment experiment_xor = {
    .name = "xor",
    .title = "four memories on three neurons compute XOR if and only if n allows it",
    .source = "Krotov and Hopfield 2016, section 3",
    .setting = "quick and full: all inputs, both starts, n = 2..7",
    .run = measure,
};
