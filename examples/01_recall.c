/* Recall: letters of 5 x 7 dots are stored, one with every fourth dot wrong is given, and the
 * certificate says what is known about the answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <engram/engram.h>

enum { ROWS = 7, COLUMNS = 5, D = ROWS * COLUMNS, N = 4 };

static const char letters[N][D + 1] = {
    ".###.#...##...#######...##...##...#", /* A */
    "#....#....#....#....#....#....#####", /* L */
    "#####..#....#....#....#....#....#..", /* T */
    "#...##...#.#.#...#...#.#.#...##...#", /* X */
};

static void draw(const char *title, const float *x)
{
    printf("%s\n", title);
    for (int i = 0; i < D; i++) printf("%c%s", x[i] > 0 ? '#' : '.', i % COLUMNS == 4 ? "\n" : "");
}

int main(void)
{
    float patterns[N][D], x[D];
    for (int n = 0; n < N; n++)
        for (int i = 0; i < D; i++) patterns[n][i] = letters[n][i] == '#' ? 1 : -1;
    for (int i = 0; i < D; i++) x[i] = i % 4 == 1 ? -patterns[0][i] : patterns[0][i];
    draw("cue", x);

    /* x <- sign(sum_i max(<xi_i, x>, 0)^2 xi_i): a dense associative memory of order 3 */
    eg_memory_options options = EG_MEMORY_OPTIONS_INIT;
    options.rule.separation = EG_SEP_RECTIFIED;
    options.rule.order = 3;
    options.rule.projection = EG_PROJ_SIGN;
    eg_memory *m = NULL;
    eg_certificate c = { 0 };
    if (eg_memory_create(D, &options, &m) != EG_OK
        || eg_memory_add(m, &patterns[0][0], N, NULL) != EG_OK
        || eg_memory_recall(m, x, 1, NULL, x, &c) != EG_OK) {
        fprintf(stderr, "%s\n", eg_error_detail());
        eg_memory_destroy(m);
        return 1;
    }
    draw("recalled", x);
    printf("%s after %zu steps, energy %.0f -> %.0f, memory %zu with overlap %.2f%s\n",
           c.converged ? "at rest" : "still moving", c.steps, c.energy_before, c.energy_after,
           c.nearest, c.overlap, c.exact ? ", exactly" : "");
    eg_memory_destroy(m);
    return c.converged && c.exact && c.nearest == 0 && c.energy_after < c.energy_before ? 0 : 1;
}
