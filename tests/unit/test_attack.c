/* Attacks against learners whose boundaries are known in closed form. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attack_scene.h"

/* |s_b - s_a| / |w_b - w_a| in the dual norm, of the class b for which it is smallest. */
static double plane_distance(const struct quadratic *m, const float *x, int32_t a, int l2)
{
    double best = INFINITY;
    for (size_t b = 0; b < m->k; b++) {
        double l1 = 0, square = 0;
        for (size_t j = 0; j < m->d; j++) {
            const double w = m->w[b][j] - m->w[a][j];
            l1 += fabs(w);
            square += w * w;
        }
        const double gap = quadratic_score(m, x, (size_t)a) - quadratic_score(m, x, b);
        if (b != (size_t)a) best = fmin(best, gap / (l2 ? sqrt(square) : l1));
    }
    return best;
}

static double norm_between(const float *x, const float *y, size_t d, int l2)
{
    double square = 0, most = 0;
    for (size_t j = 0; j < d; j++) {
        const double apart = (double)x[j] - (double)y[j];
        square += apart * apart;
        most = fmax(most, fabs(apart));
    }
    return l2 ? sqrt(square) : most;
}

/* The two leading scores are equal at the boundary, and it lies between image and end. */
static void check_boundary(const struct scene *s, size_t i)
{
    const float *x = s->boundary + i * s->m.d;
    double first = -INFINITY, second = -INFINITY;
    for (size_t c = 0; c < s->m.k; c++) {
        const double v = quadratic_score(&s->m, x, c);
        second = fmax(second, fmin(v, first));
        first = fmax(first, v);
    }
    CHECK_NEAR(first, second, 1e-5);
    CHECK_NEAR(quadratic_score(&s->m, x, (size_t)s->label[i]), second, 1e-5);
    CHECK_NEAR(s->r[i].boundary_l2, norm_between(x, s->x + i * s->m.d, s->m.d, 1), 1e-9);
    CHECK(s->r[i].boundary_l2 <= s->r[i].l2 + 1e-9);
}

static void deepfool_finds_the_nearest_plane(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, random_planes(1, D, K));
    eg_attack_options o = attack("deepfool");
    o.overshoot = 0.05;
    run(&s, &o);
    for (size_t i = 0; i < N; i++) {
        const double exact = plane_distance(&s.m, s.x + i * D, s.label[i], 1);
        CHECK(s.r[i].success && s.r[i].steps == 1 && s.r[i].crossed == 1);
        CHECK_NEAR(s.r[i].l2, 1.05 * exact, 1e-5 * exact + 1e-7);
        CHECK_NEAR(s.r[i].boundary_l2, exact, 1e-5 * exact + 1e-6);
        CHECK_NEAR(s.r[i].l2, norm_between(s.adversarial + i * D, s.x + i * D, D, 1), 1e-9);
        CHECK_NEAR(s.r[i].linf, norm_between(s.adversarial + i * D, s.x + i * D, D, 0), 1e-9);
        CHECK(s.r[i].before[0] == s.label[i] && s.r[i].after[0] != s.label[i]);
        check_boundary(&s, i);
    }
}

/* kappa is a distance from the plane; who stands on it still gets across. */
static void deepfool_keeps_its_confidence(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, random_planes(1, D, 2));
    eg_attack_options o = attack("deepfool");
    o.confidence = 0.5;
    run(&s, &o);
    for (size_t i = 0; i < N; i++) {
        struct quadratic m = s.m; /* the plane moved away by the confidence */
        m.b[s.label[i]] += 0.5;
        const double exact = 1.02 * plane_distance(&m, s.x + i * D, s.label[i], 1);
        CHECK(s.r[i].success && s.r[i].steps == 1);
        CHECK_NEAR(s.r[i].l2, exact, 1e-5 * exact + 1e-6);
    }
    const struct quadratic edge = { .d = D, .k = 2, .w = { { 0 }, { 1 } }, .b = { 0, -0.5 } };
    set_scene(&s, edge);
    s.x[0] = 0.5f;
    s.label[0] = 0;
    o = attack("deepfool");
    run(&s, &o);
    CHECK(s.r[0].success && s.r[0].l2 > 0 && s.r[0].l2 < 1e-4);
}

static void fgsm_crosses_a_plane_at_its_distance(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, random_planes(2, D, 2));
    eg_attack_options o = attack("fgsm");
    o.eps = 0.3;
    run(&s, &o);
    for (size_t i = 0; i < N; i++) {
        const double exact = plane_distance(&s.m, s.x + i * D, s.label[i], 0);
        CHECK(exact < 0.3 && s.r[i].success && s.r[i].steps == 1);
        CHECK_NEAR(s.r[i].linf, 0.3, 1e-6);
        CHECK_NEAR(s.r[i].boundary_linf, exact, 1e-6);
        check_boundary(&s, i);
    }
}

static void fgsm_takes_the_sign_of_a_quadratic_gradient(void **state)
{
    (void)state;
    struct scene s;
    struct quadratic m = random_planes(3, D, 2);
    m.q[0] = -3;
    m.q[1] = 2;
    set_scene(&s, m);
    eg_attack_options o = attack("fgsm"); /* eps 0.1 of the box's side */
    o.lo = -1;
    run(&s, &o);
    for (size_t i = 0; i < N * D; i++) {
        const size_t a = (size_t)s.label[i / D], b = 1 - a, j = i % D;
        const double g = m.w[b][j] - m.w[a][j] + (m.q[b] - m.q[a]) * (double)s.x[i];
        CHECK_NEAR(s.adversarial[i] - s.x[i], g > 0 ? 0.2 : -0.2, 1e-7);
    }
}

/* s_1 - s_0 = |x - c|^2 - R^2: the way up is the radius. */
static void spheres_are_reached_along_the_radius(void **state)
{
    (void)state;
    const char *const names[] = { "boundary", "deepfool" };
    const double radius = 1.2;
    for (size_t row = 0; row < 2; row++) {
        struct scene s;
        struct quadratic m = { .d = D, .k = 2, .q = { 0, 2 } };
        for (size_t j = 0; j < D; j++) m.w[1][j] = -2 * 0.45;
        m.b[1] = D * 0.45 * 0.45 - radius * radius;
        set_scene(&s, m);
        eg_attack_options o = attack(names[row]);
        o.lo = -1;
        o.hi = 2;
        run(&s, &o);
        for (size_t i = 0; i < N; i++) {
            double square = 0;
            for (size_t j = 0; j < D; j++) square += pow((double)s.x[i * D + j] - 0.45, 2);
            CHECK(s.label[i] == 0 && s.r[i].success && s.r[i].after[0] == 1);
            CHECK_NEAR(s.r[i].boundary_l2, radius - sqrt(square), 1e-5);
            check_boundary(&s, i);
            const double step = 0.002 * 3 * sqrt(D);
            const size_t steps = (size_t)ceil(s.r[i].boundary_l2 / step);
            CHECK(row == 1 || (s.r[i].crossed == steps && s.r[i].steps == steps));
        }
    }
}

/* Against planes PGD gets through exactly where the ball holds a point beyond. */
static void pgd_wins_where_its_ball_holds_the_boundary(void **state)
{
    (void)state;
    for (int l2 = 0; l2 < 2; l2++) {
        struct scene s;
        set_scene(&s, random_planes(4, D, 2));
        eg_attack_options o = attack(l2 ? "pgd-l2" : "pgd-linf");
        o.lo = -10;
        o.hi = 10;
        o.steps = 200;
        for (uint64_t i = 0; i < N; i++) {
            const double exact = plane_distance(&s.m, s.x + i * D, s.label[i], l2);
            const eg_attack_output out = { s.r, s.adversarial, NULL, NULL };
            for (int inside = 0; inside < 2; inside++) {
                o.eps = exact * (inside ? 1.02 : 0.98);
                o.index = &i;
                CHECK_OK(eg_attack_run(&s.l, s.x + i * D, s.label + i, 1, &o, &out));
                CHECK(s.r[0].success == inside);
                CHECK((l2 ? s.r[0].l2 : s.r[0].linf) <= o.eps + 1e-6);
            }
        }
    }
}

static void nothing_leaves_ball_or_box(void **state)
{
    (void)state;
    for (size_t row = 0; eg_attack_row(row) != NULL; row++) {
        struct scene s;
        const eg_attack_info *info = eg_attack_row(row);
        set_scene(&s, random_planes(5, D, K));
        eg_attack_options o = attack(info->name);
        o.lo = 0.38;
        o.hi = 0.62; /* tight: most steps would leave it */
        o.eps = info->eps > 0 ? 0.15 : 0;
        o.confidence = info->step > 0 ? INFINITY : 0;
        o.steps = 60;
        run(&s, &o);
        for (size_t i = 0; i < N * D; i++) {
            CHECK(s.adversarial[i] >= (float)o.lo && s.adversarial[i] <= (float)o.hi);
            CHECK(s.boundary[i] >= (float)o.lo && s.boundary[i] <= (float)o.hi);
        }
        for (size_t i = 0; i < N && o.eps > 0; i++)
            CHECK((strcmp(info->norm, "l2") == 0 ? s.r[i].l2 : s.r[i].linf) <= 0.15 + 1e-6);
    }
}

static void images_do_not_hear_of_each_other(void **state)
{
    (void)state;
    for (size_t row = 0; eg_attack_row(row) != NULL; row++) {
        struct scene s, t;
        set_scene(&s, random_planes(6, D, K));
        set_scene(&t, s.m);
        memset(t.r, 0, sizeof t.r);
        eg_attack_options o = attack(eg_attack_row(row)->name);
        run(&s, &o);
        uint64_t index[N];
        for (size_t i = 0; i < N; i++) { /* the same images in the other order */
            index[i] = N - 1 - i;
            memcpy(t.x + i * D, s.x + index[i] * D, D * sizeof *t.x);
            t.label[i] = s.label[index[i]];
        }
        o.index = index;
        o.batch = 7;
        run(&t, &o);
        for (size_t i = 0; i < N; i++) {
            CHECK_SAME_BITS(t.adversarial + i * D, s.adversarial + index[i] * D, D * sizeof *t.x);
            CHECK_SAME_BITS(t.boundary + i * D, s.boundary + index[i] * D, D * sizeof *t.x);
            CHECK(t.r[i].steps == s.r[index[i]].steps && t.r[i].success == s.r[index[i]].success);
        }
        o.seed = 1; /* of random starts only */
        run(&t, &o);
        const char *name = eg_attack_row(row)->name;
        const int draws = strncmp(name, "pgd", 3) == 0 || strcmp(name, "random") == 0
                          || strcmp(name, "rubbish") == 0 || strcmp(name, "lass") == 0;
        CHECK((memcmp(t.adversarial, s.adversarial + (N - 1) * D, D * sizeof *t.x) != 0) == draws);
    }
}

static void wrong_images_are_left_and_targets_reached(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, random_planes(8, D, K));
    s.label[0] = (s.label[0] + 1) % K;
    eg_attack_options o = attack("boundary");
    run(&s, &o);
    CHECK(s.r[0].success && s.r[0].steps == 0 && s.r[0].crossed == 0 && s.r[0].l2 == 0);
    CHECK(isnan(s.r[0].boundary_l2) && s.r[0].before[0] != s.label[0]);
    CHECK_SAME_BITS(s.adversarial, s.x, D * sizeof *s.x);
    CHECK_SAME_BITS(s.boundary, s.x, D * sizeof *s.x);
    for (size_t row = 0; row < 2; row++) {
        o = attack(row == 0 ? "boundary" : "deepfool");
        o.lo = -3;
        o.hi = 4;
        o.target = 3;
        run(&s, &o);
        for (size_t i = 0; i < N; i++) CHECK(s.r[i].success && s.r[i].after[0] == 3);
    }
}

/* With a confidence the climb goes on behind the boundary, which stays where it was. */
static void confidence_goes_beyond(void **state)
{
    (void)state;
    enum { STEPS = 300 };
    struct scene s, far;
    float *trace = malloc(sizeof *trace * N * (STEPS + 1) * 2);
    CHECK(trace != NULL);
    set_scene(&s, random_planes(9, D, K));
    set_scene(&far, s.m);
    eg_attack_options o = attack("boundary");
    o.steps = STEPS;
    run(&s, &o);
    o.confidence = 0.5;
    far.out.trace = trace;
    run(&far, &o);
    CHECK_SAME_BITS(s.boundary, far.boundary, sizeof s.boundary);
    for (size_t i = 0; i < N; i++) {
        const eg_attack_record *r = &far.r[i];
        const float *t = trace + i * (STEPS + 1) * 2;
        CHECK(r->success && r->crossed == s.r[i].crossed && r->steps > r->crossed);
        CHECK((double)r->score_after[0]
                  - quadratic_score(&s.m, far.adversarial + i * D, (size_t)s.label[i])
              > 0.4999);
        CHECK(s.r[i].l2 < r->l2);
        double sum = 0;
        for (size_t c = 0; c < K; c++)
            sum += exp(quadratic_score(&s.m, s.x + i * D, c) - (double)r->score_before[0]);
        CHECK_NEAR(t[0], -log(sum), 1e-5);
        CHECK_NEAR(t[1] - t[0], r->score_before[1] - r->score_before[0], 1e-5);
        CHECK(t[2 * r->crossed - 2] >= t[2 * r->crossed - 1]);
        CHECK(t[2 * r->crossed] < t[2 * r->crossed + 1]);
        CHECK(t[2 * r->steps + 1] > t[2 * r->crossed + 1]);
        CHECK(r->steps == STEPS || isnan(t[2 * r->steps + 2]));
    }
    free(trace);
}

static void rubbish_is_classed_with_confidence(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, random_planes(10, D, K));
    eg_attack_options o = attack("rubbish");
    o.confidence = 2;
    run(&s, &o);
    for (size_t i = 0; i < N; i++) {
        CHECK(s.r[i].success && s.r[i].after[0] == s.label[i]);
        CHECK(s.r[i].score_after[0] - s.r[i].score_after[1] > 2);
        CHECK(norm_between(s.adversarial + i * D, s.x + i * D, D, 0) > 0.2); /* not the image */
    }
}

/* Each in noise of its own: N different results. */
static void rubbish_begins_anew(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, random_planes(10, D, K));
    const eg_attack_options o = attack("rubbish");
    run(&s, &o);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < i; j++)
            CHECK(memcmp(s.adversarial + i * D, s.adversarial + j * D, D * sizeof *s.x) != 0);
}

/* A flat learner leaves images where their random start is: uniform in the ball. */
static void random_starts_fill_their_ball(void **state)
{
    (void)state;
    const struct quadratic flat = { .d = D, .k = K, .b = { 1, 0, 0, 0, 0 } };
    struct scene s;
    double volume = 0, square = 0;
    set_scene(&s, flat);
    eg_attack_options o = attack("pgd-l2");
    o.lo = -9;
    o.hi = 9;
    o.eps = 2;
    run(&s, &o);
    for (size_t i = 0; i < N; i++) volume += pow(s.r[i].l2 / 2, D) / N;
    CHECK_NEAR(volume, 0.5, 4 / sqrt(12.0 * N));
    o.row = (size_t)eg_attack_find("pgd-linf");
    run(&s, &o);
    for (size_t i = 0; i < N * D; i++)
        square += pow((double)s.adversarial[i] - (double)s.x[i], 2) / (N * D);
    CHECK_NEAR(square, 4.0 / 3, 4 * 1.2 / sqrt(N * D)); /* deviation of the square: 1.19 */
}

/* A control that fails at first may succeed later: its corners are drawn anew. */
static void random_corners_differ(void **state)
{
    (void)state;
    struct scene s;
    size_t late = 0;
    set_scene(&s, random_planes(13, D, K));
    const eg_attack_options o = attack("random");
    run(&s, &o);
    for (size_t i = 0; i < N; i++) late += s.r[i].success && s.r[i].steps > 1;
    CHECK(late > 0);
}

/* The samples within reach of a plane are critical, and those alone (Arpit et al. 2017, definition
 * 2): the search finds it wherever the box of radius r holds it by a tenth. */
static void samples_near_a_plane_are_critical(void **state)
{
    (void)state;
    struct scene s;
    size_t critical = 0, within = 0;
    set_scene(&s, random_planes(14, D, K));
    eg_attack_options o = attack("lass");
    o.eps = 0.005;
    run(&s, &o);
    for (size_t i = 0; i < N; i++) {
        const double exact = plane_distance(&s.m, s.x + i * D, s.label[i], 0);
        critical += (size_t)s.r[i].success;
        within += exact < o.eps;
        CHECK(s.r[i].success ? exact <= o.eps * 1.0001 : exact > o.eps * 0.9);
    }
    CHECK(critical > N / 8 && critical < N - N / 8 && critical <= within);
}

/* A learner that does not look at its inputs cannot be moved. */
static void a_flat_learner_is_reported_as_such(void **state)
{
    (void)state;
    const struct quadratic flat = { .d = D, .k = K, .b = { 1, 0, 0, 0, 0 } };
    for (size_t row = 0; eg_attack_row(row) != NULL; row++) {
        struct scene s;
        set_scene(&s, flat);
        const eg_attack_info *info = eg_attack_row(row);
        const eg_attack_options o = attack(info->name);
        if (strcmp(info->name, "random") == 0 || strcmp(info->name, "rubbish") == 0) continue;
        run(&s, &o);
        if (strcmp(info->name, "lass") == 0) { /* its noise goes on */
            CHECK(!s.r[0].success && !s.r[0].stuck && s.r[0].steps == o.steps + info->steps);
            continue;
        }
        const size_t moved = strncmp(info->name, "pgd", 3) == 0; /* the random start */
        CHECK(!s.r[0].success && s.r[0].stuck && s.r[0].steps == moved);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deepfool_finds_the_nearest_plane),
        cmocka_unit_test(deepfool_keeps_its_confidence),
        cmocka_unit_test(fgsm_crosses_a_plane_at_its_distance),
        cmocka_unit_test(fgsm_takes_the_sign_of_a_quadratic_gradient),
        cmocka_unit_test(spheres_are_reached_along_the_radius),
        cmocka_unit_test(pgd_wins_where_its_ball_holds_the_boundary),
        cmocka_unit_test(nothing_leaves_ball_or_box),
        cmocka_unit_test(images_do_not_hear_of_each_other),
        cmocka_unit_test(wrong_images_are_left_and_targets_reached),
        cmocka_unit_test(confidence_goes_beyond),
        cmocka_unit_test(rubbish_is_classed_with_confidence),
        cmocka_unit_test(rubbish_begins_anew),
        cmocka_unit_test(random_starts_fill_their_ball),
        cmocka_unit_test(random_corners_differ),
        cmocka_unit_test(samples_near_a_plane_are_critical),
        cmocka_unit_test(a_flat_learner_is_reported_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
