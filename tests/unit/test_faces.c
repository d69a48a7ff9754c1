/* Drawn faces: what they are made of, and that nothing else depends on the glasses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/faces.h"

enum { N = 300, SIDE = 16, D = SIDE * SIDE };

static eg_faces_options small(void)
{
    eg_faces_options o = EG_FACES_OPTIONS_INIT;
    o.n = N;
    o.people = 4;
    o.side = SIDE;
    return o;
}

static void a_face_is_what_it_was_drawn_from(void **state)
{
    (void)state;
    static eg_face face[N];
    eg_faces_options o = small();
    eg_dataset set;
    float x[D];
    double square = 0, glasses = 0;
    assert_int_equal(eg_faces_draw(&o, face, &set), EG_OK);
    assert_int_equal(set.classes, 36);
    assert_true(set.height == SIDE && set.width == SIDE && set.channels == 1 && set.d == D);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(set.labels[i], face[i].place * 4 + face[i].who);
        assert_true(fabs((double)face[i].across - o.stride * ((double)(face[i].place % 3) - 1))
                    <= o.jitter + 1e-6);
        eg_face_draw(&o, &face[i], x);
        glasses += face[i].glasses;
        for (size_t k = 0; k < D; k++) {
            const double by = (double)set.x[i * D + k] - (double)x[k];
            square += by * by / N / D;
            assert_true(x[k] > -0.05F && x[k] < 1.05F);
        }
    }
    assert_true(fabs(sqrt(square) - o.noise) < 0.02 * o.noise); /* the rest is noise alone */
    assert_true(fabs(glasses / N - 0.5) < 0.1);
    eg_dataset_clear(&set);
}

/* Glasses are added: their mask is the same on and off, darkens alone, and goes where the face
 * goes. */
static void glasses_are_a_mask_that_moves_with_the_face(void **state)
{
    (void)state;
    const eg_faces_options o = small();
    float off[D], on[D], moved[D], moved_on[D];
    for (uint32_t who = 0; who < 4; who++) {
        eg_face f = { .who = who };
        double size = 0;
        eg_face_draw(&o, &f, off);
        f.glasses = 1;
        eg_face_draw(&o, &f, on);
        f.across = 2;
        f.down = 1;
        eg_face_draw(&o, &f, moved_on);
        f.glasses = 0;
        eg_face_draw(&o, &f, moved);
        for (size_t i = 0; i < D; i++) {
            assert_true(on[i] <= off[i]);
            size += (double)(off[i] - on[i]);
            if (i / SIDE >= 1 && i % SIDE >= 2)
                assert_true(fabsf((moved_on[i] - moved[i]) - (on[i - SIDE - 2] - off[i - SIDE - 2]))
                            < 1e-5F);
        }
        assert_true(size > 2);
    }
}

static void sets_are_functions_of_the_seed(void **state)
{
    (void)state;
    eg_faces_options o = small();
    eg_dataset one, more, other;
    assert_int_equal(eg_faces_draw(&o, NULL, &one), EG_OK);
    o.n = 2 * N;
    assert_int_equal(eg_faces_draw(&o, NULL, &more), EG_OK);
    assert_memory_equal(one.x, more.x, N * D * sizeof(float)); /* the first of a larger set */
    o.seed = 1;
    assert_int_equal(eg_faces_draw(&o, NULL, &other), EG_OK);
    assert_memory_not_equal(more.x, other.x, N * D * sizeof(float));
    eg_dataset_clear(&one);
    eg_dataset_clear(&more);
    eg_dataset_clear(&other);
}

static void what_cannot_be_drawn_is_refused(void **state)
{
    (void)state;
    eg_dataset set;
    for (int i = 0; i < 5; i++) {
        eg_faces_options o = small();
        if (i == 0) o.n = 0;
        if (i == 1) o.side = 7;
        if (i == 2) o.places = 10;
        if (i == 3) o.noise = NAN;
        if (i == 4) o.people = 0;
        assert_int_equal(eg_faces_draw(&o, NULL, &set), EG_ERR_INVALID);
    }
    assert_int_equal(eg_faces_draw(NULL, NULL, NULL), EG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_face_is_what_it_was_drawn_from),
        cmocka_unit_test(glasses_are_a_mask_that_moves_with_the_face),
        cmocka_unit_test(sets_are_functions_of_the_seed),
        cmocka_unit_test(what_cannot_be_drawn_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
