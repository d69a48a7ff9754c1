/* The data of a training run: parts of one set by shares, or sets of their own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/training.h"

static const char *const names[] = { "train", "valid", "test", NULL };

const char *part_name(size_t part)
{
    return part < PARTS ? names[part] : NULL;
}

const char *sibling_part(const char *data, const char *part)
{
    const char *slash = strrchr(data, '/');
    if (path_exists(part) || strpbrk(part, "/.") != NULL || path_exists(data)) return part;
    const size_t n = slash != NULL ? (size_t)(slash - data) : strlen(data);
    return keep_format("%.*s/%s", (int)n, data, part);
}

int labels_are_classes(const struct call *call, const char *name, const eg_dataset *set)
{
    const char *broken = NULL;
    for (size_t k = 0; k < set->classes && set->class_names != NULL; k++) {
        double v;
        if (!parse_number(set->class_names[k], &v)) return EXIT_DONE;
        if (v != floor(v)) broken = set->class_names[k];
    }
    if (broken == NULL || 2 * set->classes <= set->n) return EXIT_DONE;
    return fail_usage(call,
                      "%s: its labels are numbers such as %s, %zu of them on %zu items; expected "
                      "classes: quantities are not learned",
                      name, broken, set->classes, set->n);
}

/* inputs: of a set beside the one trained on, how wide that is; else 0. */
static int read_labelled(const struct call *call, const char *name,
                         const struct reader_options *how, size_t inputs, eg_dataset *out)
{
    eg_read_options read = example_options_of(how);
    read.inputs = inputs;
    const int code = data_read(call, name, &read, out);
    if (code != EXIT_DONE) return code;
    if (out->labels != NULL) return labels_are_classes(call, name, out);
    return fail_usage(call,
                      "%s has no labels: training needs to know what is right "
                      "(--labels FILE, --label-column NAME)",
                      name);
}

/* Of the set's items from[0..n-1]: all classes alike, or whole groups where the set has any. */
static eg_status choose_share(const eg_dataset *set, const size_t *from, size_t n, double share,
                              uint64_t seed, uint32_t *chosen)
{
    void *block = need(n, sizeof(uint32_t));
    int32_t *labels = block;
    uint32_t *group = block;
    for (size_t i = 0; i < n; i++)
        if (set->group != NULL)
            group[i] = set->group[from[i]];
        else
            labels[i] = set->labels[from[i]];
    const eg_status s = set->group != NULL
                            ? eg_split_share_groups(group, n, share, seed, chosen)
                            : eg_split_share(labels, n, set->classes, share, seed, chosen);
    free(block);
    return s;
}

/* A share of what the part PART_TRAIN still has becomes a part of its own. */
static int take_share(const struct call *call, struct training_data *t, const char *data,
                      const char *option, double share, size_t to)
{
    const size_t n = t->part[PART_TRAIN].n;
    size_t *from = t->index[PART_TRAIN], kept = 0, taken = 0;
    /* of the whole set, also where another share was taken before */
    const double of_rest = share * (double)t->set.n / (double)n;
    if (!(share > 0 && of_rest < 1))
        return fail_usage(call, "--%s: expected a share between 0 and 1, got %g", option, share);
    const char *groups = t->set.group != NULL ? ", in whole groups," : "";
    uint32_t *chosen = need(n, sizeof *chosen);
    const eg_status s = choose_share(&t->set, from, n, of_rest, call->common->seed, chosen);
    t->index[to] = need(n, sizeof **t->index);
    for (size_t i = 0; i < n && s == EG_OK; i++) {
        if (chosen[i])
            t->index[to][taken++] = from[i];
        else
            from[kept++] = from[i];
    }
    free(chosen);
    if (s != EG_OK) return fail(s, data);
    if (taken == 0 || kept == 0)
        return fail_usage(call, "--%s: a share of %g of %zu items%s is %s", option, share, n,
                          groups, taken == 0 ? "empty" : "all of them");
    t->part[PART_TRAIN].n = kept;
    t->part[to] = (eg_part){ &t->set, t->index[to], taken };
    t->name[to] = keep_format("a share of %g%s of %s", share, groups, data);
    return EXIT_DONE;
}

/* One of --valid and --test: a share, or a set of its own. */
static int add_part(const struct call *call, struct training_data *t, const char *data,
                    const struct reader_options *how, const char *given, size_t to)
{
    double share;
    if (given == NULL) return EXIT_DONE;
    if (parse_number(given, &share)) return take_share(call, t, data, names[to], share, to);
    struct reader_options other = *how;
    other.labels = NULL; /* are those of the data */
    t->name[to] = sibling_part(data, given);
    const int code = read_labelled(call, t->name[to], &other, t->set.d, &t->other[to]);
    say_too_long(call, t->name[to], &t->other[to]);
    t->part[to] = (eg_part){ &t->other[to], NULL, t->other[to].n };
    return code;
}

/* A set of its own has the inputs and the classes of the one trained on. */
static int agree(const struct call *call, struct training_data *t, size_t part)
{
    eg_dataset *other = &t->other[part];
    const eg_dataset *set = &t->set;
    const eg_task task = task_of_set(&t->set, 1);
    struct model m = { .task = &task,
                       .path = t->name[PART_TRAIN],
                       .shape = { set->height, set->width, set->channels } };
    if (other->x == NULL) return EXIT_DONE;
    for (size_t k = 0; set->class_names != NULL && k < set->classes; k++) {
        if (m.classes == NULL) m.classes = json_array();
        json_array_append_new(m.classes, json_string(set->class_names[k]));
    }
    m.columns = column_names_json(set);
    const int code = model_fit(call, &m, t->name[part], other);
    model_clear(&m);
    if (code == EXIT_DONE) input_apply(&t->input, other);
    return code;
}

int training_data_read(const struct call *call, const char *data, const struct reader_options *how,
                       const struct data_options *o, struct training_data *t)
{
    *t = (struct training_data){ .name = { data } };
    int code = read_labelled(call, data, how, 0, &t->set);
    if (code != EXIT_DONE) return code;
    const size_t n = t->set.n;
    t->index[PART_TRAIN] = need(n, sizeof **t->index);
    for (size_t i = 0; i < n; i++) t->index[PART_TRAIN][i] = i;
    t->part[PART_TRAIN] = (eg_part){ &t->set, t->index[PART_TRAIN], n };
    if (t->set.classes < 2)
        return fail_usage(call, "%s: expected 2 classes or more, got %zu", data, t->set.classes);
    code = add_part(call, t, data, how, o->test, PART_TEST);
    if (code == EXIT_DONE) code = add_part(call, t, data, how, o->valid, PART_VALID);
    if (code != EXIT_DONE) return code;
    const int images = t->set.height * t->set.width != 0;
    t->input = input_fit(&t->set, t->index[PART_TRAIN], t->part[PART_TRAIN].n,
                         o->scale >= 0 ? (enum input_kind)o->scale
                         : images      ? INPUT_UNIT
                                       : INPUT_COLUMNS);
    input_apply(&t->input, &t->set);
    code = agree(call, t, PART_VALID);
    return code == EXIT_DONE ? agree(call, t, PART_TEST) : code;
}

eg_task task_of_set(const eg_dataset *s, size_t epochs)
{
    const int images = s->height * s->width * s->channels == s->d;
    return (eg_task){ .inputs = s->d,
                      .height = images ? s->height : 0,
                      .width = images ? s->width : 0,
                      .channels = images ? s->channels : 0,
                      .classes = s->classes,
                      .epochs = epochs,
                      .bags = s->offset != NULL };
}

void training_data_clear(struct training_data *t)
{
    eg_dataset_clear(&t->set);
    for (size_t p = 0; p < PARTS; p++) {
        eg_dataset_clear(&t->other[p]);
        free(t->index[p]);
    }
    input_clear(&t->input);
    *t = (struct training_data){ 0 };
}
