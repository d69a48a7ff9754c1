/* Weights as pictures and confusions as a table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/drawn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"

static struct shape shape_of_rows(const eg_param *p, const eg_task *task)
{
    const size_t *dim = p->shape.dim;
    if (p->shape.rank == 2 && dim[1] == task->inputs)
        return (struct shape){ task->height, task->width, task->channels };
    if (p->shape.rank == 4) return (struct shape){ dim[2], dim[3], dim[1] };
    return (struct shape){ 0, 0, 0 };
}

static size_t row_size(const eg_param *p)
{
    return eg_shape_size(&p->shape) / p->shape.dim[0];
}

const eg_param *drawn_param(eg_learner *l)
{
    const eg_param *p;
    for (size_t i = 0; (p = eg_params_at(eg_learner_params(l), i)) != NULL; i++) {
        const struct shape s = shape_of_rows(p, eg_learner_task(l));
        if (p->dtype == EG_F32 && p->shape.rank >= 2 && s.height > 2 && s.width > 2
            && shape_drawable(&s, row_size(p)))
            return p;
    }
    return NULL;
}

const char *drawn_words(eg_learner *l, const eg_param *p)
{
    return eg_dam_count(l) > 0 ? "The memories"
                               : keep_format("The weights of the first layer (%s)", p->name);
}

eg_status drawn_sheet(const eg_param *p, const struct model *m, size_t most, eg_image *out,
                      size_t *n)
{
    const struct scaling stretched = { SCALING_UNIT, -1, 1, 0 };
    const struct shape shape = shape_of_rows(p, m->task);
    const size_t d = row_size(p), count = p->shape.dim[0] < most ? p->shape.dim[0] : most;
    const size_t columns = count < 10 ? count : 10;
    eg_image *images = need(count, sizeof *images);
    eg_status s = EG_OK;
    size_t made = 0;
    while (made < count && s == EG_OK) {
        s = picture_of_state(&shape, &stretched, (const float *)p->value + made * d, &images[made]);
        made += s == EG_OK;
    }
    if (s == EG_OK) s = picture_sheet(images, count, columns, 56, out);
    for (size_t i = 0; i < made; i++) eg_image_clear(&images[i]);
    free(images);
    if (s == EG_OK) *n = count;
    return s;
}

void confusion_table(const struct model *m, const eg_scored *s, struct table *t)
{
    const size_t k = s->classes;
    struct column *columns = (struct column *)(void *)keep(need(k + 2, sizeof *columns));
    columns[0] = (struct column){ "class", NULL };
    for (size_t a = 0; a < k; a++) columns[a + 1] = (struct column){ model_class(m, a), "%.0f" };
    columns[k + 1] = (struct column){ "right_%", "%.1f" };
    table_begin(t, "Confusions: a row for each class, a column for each answer", columns, k + 2);
    for (size_t c = 0; c < k; c++) {
        double all = 0;
        table_word(t, "%s", model_class(m, c));
        for (size_t a = 0; a < k; a++) {
            table_number(t, (double)s->confusion[c * k + a]);
            all += (double)s->confusion[c * k + a];
        }
        table_number(t, all > 0 ? 100 * (double)s->confusion[c * k + c] / all : (double)NAN);
    }
}

size_t best_class(const float *scores, size_t k)
{
    size_t best = 0;
    for (size_t i = 1; i < k; i++)
        if (scores[i] > scores[best]) best = i;
    return best;
}
