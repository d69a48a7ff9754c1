/* A learner in a file: its parameters, and in __metadata__
 *   "learner"  its specification       "task"  {"inputs": ..., "classes": ...}
 *   "seed"     decimal
 * which is what a learner is made of again; "hash", XXH3-64 of these, the notes and the arrays, by
 * which damage is known; every other word is a note of eg_learner_set_note. A file without a hash
 * (made by other programs) is taken as it is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/egi_bounded.h"
#include "base/egi_file.h"
#include "model/egi_learner_file.h"
#include "tensor/egi_params.h"

#define FIELD(name)                                                                            \
    {                                                                                          \
        { #name, "count", "0", "" }, EGI_SETTING_COUNT, offsetof(eg_task, name), 0, 1e15, NULL \
    }

static const struct egi_setting fields[] = {
    FIELD(inputs),  FIELD(height),
    FIELD(width),   FIELD(channels),
    FIELD(classes), FIELD(epochs),
    FIELD(bags),    { { NULL, NULL, NULL, NULL }, EGI_SETTING_COUNT, 0, 0, 0, NULL },
};

json_t *egi_task_json(const eg_task *task)
{
    json_t *o = json_object();
    for (const struct egi_setting *f = fields; f->shown.name != NULL; f++) {
        size_t count;
        memcpy(&count, (const char *)task + f->at, sizeof count);
        if (json_object_set_new(o, f->shown.name, json_integer((json_int_t)count)) != 0) {
            json_decref(o);
            return NULL;
        }
    }
    return o;
}

enum { LEARNER, TASK, SEED, HASH, WORDS };
static const char *const ours[WORDS] = { "learner", "task", "seed", "hash" };
enum { HASH_TEXT = 17 };

static int word_of(const char *key)
{
    for (int i = 0; i < WORDS; i++)
        if (strcmp(key, ours[i]) == 0) return i;
    return WORDS;
}

eg_status eg_learner_set_note(eg_learner *l, const char *key, const char *value)
{
    if (l == NULL || key == NULL || *key == '\0' || word_of(key) != WORDS)
        return egi_fail(EG_ERR_INVALID,
                        "eg_learner_set_note: key \"%.40s\", expected a word of your own",
                        key != NULL ? key : "");
    if (l->notes == NULL) l->notes = json_object();
    if (l->notes == NULL) return egi_fail(EG_ERR_NOMEM, "eg_learner_set_note");
    if (value == NULL) {
        (void)json_object_del(l->notes, key); /* there may be none */
        return EG_OK;
    }
    if (json_object_set_new(l->notes, key, json_string(value)) != 0)
        return egi_fail(EG_ERR_INVALID, "eg_learner_set_note: %.40s: expected UTF-8", key);
    return EG_OK;
}

const char *eg_learner_note(const eg_learner *l, const char *key)
{
    return json_string_value(json_object_get(l->notes, key));
}

/* Of words (HASH of them), notes and arrays. */
static eg_status hash_text(const eg_learner *l, const char *const *word, char out[HASH_TEXT])
{
    uint64_t h[HASH + 2];
    char *notes = l->notes != NULL ? json_dumps(l->notes, JSON_SORT_KEYS) : strdup("{}");
    if (notes == NULL) return egi_fail(EG_ERR_NOMEM, "hash of a learner");
    for (int i = 0; i < HASH; i++) h[i] = egi_hash(word[i], strlen(word[i]));
    h[HASH] = egi_hash(notes, strlen(notes));
    h[HASH + 1] = egi_params_sum(l->params); /* a file has an order of its own */
    snprintf(out, HASH_TEXT, "%016llx", (unsigned long long)egi_hash(h, sizeof h));
    free(notes);
    return EG_OK;
}

/* Keys and values: ours, then the notes. word: all but the hash. */
static eg_status save_with(eg_learner *l, const char *path, const char *const word[HASH])
{
    char hash[HASH_TEXT];
    const size_t pairs = WORDS + json_object_size(l->notes);
    void *block;
    const char *key;
    json_t *value;
    EGI_TRY(hash_text(l, word, hash));
    EGI_TRY(egi_alloc_array(l->alloc, 2 * pairs, sizeof(char *), "notes", &block));
    const char **meta = block;
    size_t n = 0;
    for (int i = 0; i < WORDS; i++) {
        meta[n++] = ours[i];
        meta[n++] = i == HASH ? hash : word[i];
    }
    json_object_foreach(l->notes, key, value)
    {
        meta[n++] = key;
        meta[n++] = json_string_value(value);
    }
    const eg_status s = eg_params_save(l->params, path, meta, pairs);
    egi_free(l->alloc, block, 2 * pairs * sizeof(char *));
    return s;
}

eg_status eg_learner_save(eg_learner *l, const char *path)
{
    char seed[32];
    if (l == NULL || path == NULL) return egi_fail(EG_ERR_INVALID, "eg_learner_save: NULL");
    json_t *task = egi_task_json(eg_learner_task(l));
    char *text = task != NULL ? json_dumps(task, 0) : NULL;
    json_decref(task);
    if (text == NULL) return egi_fail(EG_ERR_NOMEM, "%s: description of the task", path);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)l->seed);
    const eg_status s = save_with(l, path, (const char *const[]){ l->spec, text, seed });
    free(text);
    return s;
}

/* What __metadata__ holds: our words from malloc, and notes. */
struct words {
    char *ours[WORDS];
    json_t *notes;
    int failed;
};

static void keep(void *user, const char *key, const char *value)
{
    struct words *w = user;
    const int i = word_of(key);
    if (i < WORDS)
        w->failed |= (w->ours[i] = strdup(value)) == NULL;
    else
        w->failed |= json_object_set_new(w->notes, key, json_string(value)) != 0;
}

static eg_status bad(const char *path, const char *what)
{
    char why[400];
    snprintf(why, sizeof why, "%s", eg_error_detail());
    return egi_fail(EG_ERR_CORRUPT, "%s: __metadata__.%s: %s", path, what, why);
}

static eg_status read_task(const char *path, const char *text, eg_task *task)
{
    json_t *o;
    eg_status s = egi_json_parse(text, "task", &o);
    if (s == EG_OK) {
        s = egi_settings_read(o, fields, "task", NULL, task);
        json_decref(o);
    }
    return s == EG_OK || s == EG_ERR_NOMEM ? s : bad(path, "task");
}

/* A small file whose specification asks for a large learner is none of eg_learner_save. Other
 * failures are left to who makes it. */
static eg_status try_size(const char *path, const char *spec, const eg_task *task, uint64_t seed,
                          const eg_allocator *alloc)
{
    enum { SMALL = 8 << 20 };
    struct stat st;
    if (stat(path, &st) != 0 || st.st_size > SMALL) return EG_OK;
    const size_t most = egi_limit_of(0, (size_t)st.st_size, SIZE_MAX);
    struct egi_bounded b = { alloc != NULL ? alloc : eg_allocator_default(), most, 0 };
    const eg_allocator bounded = egi_bounded_allocator(&b);
    eg_learner *l = NULL;
    const eg_status s = eg_learner_create(spec, task, seed, 1, &bounded, &l);
    eg_learner_destroy(l);
    if (s == EG_OK || !b.over) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT,
                    "%s: __metadata__.learner: asks for more than %zu bytes, in a file of %lld",
                    path, most, (long long)st.st_size);
}

static eg_status make(const char *path, char *const *word, int threads, const eg_allocator *alloc,
                      eg_learner **out)
{
    eg_task task;
    char *end = NULL;
    if (word[LEARNER] == NULL || word[TASK] == NULL || word[SEED] == NULL)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: __metadata__: no learner, task or seed: not written by a learner",
                        path);
    EGI_TRY(read_task(path, word[TASK], &task));
    errno = 0;
    const unsigned long long seed = strtoull(word[SEED], &end, 10);
    if (word[SEED][0] < '0' || word[SEED][0] > '9' || *end != '\0' || errno != 0)
        return egi_fail(EG_ERR_CORRUPT, "%s: __metadata__.seed: expected a count, got \"%.40s\"",
                        path, word[SEED]);
    EGI_TRY(try_size(path, word[LEARNER], &task, seed, alloc));
    const eg_status s = eg_learner_create(word[LEARNER], &task, seed, threads, alloc, out);
    return s == EG_OK || s == EG_ERR_NOMEM || s == EG_ERR_UNSUPPORTED ? s : bad(path, "learner");
}

static eg_status take_params(const char *path, eg_learner *l, eg_params **p)
{
    const eg_status s =
        eg_learner_fits(l) ? egi_learner_adopt(l, p) : eg_params_copy(l->params, *p);
    return s == EG_OK || s == EG_ERR_NOMEM ? s : bad(path, "learner");
}

static eg_status check_hash(const char *path, const eg_learner *l, char *const *word)
{
    char hash[HASH_TEXT];
    if (word[HASH] == NULL) return EG_OK;
    EGI_TRY(hash_text(l, (const char *const *)word, hash));
    if (strcmp(hash, word[HASH]) == 0) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT,
                    "%s: what it holds has the hash %s, expected %.40s (__metadata__.hash): it was "
                    "damaged or changed",
                    path, hash, word[HASH]);
}

static eg_status open_file(const char *path, int threads, const eg_allocator *alloc,
                           eg_learner **out)
{
    struct words w = { .notes = json_object() };
    eg_params *p = NULL;
    eg_learner *l = NULL;
    eg_status s = eg_params_load(path, alloc, keep, &w, &p);
    if (s == EG_OK && (w.failed || w.notes == NULL)) s = egi_fail(EG_ERR_NOMEM, "%s: notes", path);
    if (s == EG_OK) s = make(path, w.ours, threads, alloc, &l);
    if (s == EG_OK) s = take_params(path, l, &p);
    if (s == EG_OK) {
        l->notes = json_incref(w.notes);
        s = check_hash(path, l, w.ours);
    }
    for (int i = 0; i < WORDS; i++) free(w.ours[i]);
    eg_params_destroy(p);
    json_decref(w.notes);
    if (s == EG_OK)
        *out = l;
    else
        eg_learner_destroy(l);
    return s;
}

eg_status eg_learner_open(const char *path, int threads, const eg_allocator *alloc,
                          eg_learner **out)
{
    char inside[EGI_PATH_MAX];
    struct stat st;
    if (path == NULL || out == NULL || threads < 0)
        return egi_fail(EG_ERR_INVALID, "eg_learner_open: NULL, or %d threads", threads);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return open_file(path, threads, alloc, out);
    const int n = snprintf(inside, sizeof inside, "%s/model.safetensors", path);
    if (n < 0 || (size_t)n >= sizeof inside)
        return egi_fail(EG_ERR_INVALID, "folder name of %zu bytes is too long", strlen(path));
    return open_file(inside, threads, alloc, out);
}
