/* Hopfield layers at their edges: masks that are columns of the input, a fixed point whose gradient
 * does not settle, tables that no machine holds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hopfield_net.h"

#include "engram/learner.h"

enum { N = 3, D = 2, IN = N * D + N, K = 2 }; /* patterns, then one column a pattern: not 0 hides */

/* Columns 6, 7, 8 of the input are the padding of three patterns of two components. */
static void a_mask_may_be_columns_of_the_input(void **state)
{
    (void)state;
    static const char spec[] =
        "{\"kind\": \"network\", \"layers\": ["
        "{\"kind\": \"slice\", \"name\": \"mask\", \"begin\": 6, \"from\": \"input\"},"
        "{\"kind\": \"slice\", \"name\": \"flat\", \"count\": 6, \"from\": \"input\"},"
        "{\"kind\": \"reshape\", \"name\": \"set\", \"shape\": [3, 2]},"
        "{\"kind\": \"hopfield_pooling\", \"initialiser\": \"xavier_uniform\", "
        "\"normalize_stored_pattern\": false, \"normalize_pattern_projection\": false, "
        "\"masks\": \"padding\", \"from\": [\"set\", \"mask\"]}, \"linear\"]}";
    const eg_task task = { .inputs = IN, .classes = K, .epochs = 1 };
    float x[4][IN] = { { 1, 2, -1, 0.5f, 3, -2, 0, 0, 0 }, { 0 } };
    float z[4][K];
    eg_learner *l = NULL;
    memcpy(x[1], x[0], sizeof x[0]);
    x[1][5] = 7; /* seen */
    memcpy(x[2], x[0], sizeof x[0]);
    x[2][8] = 1; /* the last pattern is hidden, */
    memcpy(x[3], x[2], sizeof x[0]);
    x[3][5] = 7; /* whatever it is */
    CHECK_OK(eg_learner_create(spec, &task, 3, 1, NULL, &l));
    CHECK_OK(eg_learner_scores(l, x[0], 4, z[0]));
    CHECK(fabsf(z[0][0] - z[1][0]) > 1e-4f && fabsf(z[0][0] - z[2][0]) > 1e-4f);
    CHECK_SAME_BITS(z[2], z[3], sizeof z[2]);
    eg_learner_destroy(l);
    const eg_task narrow = { .inputs = 6, .classes = K, .epochs = 1 };
    CHECK_STATUS(eg_learner_create(spec, &narrow, 3, 1, NULL, &l), EG_ERR_SHAPE);
    CHECK(strstr(eg_error_detail(), "0 from 6 on, of an axis of 6") != NULL);
}

/* Between two patterns beta is too high for the mean to be stable, and one update has not left it:
 * u <- g + J u grows without bound, and is not taken for a value that rests once it is infinite. */
static void a_gradient_that_diverges_is_told(void **state)
{
    (void)state;
    const struct value stored = { eg_shape_of(1, 2, 1), { 30, -30 } },
                       query = { eg_shape_of(1, 1, 1), { 1e-9 } };
    struct net n;
    eg_var dx;
    CHECK_OK(open_net(&n, "{\"kind\": \"recall\", \"scaling\": 0.03, \"update_steps_max\": 1, "
                          "\"implicit\": true, \"from\": [\"input\", \"input\"]}"));
    const eg_var y = apply(&n, (const struct value *[]){ &stored, &query }, 2, 1);
    CHECK_OK(eg_tape_status(n.s.t));
    CHECK_STATUS(eg_tape_gradient(n.s.t, y, y, n.in, 1, EG_GRADIENT_RELEASE, &dx), EG_ERR_DIVERGED);
    CHECK(strstr(eg_error_detail(), "has not settled") != NULL);
    close_net(&n);
}

/* 10^9 patterns of 9 numbers: refused before anything of the size is asked for. */
static void a_table_that_no_machine_holds_is_refused(void **state)
{
    (void)state;
    const eg_task task = { .inputs = IN, .classes = K, .epochs = 1 };
    eg_learner *l = NULL;
    CHECK_STATUS(eg_learner_create("{\"kind\": \"network\", \"layers\": [{\"kind\": "
                                   "\"hopfield_layer\", \"name\": \"memory\", \"quantity\": "
                                   "1000000000}, \"linear\"]}",
                                   &task, 3, 1, NULL, &l),
                 EG_ERR_LIMIT);
    CHECK(strstr(eg_error_detail(), "memory.lookup_weights would be (1, 1000000000, 9)") != NULL);
    CHECK_STATUS(eg_learner_create("{\"kind\": \"network\", \"hidden\": [1000000000]}", &task, 3, 1,
                                   NULL, &l),
                 EG_ERR_LIMIT);
    CHECK(strstr(eg_error_detail(), "fc1.weight would be") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mask_may_be_columns_of_the_input),
        cmocka_unit_test(a_gradient_that_diverges_is_told),
        cmocka_unit_test(a_table_that_no_machine_holds_is_refused),
    };
    return cmocka_run_group_tests_name("hopfield_limits", tests, NULL, NULL);
}
