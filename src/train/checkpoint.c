/* Checkpoints: FOLDER/checkpoint/step-000000001234.safetensors, the newest two. Each is written
 * beside, synced and renamed before an older one goes.
 *
 * Arrays "params.*", "state.*", "best.*" and "seen.*"; __metadata__ has "config", "progress" (JSON)
 * and "hash", XXH3-64 of both texts and of the arrays: a file that was damaged, or that is of
 * another run, is known before a step is made from it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/egi_file.h"
#include "nn/egi_setting.h"
#include "tensor/egi_params.h"
#include "train/egi_train.h"

enum { KEPT = 2, NAME = 200, SETS = 4 };
static const char *const prefix[SETS] = { "params.", "state.", "best.", "seen." };

#define FIELD(name, kind, low)                                                                \
    {                                                                                         \
        { #name, "", "0", "" }, EGI_SETTING_##kind, offsetof(struct egi_progress, name), low, \
            1e300, NULL                                                                       \
    }
static const struct egi_setting fields[] = {
    FIELD(step, COUNT, 0),
    FIELD(epoch, COUNT, 0),
    FIELD(at, COUNT, 0),
    FIELD(shown, COUNT, 0),
    FIELD(loss_sum, NUMBER, -1e300),
    FIELD(loss, NUMBER, -1e300),
    FIELD(best_epoch, COUNT, 0),
    FIELD(since_best, COUNT, 0),
    FIELD(best, NUMBER, -1e300),
    FIELD(stopped, COUNT, 0),
    FIELD(metrics_end, COUNT, 0),
    FIELD(events_end, COUNT, 0),
    { { NULL, NULL, NULL, NULL }, EGI_SETTING_COUNT, 0, 0, 0, NULL },
};

static char *progress_text(const struct egi_progress *p)
{
    json_t *o = json_object();
    for (const struct egi_setting *f = fields; f->shown.name != NULL; f++) {
        const char *at = (const char *)p + f->at;
        size_t count;
        double number;
        memcpy(&count, at, sizeof count);
        memcpy(&number, at, sizeof number);
        json_object_set_new(o, f->shown.name,
                            f->type == EGI_SETTING_COUNT ? json_integer((json_int_t)count)
                                                         : json_real(number));
    }
    char *text = json_object_size(o) == EGI_COUNT(fields) - 1 ? egi_json_text(o) : NULL;
    json_decref(o);
    return text;
}

static eg_params *set_of(const struct egi_checkpoint *c, int i)
{
    eg_params *const sets[SETS] = { eg_learner_params(c->learner), eg_learner_state(c->learner),
                                    c->best, c->seen };
    return sets[i];
}

/* Two words of 16 digits: of the texts, and of the arrays as they are in memory. */
enum { WORD = 16, HASH_MAX = 2 * WORD + 1 };

static void hash_text(const struct egi_checkpoint *c, const char *config, const char *progress,
                      char out[HASH_MAX])
{
    const uint64_t texts[] = { egi_hash(config, strlen(config)),
                               egi_hash(progress, strlen(progress)) };
    uint64_t sets[SETS] = { 0 };
    const size_t count = c->seen != NULL ? SETS : SETS - 1; /* as before there were observers */
    for (int i = 0; i < SETS; i++)
        if (set_of(c, i) != NULL) sets[i] = eg_params_hash(set_of(c, i));
    snprintf(out, HASH_MAX, "%016llx%016llx", (unsigned long long)egi_hash(texts, sizeof texts),
             (unsigned long long)egi_hash(sets, count * sizeof *sets));
}

/* ---- the folder ---- */

struct listing {
    size_t step[64]; /* newest last; older ones than 64 are let lie */
    size_t count;
};

static int by_size(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static int checkpoint_path(const char *folder, size_t step, char out[EGI_PATH_MAX])
{
    const int n =
        snprintf(out, EGI_PATH_MAX, "%s/checkpoint/step-%012zu.safetensors", folder, step);
    return n > 0 && n < EGI_PATH_MAX;
}

/* The step of a file named as above; 0 where it is not. */
static int step_of(const char *name, size_t *step)
{
    static const char front[] = "step-", back[] = ".safetensors";
    if (strncmp(name, front, sizeof front - 1) != 0) return 0;
    const char *digits = name + sizeof front - 1;
    const size_t n = strspn(digits, "0123456789");
    *step = strtoull(digits, NULL, 10);
    return n == 12 && strcmp(digits + n, back) == 0;
}

/* A folder that is not there has none; one that cannot be read is a failure: what lies in it is
 * not to be begun anew. */
static eg_status list(const char *folder, struct listing *l)
{
    char path[EGI_PATH_MAX];
    *l = (struct listing){ .count = 0 };
    snprintf(path, sizeof path, "%.4000s/checkpoint", folder);
    errno = 0;
    DIR *d = opendir(path);
    if (d == NULL && errno == ENOENT) return EG_OK;
    for (struct dirent *e = NULL; d != NULL && (errno = 0, e = readdir(d)) != NULL;) {
        size_t step;
        if (!step_of(e->d_name, &step)) continue;
        const int full = l->count == EGI_COUNT(l->step);
        if (!full) l->step[l->count++] = step;
    }
    const int error = errno;
    if (d != NULL) closedir(d);
    if (error != 0) return egi_fail(EG_ERR_IO, "%s: cannot be read: %s", path, strerror(error));
    qsort(l->step, l->count, sizeof *l->step, by_size);
    return EG_OK;
}

/* ---- writing ---- */

static eg_status collect(const struct egi_checkpoint *c, struct egi_arena *arena, size_t *count)
{
    static const char *const dtype[EG_DTYPE_COUNT] = { "F32", "F64", "I32" };
    size_t all = 0, at = 0;
    for (int i = 0; i < SETS; i++)
        if (set_of(c, i) != NULL) all += eg_params_count(set_of(c, i));
    const struct egi_need needs[] = { { all, sizeof(eg_tensor_entry) }, { all, NAME } };
    EGI_TRY(egi_arena_create(egi_params_alloc(eg_learner_params(c->learner)), needs, 2,
                             "checkpoint", arena));
    eg_tensor_entry *entry = arena->part[0];
    char(*name)[NAME] = arena->part[1];
    for (int i = 0; i < SETS; i++) {
        const eg_param *x;
        for (size_t k = 0; set_of(c, i) != NULL && (x = eg_params_at(set_of(c, i), k)) != NULL;
             k++, at++) {
            snprintf(name[at], NAME, "%s%.180s", prefix[i], x->name);
            entry[at] =
                (eg_tensor_entry){ name[at], dtype[x->dtype], x->value, x->shape.rank, { 0 } };
            memcpy(entry[at].shape, x->shape.dim, sizeof entry[at].shape);
        }
    }
    *count = all;
    return EG_OK;
}

static eg_status write_file(const struct egi_checkpoint *c, const char *path, const char *progress)
{
    struct egi_arena arena;
    size_t count;
    char hash[HASH_MAX];
    hash_text(c, c->config, progress, hash);
    const char *const meta[] = { "config", c->config, "progress", progress, "hash", hash };
    EGI_TRY(collect(c, &arena, &count));
    const eg_status s = eg_safetensors_write(path, arena.part[0], count, meta, 3);
    egi_arena_destroy(&arena);
    return s;
}

eg_status egi_checkpoint_write(const struct egi_checkpoint *c, const struct egi_progress *p)
{
    char path[EGI_PATH_MAX];
    struct listing l;
    if (!checkpoint_path(c->folder, p->step, path))
        return egi_fail(EG_ERR_INVALID, "folder name of %zu bytes is too long", strlen(c->folder));
    *strrchr(path, '/') = '\0';
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return egi_fail(EG_ERR_IO, "%s: cannot be made: %s", path, strerror(errno));
    egi_sweep(path);
    char *progress = progress_text(p);
    if (progress == NULL) return egi_fail(EG_ERR_NOMEM, "checkpoint: progress");
    checkpoint_path(c->folder, p->step, path);
    const eg_status s = write_file(c, path, progress);
    free(progress);
    EGI_TRY(s);
    EGI_TRY(list(c->folder, &l));
    for (size_t i = 0; i + KEPT < l.count; i++)
        if (checkpoint_path(c->folder, l.step[i], path)) unlink(path);
    return EG_OK;
}

/* ---- reading ---- */

enum { CONFIG, PROGRESS, HASH, WORDS };

static void keep(void *user, const char *key, const char *value)
{
    static const char *const name[WORDS] = { "config", "progress", "hash" };
    char **word = user;
    for (int i = 0; i < WORDS; i++)
        if (strcmp(key, name[i]) == 0) word[i] = strdup(value);
}

/* Arrays of `from` under a prefix into the set of those names; how many there are is checked by
 * the caller. */
static eg_status take(eg_params *to, const eg_params *from, const char *before)
{
    const eg_param *x;
    for (size_t i = 0; (x = eg_params_at(to, i)) != NULL; i++) {
        char name[NAME];
        snprintf(name, sizeof name, "%s%.180s", before, x->name);
        const eg_param *y = eg_params_find(from, name);
        const size_t n = eg_shape_size(&x->shape);
        if (y == NULL || y->dtype != x->dtype || y->shape.rank != x->shape.rank
            || memcmp(y->shape.dim, x->shape.dim, x->shape.rank * sizeof(size_t)) != 0)
            return egi_fail(EG_ERR_CORRUPT, "array %s is missing or of another shape", name);
        memcpy(x->value, y->value, n * eg_dtype_size(x->dtype));
    }
    return EG_OK;
}

static eg_status take_all(const struct egi_checkpoint *c, const eg_params *from)
{
    size_t count = 0;
    for (int i = 0; i < SETS; i++)
        if (set_of(c, i) != NULL) {
            EGI_TRY(take(set_of(c, i), from, prefix[i]));
            count += eg_params_count(set_of(c, i));
        }
    if (count != eg_params_count(from))
        return egi_fail(EG_ERR_CORRUPT, "%zu arrays, expected %zu", eg_params_count(from), count);
    return EG_OK;
}

static eg_status check_hash(const struct egi_checkpoint *c, char *const *word, size_t from)
{
    char hash[HASH_MAX];
    hash_text(c, word[CONFIG], word[PROGRESS], hash);
    if (strlen(word[HASH]) == HASH_MAX - 1 && strncmp(hash + from, word[HASH] + from, WORD) == 0)
        return EG_OK;
    return egi_fail(EG_ERR_CORRUPT, "its %s have the hash %.16s, expected %.40s",
                    from == 0 ? "texts" : "arrays", hash + from, word[HASH]);
}

/* The texts are known good before they are compared, the arrays before they are used. */
static eg_status unpack(const struct egi_checkpoint *c, const eg_params *from, char *const *word,
                        struct egi_progress *p)
{
    json_t *o;
    for (int i = 0; i < WORDS; i++)
        if (word[i] == NULL)
            return egi_fail(EG_ERR_CORRUPT, "__metadata__: no config, progress or hash");
    EGI_TRY(check_hash(c, word, 0));
    EGI_TRY(egi_train_same(c->learner, word[CONFIG], c->config));
    EGI_TRY(take_all(c, from));
    EGI_TRY(check_hash(c, word, WORD));
    EGI_TRY(egi_json_parse(word[PROGRESS], "progress", &o));
    const eg_status s = egi_settings_read(o, fields, "progress", NULL, p);
    json_decref(o);
    return s;
}

static eg_status read_file(const struct egi_checkpoint *c, const char *path,
                           const eg_allocator *alloc, struct egi_progress *p)
{
    char *word[WORDS] = { NULL };
    eg_params *from = NULL;
    EGI_TRY(eg_params_load(path, alloc, keep, word, &from));
    const eg_status s = unpack(c, from, word, p);
    for (int i = 0; i < WORDS; i++) free(word[i]);
    eg_params_destroy(from);
    return s;
}

/* An older one is as good: the steps since are made again, to the same bits. */
static int is_passed_over(eg_status s)
{
    return s == EG_ERR_CORRUPT || s == EG_ERR_LIMIT || s == EG_ERR_UNSUPPORTED || s == EG_ERR_IO;
}

eg_status egi_checkpoint_read(const struct egi_checkpoint *c, const eg_allocator *alloc,
                              struct egi_progress *p, char told[EGI_TOLD_MAX])
{
    struct listing l;
    char path[EGI_PATH_MAX];
    int unread = 0; /* those that the system failed to read may be whole */
    told[0] = '\0';
    EGI_TRY(list(c->folder, &l));
    if (l.count == 0) return EG_NOT_FOUND;
    for (size_t i = l.count; i-- > 0;) {
        if (!checkpoint_path(c->folder, l.step[i], path)) continue;
        const eg_status s = read_file(c, path, alloc, p);
        if (!is_passed_over(s)) return s;
        unread += s == EG_ERR_IO;
        const size_t used = strlen(told);
        snprintf(told + used, EGI_TOLD_MAX - used, "%scheckpoint of step %zu: %.300s",
                 used > 0 ? "; " : "", l.step[i], eg_error_detail());
    }
    if (unread > 0)
        return egi_fail(EG_ERR_IO, "%s: no checkpoint can be read: %.400s", c->folder, told);
    return egi_fail(EG_ERR_CORRUPT,
                    "%s: no checkpoint is whole: %.400s; without %s/checkpoint the run begins anew",
                    c->folder, told, c->folder);
}

eg_status egi_checkpoint_drop(const struct egi_checkpoint *c, size_t step)
{
    char path[EGI_PATH_MAX];
    if (!checkpoint_path(c->folder, step, path) || unlink(path) != 0)
        return egi_fail(EG_ERR_IO, "%s: checkpoint of step %zu: %s", c->folder, step,
                        strerror(errno));
    return EG_OK;
}
