/* Every public call that can fail, continued: networks looked at as physics does. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EVERY_CALL_PHYSICS_H
#define TESTS_EVERY_CALL_PHYSICS_H

#include "every_call_measure.h"

static inline eg_status call_lazy(eg_learner *l, const eg_part *part)
{
    static float kernel[4 * 6 * 6]; /* of at most 6 examples and 2 classes */
    const double time = .01;
    eg_tangent_options apart = EG_TANGENT_OPTIONS_INIT;
    eg_lazy_options o = EG_LAZY_OPTIONS_INIT;
    eg_lazy_end end;
    eg_status s = EG_OK;
    apart.apart = apart.threads = o.threads = 1;
    CALL(eg_tangent_kernel(l, part, &apart, kernel));
    CALL(eg_lazy_kernel_flow(l, part, kernel, &time, 1, &o, NULL, &end));
    CALL(eg_lazy_train(l, part, &time, 1, &o, NULL, &end));
    if (s == EG_OK) (void)eg_tangent_change(kernel, kernel, 4 * 6 * 6);
    return s;
}

static inline eg_status call_gradients(const char *path)
{
    enum { SOME = 6 };
    const eg_task task = { .inputs = CALL_D, .classes = 2, .epochs = 1 };
    int32_t y[SOME];
    const eg_dataset set = { .n = SOME, .d = CALL_D, .x = call_x, .labels = y, .classes = 2 };
    const eg_part all = { &set, NULL, SOME };
    eg_tangent_options o = EG_TANGENT_OPTIONS_INIT;
    eg_jamming_options jamming = EG_JAMMING_OPTIONS_INIT;
    const eg_gradient_noise_options drawn = { sizeof drawn, 2, 3, 1, 1, NULL };
    eg_gradient_noise noise;
    eg_jammed jammed;
    const eg_task image = {
        .inputs = CALL_D, .height = 4, .width = 4, .channels = 1, .classes = 2, .epochs = 1
    };
    eg_learner *l = NULL, *fc = NULL;
    float kernel[SOME * SOME];
    char name[600], part[640];
    double theta;
    eg_status s = EG_OK;
    call_path(path, ".npy", name);
    snprintf(part, sizeof part, "%s.part", name);
    for (size_t i = 0; i < SOME; i++) y[i] = (int32_t)(i % 2);
    o.bytes = 4096;
    o.threads = jamming.threads = 1;
    jamming.steps = 3;
    eg_tangent_relu(.5, 2, NULL, &theta);
    CALL(eg_learner_create(call_network, &task, 1, 1, NULL, &l));
    CALL(eg_tangent_kernel(l, &all, &o, kernel));
    CALL(eg_tangent_kernel_file(l, &all, &o, name));
    CALL(eg_gradient_noise_of(l, &all, &drawn, &noise, NULL));
    CALL(eg_jam(l, &all, &jamming, NULL, &jammed));
    CALL(call_lazy(l, &all));
    eg_learner_destroy(l);
    l = NULL;
    CALL(eg_learner_create("{\"kind\": \"network\", \"layers\": [{\"kind\": \"conv2d\", "
                           "\"channels\": 2}, \"flatten\", \"linear\"]}",
                           &image, 1, 1, NULL, &l));
    CALL(eg_embed_convolutions(l, &fc));
    CALL(eg_embedded_deviation(l, fc, &theta));
    eg_learner_destroy(l);
    eg_learner_destroy(fc);
    unlink(name);
    unlink(part);
    return s;
}

#endif
