/* A signal handler of the host may run at any moment, on the stack of the thread that computes:
 * products and convolutions give the same bits under a storm of them.
 *
 * oneDNN 2.6's products use the stack pointer for data, so that a handler that ran amid one would
 * write over them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <signal.h>
#include <sys/time.h>

#include "engram/operations.h"
#include "engram/tape.h"

enum { SIDE = 384, STORM = 300, PERIOD_US = 500, ROUNDS_MAX = 100000 };

static volatile sig_atomic_t came;

static void handler(int number)
{
    volatile char frame[2048]; /* as a handler that does something */
    for (size_t i = 0; i < sizeof frame; i++) frame[i] = (char)number;
    came++;
}

static void storm(int on)
{
    const struct sigaction of = { .sa_handler = on ? handler : SIG_IGN };
    const struct timeval each = { 0, on ? PERIOD_US : 0 };
    const struct itimerval timer = { each, each };
    if (on) CHECK(sigaction(SIGALRM, &of, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    if (!on) CHECK(sigaction(SIGALRM, &of, NULL) == 0);
}

/* A product, or a convolution, of the same numbers. */
static eg_var compute(eg_tape *t, const float *x, int convolves)
{
    const eg_shape square = eg_shape_of(SIDE, SIDE), images = eg_shape_of(36, 16, 16, 16),
                   filters = eg_shape_of(64, 16, 3, 3);
    eg_window window = EG_WINDOW_INIT;
    eg_tape_reset(t);
    if (convolves)
        return eg_conv(t, eg_input(t, EG_F32, &images, x), eg_input(t, EG_F32, &filters, x),
                       &window);
    const eg_var a = eg_input(t, EG_F32, &square, x);
    return eg_matmul(t, a, eg_swap_axes(t, a, 0, 1));
}

static void results_do_not_see_signals(void **state)
{
    (void)state;
    float *x = malloc(SIDE * SIDE * sizeof *x), *want = NULL;
    eg_random_normal(1, 1, 0, SIDE * SIDE, x);
    for (int convolves = 0; convolves < 2; convolves++)
        for (int threads = 1; threads < 3; threads++) {
            eg_tape *t;
            CHECK_OK(eg_tape_create(threads, NULL, &t));
            eg_var y = compute(t, x, convolves);
            const eg_shape shape = eg_tape_shape(t, y);
            const size_t bytes = eg_shape_size(&shape) * sizeof *want;
            want = realloc(want, bytes);
            memcpy(want, eg_tape_value(t, y), bytes);
            came = 0;
            storm(1);
            for (int i = 0; i < ROUNDS_MAX && came < STORM; i++) {
                y = compute(t, x, convolves);
                if (memcmp(eg_tape_value(t, y), want, bytes) != 0)
                    fail_msg("other numbers after %d signals, %d threads", (int)came, threads);
            }
            storm(0);
            CHECK(came >= STORM);
            eg_tape_destroy(t);
        }
    free(want);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(results_do_not_see_signals) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
