/* A tangent kernel in a file. PATH.part is the NPY file to be, and 16 bytes more: the hash of what
 * it is made of, and how many rows are done, written once they are. A block of rows that was
 * stopped half way is made again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/egi_file.h"
#include "data/egi_data.h"
#include "measure/egi_tangent.h"
#include "train/egi_train.h"

struct work {
    struct egi_tangent *t;
    char beside[EGI_PATH_MAX];
    int fd;
    uint64_t trailer[2]; /* hash, rows */
};

static eg_status failed(const struct work *w, const char *what)
{
    return egi_fail(EG_ERR_IO, "%s: %s: %s", w->beside, what, strerror(errno));
}

static eg_status put(const struct work *w, const void *bytes, size_t size, size_t at)
{
    if (lseek(w->fd, (off_t)at, SEEK_SET) < 0) return failed(w, "cannot be sought in");
    errno = egi_file_put(w->fd, bytes, size);
    return errno == 0 ? EG_OK : failed(w, "cannot be written");
}

static size_t place(const struct work *w, size_t row, size_t column)
{
    return EGI_NPY_HEADER + (row * w->t->n + column) * sizeof(float);
}

static eg_status note(struct work *w, size_t rows)
{
    w->trailer[1] = rows;
    if (fdatasync(w->fd) != 0) return failed(w, "cannot be synced");
    EGI_TRY(put(w, w->trailer, sizeof w->trailer, place(w, w->t->n, 0)));
    return fdatasync(w->fd) == 0 ? EG_OK : failed(w, "cannot be synced");
}

/* Of weights, examples and what was asked. */
static uint64_t hash_of(const struct egi_tangent *t)
{
    uint64_t h[8] = { eg_params_hash(t->r.l->params), t->n, t->first, t->turns,
                      (uint64_t)t->o.normalised,      0,    0,        0 };
    for (size_t i = 0; i < t->r.part->n; i++) {
        const size_t d = t->r.part->set->d;
        const float *x = t->r.part->set->x + egi_part_at(t->r.part, i) * d;
        h[6] = egi_hash(x, d * sizeof *x);
        h[5] = egi_hash(h + 5, 2 * sizeof *h);
    }
    return egi_hash(h, sizeof h);
}

/* What was done of the same; or the file begins anew. */
static eg_status begin(struct work *w, size_t *done)
{
    char header[EGI_NPY_HEADER];
    uint64_t there[2];
    const size_t size = place(w, w->t->n, 0);
    *done = 0;
    w->fd = open(w->beside, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (w->fd < 0) return failed(w, "cannot be made");
    w->trailer[0] = hash_of(w->t);
    if (lseek(w->fd, 0, SEEK_END) == (off_t)(size + sizeof there)
        && lseek(w->fd, (off_t)size, SEEK_SET) >= 0
        && egi_file_some(w->fd, there, sizeof there) == (ssize_t)sizeof there
        && there[0] == w->trailer[0] && there[1] <= w->t->n) {
        *done = there[1];
        return EG_OK;
    }
    if (ftruncate(w->fd, 0) != 0) return failed(w, "cannot be cut");
    egi_npy_header("<f4", w->t->n, w->t->n, header);
    EGI_TRY(put(w, header, sizeof header, 0));
    return note(w, 0);
}

/* Rows of a block as they are, and their mirror image: the columns above. */
static eg_status write_rows(struct work *w, size_t from, const float *kernel, float *column)
{
    const size_t b = egi_tangent_count(w->t, from), n = w->t->n;
    for (size_t i = 0; i < b; i++)
        EGI_TRY(put(w, kernel + i * n, (from + b) * sizeof *kernel, place(w, from + i, 0)));
    for (size_t j = 0; j < from; j++) {
        for (size_t i = 0; i < b; i++) column[i] = kernel[i * n + j];
        EGI_TRY(put(w, column, b * sizeof *column, place(w, j, from)));
    }
    return EG_OK;
}

static eg_status make(struct work *w, size_t done)
{
    struct egi_tangent *t = w->t;
    struct egi_arena arena;
    const struct egi_need needs[] = { { t->block * t->n, sizeof(float) },
                                      { t->block, sizeof(float) } };
    EGI_TRY(egi_arena_create(t->r.alloc, needs, 2, "tangent kernel", &arena));
    eg_status s = EG_OK;
    for (size_t from = 0; from < t->n && s == EG_OK; from += t->block) {
        if (from + egi_tangent_count(t, from) <= done) continue;
        s = egi_tangent_rows(t, from, arena.part[0]);
        if (s == EG_OK) s = write_rows(w, from, arena.part[0], arena.part[1]);
        if (s == EG_OK) s = note(w, from + egi_tangent_count(t, from));
    }
    egi_arena_destroy(&arena);
    return s;
}

static eg_status finish(const struct work *w, const char *path)
{
    if (ftruncate(w->fd, (off_t)place(w, w->t->n, 0)) != 0 || fsync(w->fd) != 0)
        return failed(w, "cannot be ended");
    return rename(w->beside, path) == 0 ? EG_OK : failed(w, "cannot be renamed");
}

eg_status eg_tangent_kernel_file(eg_learner *l, const eg_part *part,
                                 const eg_tangent_options *options, const char *path)
{
    struct egi_tangent t;
    struct work w = { .t = &t, .fd = -1 };
    size_t done;
    const int used = path != NULL ? snprintf(w.beside, sizeof w.beside, "%s.part", path) : -1;
    if (used < 0 || (size_t)used >= sizeof w.beside)
        return egi_fail(EG_ERR_INVALID, "eg_tangent_kernel_file: no path, or one too long");
    EGI_TRY(egi_tangent_create(l, part, options, &t));
    eg_status s = begin(&w, &done);
    if (s == EG_OK) s = make(&w, done);
    if (s == EG_OK) s = finish(&w, path);
    if (w.fd >= 0) close(w.fd);
    egi_tangent_clear(&t);
    return s;
}
