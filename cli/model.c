/* Models: notes may be anybody's, so that each is checked, and one that does not parse is as good
 * as none. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_text.h"

static const char *const input_names[] = { "none", "unit", "columns", NULL };

const char *input_name(size_t kind)
{
    return kind < INPUT_COUNT ? input_names[kind] : NULL;
}

/* Without memory the columns stay as they are; the fit that follows fails and says so. */
static void fit_columns(const eg_dataset *set, const size_t *index, size_t n, struct input *input)
{
    input->shift = need_floats(set->d, 1);
    input->scale = need_floats(set->d, 1);
    if (eg_dataset_columns(set, index, n, input->shift, input->scale) == EG_OK) return;
    for (size_t j = 0; j < set->d; j++) input->shift[j] = 0, input->scale[j] = 1;
}

struct input input_fit(const eg_dataset *set, const size_t *index, size_t n, enum input_kind kind)
{
    const struct scaling s = scaling_of(set, SCALING_NONE);
    struct input input = { kind, s.black, s.white, set->d, NULL, NULL };
    if (kind == INPUT_COLUMNS) fit_columns(set, index, n, &input);
    return input;
}

void input_apply(const struct input *input, eg_dataset *set)
{
    if (input->kind == INPUT_UNIT)
        eg_dataset_scale(set, (float)input->low, (float)(1 / (input->high - input->low)));
    if (input->kind == INPUT_COLUMNS) eg_dataset_scale_columns(set, input->shift, input->scale);
}

const char *input_words(const struct input *input)
{
    return input->kind == INPUT_UNIT      ? keep_format("%g..%g -> 0..1", input->low, input->high)
           : input->kind == INPUT_COLUMNS ? "each column to mean 0, standard deviation 1"
                                          : "as in the file";
}

const char *bag_sizes(const eg_dataset *set)
{
    size_t least = SIZE_MAX, most = 0;
    if (set->offset == NULL) return NULL;
    for (size_t i = 0; i < set->n; i++) {
        const size_t rows = set->offset[i + 1] - set->offset[i];
        least = rows < least ? rows : least;
        most = rows > most ? rows : most;
    }
    return keep_format("%zu rows, %zu to %zu a bag", eg_dataset_rows(set), least, most);
}

void input_clear(struct input *input)
{
    free(input->shift);
    free(input->scale);
    *input = (struct input){ .kind = INPUT_NONE };
}

static json_t *floats_json(const float *v, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_real((double)v[i]));
    return list;
}

static const char *input_note(const struct input *input)
{
    json_t *j = json_pack("{s:s,s:f,s:f}", "kind", input_names[input->kind], "low", input->low,
                          "high", input->high);
    if (input->kind == INPUT_COLUMNS) {
        json_object_set_new(j, "shift", floats_json(input->shift, input->d));
        json_object_set_new(j, "scale", floats_json(input->scale, input->d));
    }
    const char *text = keep(json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(9)));
    json_decref(j);
    return text;
}

/* (D) finite numbers, or NULL. */
static float *floats_of(const json_t *list, size_t d)
{
    if (json_array_size(list) != d) return NULL;
    float *v = need_floats(d, 1);
    for (size_t i = 0; i < d; i++) {
        v[i] = (float)json_number_value(json_array_get(list, i));
        if (json_is_number(json_array_get(list, i)) && isfinite(v[i])) continue;
        free(v);
        return NULL;
    }
    return v;
}

/* 1 when the note is one for D inputs. */
static int input_parse(const char *note, size_t d, struct input *out)
{
    json_t *j = note != NULL ? json_loads(note, 0, NULL) : NULL;
    const char *kind = json_string_value(json_object_get(j, "kind"));
    struct input input = { .kind = INPUT_NONE,
                           .low = json_number_value(json_object_get(j, "low")),
                           .high = json_number_value(json_object_get(j, "high")),
                           .d = d };
    while (kind != NULL && input.kind < INPUT_COUNT && strcmp(input_names[input.kind], kind) != 0)
        input.kind++;
    int ok = kind != NULL && input.kind < INPUT_COUNT && input.high > input.low;
    if (ok && input.kind == INPUT_COLUMNS) {
        input.shift = floats_of(json_object_get(j, "shift"), d);
        input.scale = floats_of(json_object_get(j, "scale"), d);
        ok = input.shift != NULL && input.scale != NULL;
    }
    json_decref(j);
    if (ok)
        *out = input;
    else
        input_clear(&input);
    return ok;
}

static struct look look_of_set(const eg_dataset *set, const struct scaling *drawing)
{
    const struct shape shape = { set->height, set->width, set->channels };
    return look_of_pictures(&shape, drawing, set->x, set->n);
}

/* The inputs that are drawn black and white. */
static struct scaling drawing_of(const struct input *input)
{
    const int unit = input->kind == INPUT_UNIT;
    return (struct scaling){ SCALING_NONE, unit ? 0 : input->low, unit ? 1 : input->high, 0 };
}

json_t *column_names_json(const eg_dataset *set)
{
    if (set->column_names == NULL) return NULL;
    json_t *names = json_array();
    for (size_t j = 0; j < set->d; j++)
        json_array_append_new(names, json_string(set->column_names[j]));
    if (json_array_size(names) == set->d) return names;
    json_decref(names);
    return NULL;
}

/* (D) names, or NULL. */
static json_t *columns_parse(const char *note, size_t d)
{
    json_t *names = note != NULL ? json_loads(note, 0, NULL) : NULL;
    size_t k = 0;
    while (k < d && json_is_string(json_array_get(names, k))) k++;
    if (names != NULL && k == d && json_array_size(names) == d) return names;
    json_decref(names);
    return NULL;
}

eg_status model_note(eg_learner *l, const struct input *input, const eg_dataset *set,
                     const char *data)
{
    const struct shape shape = { set->height, set->width, set->channels };
    eg_status s = eg_learner_set_note(l, "input", input_note(input));
    if (s == EG_OK) s = eg_learner_set_note(l, "data", data);
    json_t *columns = s == EG_OK ? column_names_json(set) : NULL;
    if (columns != NULL)
        s = eg_learner_set_note(l, "columns", keep(json_dumps(columns, JSON_COMPACT)));
    json_decref(columns);
    if (s == EG_OK && set->class_names != NULL) {
        json_t *names = json_array();
        for (size_t k = 0; k < set->classes; k++)
            json_array_append_new(names, json_string(set->class_names[k]));
        s = eg_learner_set_note(l, "classes", keep(json_dumps(names, JSON_COMPACT)));
        json_decref(names);
    }
    if (s != EG_OK || !shape_drawable(&shape, set->d)) return s;
    const struct scaling drawing = drawing_of(input);
    const struct look k = look_of_set(set, &drawing);
    return eg_learner_set_note(l, "look",
                               keep_format("[%.6g, %.6g, %.6g, %.6g, %.6g]", k.paper, k.margin[0],
                                           k.margin[1], k.margin[2], k.margin[3]));
}

void model_of_learner(eg_learner *l, const char *path, struct model *m)
{
    const eg_task *task = eg_learner_task(l);
    const char *classes = eg_learner_note(l, "classes"), *look = eg_learner_note(l, "look");
    *m = (struct model){ .learner = l, .task = task, .path = path };
    m->shape = (struct shape){ task->height, task->width, task->channels };
    if (!input_parse(eg_learner_note(l, "input"), task->inputs, &m->input))
        m->input = (struct input){ INPUT_NONE, 0, 1, task->inputs, NULL, NULL };
    m->drawing = drawing_of(&m->input);
    m->classes = classes != NULL ? json_loads(classes, 0, NULL) : NULL;
    m->columns = columns_parse(eg_learner_note(l, "columns"), task->inputs);
    json_t *numbers = look != NULL ? json_loads(look, 0, NULL) : NULL;
    float *v = numbers != NULL ? floats_of(numbers, 5) : NULL;
    if (v != NULL && shape_drawable(&m->shape, task->inputs)) {
        m->has_look = 1;
        m->look.paper = (double)v[0];
        for (size_t k = 0; k < 4; k++) m->look.margin[k] = (double)v[k + 1];
    }
    free(v);
    json_decref(numbers);
}

int model_open(const struct call *call, const char *path, struct model *m)
{
    eg_learner *l = NULL;
    *m = (struct model){ .path = path };
    const eg_status s = eg_learner_open(path, call->common->threads, NULL, &l);
    if (s != EG_OK) return fail(s, path);
    model_of_learner(l, path, m);
    return EXIT_DONE;
}

void model_clear(struct model *m)
{
    input_clear(&m->input);
    json_decref(m->classes);
    json_decref(m->columns);
    m->classes = m->columns = NULL;
}

void model_close(struct model *m)
{
    model_clear(m);
    eg_learner_destroy(m->learner);
    m->learner = NULL;
}

const char *model_class(const struct model *m, size_t k)
{
    const char *name = json_string_value(json_array_get(m->classes, k));
    return name != NULL ? keep_format("%s", name) : keep_format("%zu", k);
}

/* The class of the model that has this name, or its number of classes. */
static size_t class_of(const struct model *m, const char *name)
{
    size_t k = 0;
    while (k < m->task->classes && strcmp(model_class(m, k), name) != 0) k++;
    return k;
}

static int fit_labels(const struct call *call, const struct model *m, const char *name,
                      eg_dataset *set)
{
    size_t *to = need(set->classes, sizeof *to);
    int code = EXIT_DONE;
    for (size_t k = 0; k < set->classes; k++)
        to[k] = class_of(m, set->class_names ? set->class_names[k] : keep_format("%zu", k));
    for (size_t i = 0; i < set->n && code == EXIT_DONE; i++) {
        const size_t k = (size_t)set->labels[i];
        if (to[k] == m->task->classes)
            code =
                fail_usage(call, "%s: item %zu is of class %s, which is none of the %zu of %s",
                           name, i, set->class_names ? set->class_names[k] : keep_format("%zu", k),
                           m->task->classes, m->path);
        set->labels[i] = (int32_t)to[k];
    }
    free(to);
    return code;
}

/* Columns from[k] of a set become its columns k. */
static void permute_columns(const size_t *from, eg_dataset *set)
{
    const size_t d = set->d, rows = eg_dataset_rows(set);
    float *row = need_floats(d, 1);
    char **name = need(d, sizeof *name);
    memcpy(name, set->column_names, d * sizeof *name);
    for (size_t k = 0; k < d; k++) set->column_names[k] = name[from[k]];
    for (size_t i = 0; i < rows; i++) {
        memcpy(row, set->x + i * d, d * sizeof *row);
        for (size_t k = 0; k < d; k++) set->x[i * d + k] = row[from[k]];
    }
    free(row);
    free(name);
}

/* place: the columns of the set by name; those of the model are taken out of it. */
static int match_columns(const struct call *call, const struct model *m, const char *name,
                         json_t *place, eg_dataset *set)
{
    const size_t d = m->task->inputs;
    const char *absent = NULL;
    size_t *from = need(d, sizeof *from), moved = 0;
    for (size_t k = 0; k < d; k++) {
        const char *column = json_string_value(json_array_get(m->columns, k));
        const json_t *at = json_object_get(place, column);
        if (at == NULL && absent == NULL) absent = column;
        from[k] = at != NULL ? (size_t)json_integer_value(at) : 0;
        moved += from[k] != k;
        json_object_del(place, column);
    }
    const char *more = json_object_iter_key(json_object_iter(place));
    int code = EXIT_DONE;
    if (absent != NULL)
        code = fail_usage(call, "%s: no column \"%s\", which %s was trained on%s%s%s", name, absent,
                          m->path, more ? "; it has \"" : "", more ? more : "",
                          more ? "\", which the model does not know" : "");
    else if (more != NULL)
        code = fail_usage(call,
                          "%s: column \"%s\" is none of the %zu that %s was trained on: --skip "
                          "leaves it out",
                          name, more, d, m->path);
    if (code == EXIT_DONE && moved > 0) {
        permute_columns(from, set);
        say(call, "columns of %s put in the order of %s, by their names", name, m->path);
    }
    free(from);
    return code;
}

/* Where both know names of columns, these say which is which; else their order does. */
static int fit_columns_by_name(const struct call *call, const struct model *m, const char *name,
                               eg_dataset *set)
{
    json_t *own = m->columns != NULL ? column_names_json(set) : NULL;
    if (own == NULL) return EXIT_DONE;
    json_t *place = json_object();
    for (size_t j = 0; j < set->d; j++)
        json_object_set_new(place, set->column_names[j], json_integer((json_int_t)j));
    const int code = match_columns(call, m, name, place, set);
    json_decref(place);
    json_decref(own);
    return code;
}

int model_fit(const struct call *call, const struct model *m, const char *name, eg_dataset *set)
{
    const struct shape shape = { set->height, set->width, set->channels };
    const int code = fit_columns_by_name(call, m, name, set);
    if (code != EXIT_DONE) return code;
    if (set->d != m->task->inputs)
        return fail_usage(call, "%s: items of %s, %s takes %s", name, shape_words(&shape, set->d),
                          m->path, shape_words(&m->shape, m->task->inputs));
    if ((set->offset != NULL) != (m->task->bags != 0))
        return fail_usage(call, "%s: items are %s, %s takes %s (--bag-column)", name,
                          set->offset != NULL ? "bags" : "vectors", m->path,
                          m->task->bags ? "bags" : "vectors");
    return set->labels != NULL ? fit_labels(call, m, name, set) : EXIT_DONE;
}

void say_too_long(const struct call *call, const char *name, const eg_dataset *set)
{
    if (set->too_long == 0) return;
    say(call,
        "note    %s: %zu sequences of more than %zu letters, as the model takes, are left out",
        name, set->too_long, set->d);
}

static int read_at(const struct call *call, const struct model *m, const char *path,
                   const char *name, const struct cue_options *o, const eg_read_options *given,
                   eg_dataset *out)
{
    eg_read_options read = *given;
    struct treatment t;
    if (!m->task->bags) read.bag_column = NULL;
    read.inputs = m->task->inputs;
    treatment_begin(&t, &m->shape, m->has_look ? &m->look : NULL, o, &read);
    int code = path_exists(path) ? data_read_file(call, path, name, &read, out)
                                 : data_read(call, path, &read, out);
    if (code != EXIT_DONE) return code;
    if (t.pictures > 0 && !m->has_look)
        code = fail_usage(call, "%s holds pictures, %s takes %s, not pictures", name, m->path,
                          shape_words(&m->shape, m->task->inputs));
    if (code == EXIT_DONE) code = model_fit(call, m, name, out);
    if (code == EXIT_DONE) say_too_long(call, name, out);
    if (code != EXIT_DONE) {
        eg_dataset_clear(out);
        return code;
    }
    treatment_say(&t, call, name);
    const struct scaling file = { SCALING_NONE, m->input.low, m->input.high, 0 };
    if (t.pictures > 0) scaling_of_pixels(&file, out->x, out->n, out->d);
    input_apply(&m->input, out);
    return EXIT_DONE;
}

int model_read(const struct call *call, const struct model *m, const char *name,
               const struct cue_options *o, const eg_read_options *read, eg_dataset *out)
{
    if (strcmp(name, "-") != 0) return read_at(call, m, name, name, o, read, out);
    const char *path = path_of_stdin();
    if (path == NULL) return EXIT_IO;
    const int code = read_at(call, m, path, "standard input", o, read, out);
    unlink(path);
    return code;
}
