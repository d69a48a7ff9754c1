/* engram measure scatter: the scattering transform of pictures, as an array of numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/measure.h"
#include "cli/stored.h"

/* Pictures at once: what is on the tape is their input and output alone. */
enum { AT_ONCE = 64 };

struct scatter {
    const struct call *call;
    const eg_dataset *set;
    eg_scattering_options how;
    size_t columns;
    float *out; /* (n, columns) */
};

static eg_status some(const struct scatter *s, eg_tape *t, size_t from)
{
    const eg_dataset *set = s->set;
    const size_t n = set->n - from < AT_ONCE ? set->n - from : AT_ONCE;
    const eg_shape shape = eg_shape_of(n, set->channels, set->height, set->width);
    eg_tape_reset(t);
    const eg_var y = eg_scattering(t, eg_input(t, EG_F32, &shape, set->x + from * set->d), &s->how);
    const float *v = eg_tape_value(t, y);
    if (v == NULL) return eg_tape_status(t);
    memcpy(s->out + from * s->columns, v, n * s->columns * sizeof *v);
    return EG_OK;
}

static eg_status all(const struct scatter *s)
{
    struct bar bar;
    eg_tape *t = NULL;
    const eg_progress progress = bar_begin(&bar, s->call);
    eg_status status = eg_tape_create(s->call->common->threads, NULL, &t);
    for (size_t i = 0; i < s->set->n && status == EG_OK; i += AT_ONCE) {
        status = some(s, t, i);
        if (progress.report != NULL && status == EG_OK
            && progress.report(progress.user, "pictures", i, s->set->n) != 0)
            status = EG_ERR_INTERRUPTED;
    }
    eg_tape_destroy(t);
    bar_end(&bar);
    return status;
}

static int write_all(struct scatter *s)
{
    const char *to = s->call->common->output;
    s->out = need(s->set->n * s->columns, sizeof *s->out);
    eg_status status = all(s);
    if (status == EG_OK) status = eg_npy_write(to, s->out, s->set->n, s->columns);
    free(s->out);
    if (status != EG_OK) return fail(status, NULL);
    json_t *r =
        json_pack("{s:s,s:I,s:I,s:I}", "file", to, "pictures", (json_int_t)s->set->n, "channels",
                  (json_int_t)(eg_scattering_channels(&s->how)), "numbers", (json_int_t)s->columns);
    print_record(s->call, r);
    json_decref(r);
    return EXIT_DONE;
}

int measure_scatter(const struct call *call, const char *name)
{
    const struct measure *o = call->options;
    const eg_read_options read = read_options_of(&o->reader);
    eg_dataset set;
    struct scatter s = { .call = call, .set = &set };
    s.how = (eg_scattering_options){ sizeof s.how, o->j, o->angles, o->order, o->rounded_pi };
    if (call->common->output == NULL)
        return fail_usage(call, "-o FILE.npy says where the coefficients go");
    int code = data_read(call, name, &read, &set);
    if (code != EXIT_DONE) return code;
    const size_t side = (size_t)1 << o->j;
    if (set.height < side || set.width < side)
        code = fail_usage(call, "%s: items of %zu x %zu, expected pictures of at least %zu x %zu",
                          name, set.height, set.width, side, side);
    s.columns =
        set.channels * eg_scattering_channels(&s.how) * (set.height / side) * (set.width / side);
    if (code == EXIT_DONE) code = write_all(&s);
    eg_dataset_clear(&set);
    return code;
}
