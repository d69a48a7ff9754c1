/* Data sets by name. A row says what cannot be seen from the files: title, licence, source,
 * and which columns of its tables are not values. Where a set is, and which parts it has, is
 * looked up on the machine each time (parts.c). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/egi_data.h"

#ifndef EG_SOURCE_DATA
#define EG_SOURCE_DATA ""
#endif
#ifndef EG_INSTALL_DATA
#define EG_INSTALL_DATA ""
#endif

const eg_catalogue_entry *eg_catalogue_row(size_t row)
{
    return row < egi_catalogue_row_count ? &egi_catalogue_rows[row].entry : NULL;
}

static const struct egi_catalogue_row *row_of(const char *name)
{
    for (size_t r = 0; r < egi_catalogue_row_count; r++)
        if (strcmp(egi_catalogue_rows[r].entry.name, name) == 0) return &egi_catalogue_rows[r];
    return NULL;
}

/* share/engram/data of the folders above this code, wherever it was installed to: the library's
 * file, or the program's where it is a part of that. */
static int visit_beside(int (*visit)(void *user, const char *root), void *user)
{
    char code[EGI_PATH_MAX], path[EGI_PATH_MAX];
    Dl_info at = { .dli_fname = NULL };
    const int known =
        dladdr((const void *)egi_catalogue_rows, &at) != 0 && strchr(at.dli_fname, '/') != NULL;
    char *real = realpath(known ? at.dli_fname : "/proc/self/exe", NULL);
    snprintf(code, sizeof code, "%s", real != NULL ? real : "");
    free(real);
    int stop = 0;
    for (char *slash; stop == 0 && (slash = strrchr(code, '/')) != NULL;) {
        *slash = '\0';
        const int n = snprintf(path, sizeof path, "%s/share/engram/data", code);
        if ((size_t)n < sizeof path) stop = visit(user, path);
    }
    return stop;
}

/* Calls visit for each folder that is searched, in order, until it returns other than 0. */
static int each_root(int (*visit)(void *user, const char *root), void *user)
{
    char path[EGI_PATH_MAX];
    int stop = 0;
    for (const char *p = getenv("ENGRAM_DATA"); stop == 0 && p != NULL && *p != '\0';) {
        const size_t n = strcspn(p, ":");
        snprintf(path, sizeof path, "%.*s", (int)(n < sizeof path ? n : 0), p);
        if (path[0] != '\0') stop = visit(user, path);
        p += n + (p[n] == ':');
    }
    const char *share = getenv("ENGRAM_SHARE");
    if (share != NULL && *share != '\0') {
        snprintf(path, sizeof path, "%s/data", share);
        if (stop == 0) stop = visit(user, path);
    } else {
        if (stop == 0 && *EG_SOURCE_DATA != '\0') stop = visit(user, EG_SOURCE_DATA);
        if (stop == 0 && *EG_INSTALL_DATA != '\0') stop = visit(user, EG_INSTALL_DATA);
        if (stop == 0) stop = visit_beside(visit, user);
    }
    if (stop == 0) stop = visit(user, "/usr/share/datasets");
    const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    path[0] = '\0';
    if (xdg != NULL && *xdg == '/')
        snprintf(path, sizeof path, "%s/engram", xdg);
    else if (home != NULL && *home == '/')
        snprintf(path, sizeof path, "%s/.local/share/engram", home);
    if (stop == 0 && path[0] != '\0') stop = visit(user, path);
    return stop;
}

struct search {
    const char *name;
    size_t name_size;
    char path[EGI_PATH_MAX];
};

static int is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int visit_find(void *user, const char *root)
{
    struct search *s = user;
    const int n = snprintf(s->path, sizeof s->path, "%s/%.*s", root, (int)s->name_size, s->name);
    return (size_t)n < sizeof s->path && is_folder(s->path);
}

/* Up to the first '/': a name is one folder, and no way out of where it is looked for. */
static eg_status check_name(const char *name, size_t *size)
{
    const size_t n = name != NULL ? strcspn(name, "/") : 0;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && strchr("._-", name[i]) == NULL)
            return egi_fail(EG_ERR_INVALID,
                            "data set \"%.64s\": letters, digits, '.', '_' and '-' "
                            "make a name",
                            name);
    if (n == 0 || n > 64 || name[0] == '.')
        return egi_fail(EG_ERR_INVALID, "data set \"%.64s\": not a name", name != NULL ? name : "");
    *size = n;
    return EG_OK;
}

static eg_status find(const char *name, struct search *s)
{
    char plain[65];
    s->name = name;
    EGI_TRY(check_name(name, &s->name_size));
    if (each_root(visit_find, s)) return EG_OK;
    snprintf(plain, sizeof plain, "%.*s", (int)s->name_size, name);
    const struct egi_catalogue_row *row = row_of(plain);
    return egi_fail(EG_NOT_FOUND, "data set %s is not on this machine: %s", plain,
                    row != NULL ? row->entry.hint
                                : "no folder of that name in $ENGRAM_DATA (docs/data.md)");
}

eg_status eg_catalogue_find(const char *name, char *path, size_t size)
{
    struct search s;
    if (path == NULL) return egi_fail(EG_ERR_INVALID, "eg_catalogue_find: NULL");
    const eg_status status = find(name, &s);
    if (status != EG_OK) return status;
    if (strlen(s.path) >= size)
        return egi_fail(EG_ERR_LIMIT, "path of %zu bytes, room for %zu", strlen(s.path), size);
    memcpy(path, s.path, strlen(s.path) + 1);
    return EG_OK;
}

struct all {
    void (*found)(void *user, const char *name, const char *folder);
    void *user;
    struct egi_grow seen; /* struct egi_entry */
    eg_status status;
};

static int is_seen(const struct all *all, const char *name)
{
    const struct egi_entry *e = all->seen.p;
    for (size_t i = 0; i < all->seen.count; i++)
        if (strcmp(e[i].name, name) == 0) return 1;
    return 0;
}

static eg_status visit_entry(struct all *all, const char *root, const struct egi_entry *e)
{
    char folder[EGI_PATH_MAX];
    size_t size;
    if (!e->is_folder || is_seen(all, e->name) || check_name(e->name, &size) != EG_OK) return EG_OK;
    const int n = snprintf(folder, sizeof folder, "%s/%s", root, e->name);
    if ((size_t)n >= sizeof folder) return EG_OK;
    struct egi_parts parts;
    const eg_status s = egi_parts_list(folder, all->seen.a, &parts);
    if (s == EG_ERR_NOMEM) return s;
    const int any = s == EG_OK && parts.count > 0;
    if (s == EG_OK) egi_parts_clear(&parts);
    if (!any && row_of(e->name) == NULL) return EG_OK;
    all->found(all->user, e->name, folder);
    return egi_grow_push(&all->seen, e, "data sets");
}

static int visit_all(void *user, const char *root)
{
    struct all *all = user;
    struct egi_listing l;
    if (egi_list_folder(AT_FDCWD, root, 1, all->seen.a, &l) != EG_OK) return 0; /* not there */
    for (size_t i = 0; all->status == EG_OK && i < l.count; i++)
        all->status = visit_entry(all, root, &l.entry[i]);
    egi_listing_clear(&l);
    return all->status != EG_OK;
}

eg_status eg_catalogue_find_all(void (*found)(void *user, const char *name, const char *folder),
                                void *user)
{
    if (found == NULL) return egi_fail(EG_ERR_INVALID, "eg_catalogue_find_all: NULL");
    struct all all = { .found = found, .user = user };
    all.seen = (struct egi_grow){ .a = eg_allocator_default(), .item = sizeof(struct egi_entry) };
    (void)each_root(visit_all, &all);
    egi_grow_clear(&all.seen);
    return all.status;
}

/* The detail names the parts there are, as many as there is room for. */
static eg_status fail_part(const struct egi_parts *p, const char *set, const char *part)
{
    char list[300] = "";
    size_t used = 0, shown = 0;
    for (size_t i = 0; i < p->count && used + strlen(p->part[i].name) + 3 < sizeof list; i++) {
        if (p->part[i].name[0] == '\0') continue; /* the folder itself */
        if (i > 0 && strcmp(p->part[i].name, p->part[i - 1].name) == 0) continue;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", shown++ > 0 ? ", " : "",
                                 p->part[i].name);
    }
    if (p->count == 0)
        return egi_fail(EG_ERR_UNSUPPORTED, "data set %s: none of its files is read as vectors",
                        set);
    if (shown == 0)
        return egi_fail(EG_ERR_INVALID, "data set %s has no parts: expected %s, got %s/%.60s", set,
                        set, set, part);
    const char *more = shown < p->count && used + 60 > sizeof list ? ", ..." : "";
    if (*part == '\0')
        return egi_fail(EG_ERR_INVALID, "data set %s has parts, say which: %s/PART with %s%s", set,
                        set, list, more);
    return egi_fail(EG_ERR_INVALID, "data set %s has no part \"%.60s\"; its parts: %s%s", set, part,
                    list, more);
}

static eg_status read_part(const char *folder, const struct egi_part *part,
                           const eg_read_options *base, eg_dataset *out)
{
    char file[EGI_PATH_MAX + 320], labels[EGI_PATH_MAX + 320];
    eg_read_options o = *base;
    snprintf(file, sizeof file, "%s/%s", folder, part->file);
    snprintf(labels, sizeof labels, "%s/%s", folder, part->labels);
    if (o.format == NULL) o.format = part->format;
    if (o.labels == NULL && part->labels[0] != '\0') o.labels = labels;
    if (o.max_bytes == 0) o.max_bytes = (size_t)EG_LIMIT_DATA; /* whoever put it there chose it */
    return egi_read_path(file, &o, out);
}

/* What a limit that was given leaves for the files to come. */
static void take_from(eg_read_options *o, const eg_dataset *set)
{
    const size_t used = set->n * set->d * sizeof(float);
    if (o->max_bytes > 0) o->max_bytes = o->max_bytes > used ? o->max_bytes - used : 1;
}

/* All files of one part, one after the other (the batches of CIFAR-10). */
static eg_status read_files(const char *folder, const struct egi_parts *p, size_t first,
                            const eg_read_options *o, eg_dataset *out)
{
    eg_dataset set;
    eg_status s = EG_OK;
    EGI_TRY(read_part(folder, &p->part[first], o, &set));
    for (size_t i = first + 1; s == EG_OK && i < p->count; i++) {
        eg_dataset more;
        eg_read_options rest = *o;
        if (strcmp(p->part[i].name, p->part[first].name) != 0) continue;
        if (o->max_items > 0 && set.n >= o->max_items) break;
        if (o->max_items > 0) rest.max_items = o->max_items - set.n;
        take_from(&rest, &set);
        s = set.labels == NULL
                ? egi_fail(EG_ERR_CORRUPT, "%s: two files for one part", p->part[i].file)
                : read_part(folder, &p->part[i], &rest, &more);
        if (s != EG_OK) break;
        s = egi_set_append(&set, &more, p->part[i].file);
        eg_dataset_clear(&more);
    }
    if (s != EG_OK) {
        eg_dataset_clear(&set);
        return s;
    }
    *out = set;
    return EG_OK;
}

/* The first file of a part, or p->count. */
static size_t part_at(const struct egi_parts *p, const char *name)
{
    size_t i = 0;
    while (i < p->count && strcmp(p->part[i].name, name) != 0) i++;
    return i;
}

/* NAME stands for NAME/train and NAME/test together, which are then its one fold. */
static eg_status read_both(const char *folder, const struct egi_parts *p, const size_t at[2],
                           const eg_read_options *o, eg_dataset *out)
{
    eg_read_options each = *o;
    eg_dataset set, test;
    each.folds = 0;
    EGI_TRY(read_files(folder, p, at[0], &each, &set));
    const size_t train = set.n;
    take_from(&each, &set);
    eg_status s = read_files(folder, p, at[1], &each, &test);
    if (s == EG_OK) {
        s = egi_set_append(&set, &test, p->part[at[1]].file);
        eg_dataset_clear(&test);
    }
    if (s == EG_OK && o->folds) s = egi_set_one_fold(&set, train);
    if (s != EG_OK) {
        eg_dataset_clear(&set);
        return s;
    }
    *out = set;
    return EG_OK;
}

static eg_status read_named(const struct search *at, const char *part, const eg_read_options *o,
                            eg_dataset *out)
{
    char set[65];
    struct egi_parts p;
    snprintf(set, sizeof set, "%.*s", (int)at->name_size, at->name);
    EGI_TRY(egi_parts_list(at->path, o->alloc, &p));
    char name[2][140];
    size_t both[2], i = part_at(&p, part);
    for (size_t k = 0; k < 2; k++) {
        snprintf(name[k], sizeof name[k], "%.120s/%s", part, k == 0 ? "train" : "test");
        both[k] = part_at(&p, name[k]);
    }
    if (i == p.count && *part == '\0' && p.count == 1) i = 0; /* the only one needs no name */
    eg_status s;
    if (i < p.count)
        s = read_files(at->path, &p, i, o, out);
    else if (*part != '\0' && both[0] < p.count && both[1] < p.count)
        s = read_both(at->path, &p, both, o, out);
    else
        s = fail_part(&p, set, part);
    egi_parts_clear(&p);
    return s;
}

/* What is no name here but looks like a path was meant as one. */
static eg_status find_set(const char *name, struct search *at)
{
    char plain[65];
    const eg_status s = find(name, at);
    if (s == EG_OK || name == NULL) return s;
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(name, "/"), name);
    const int known = s == EG_NOT_FOUND && row_of(plain) != NULL;
    if (!known && strpbrk(name, "/. ") != NULL) {
        if (access(name, F_OK) != 0)
            return egi_fail(EG_ERR_IO, "%.400s: no such file or folder", name);
        return egi_fail(EG_ERR_INVALID, "%.400s: a path, expected the name of a data set", name);
    }
    return s == EG_NOT_FOUND ? EG_ERR_IO : s; /* the detail is that of find */
}

eg_status eg_catalogue_parts(const char *name, void (*found)(void *user, const char *part),
                             void *user)
{
    struct search at;
    struct egi_parts p;
    if (found == NULL) return egi_fail(EG_ERR_INVALID, "eg_catalogue_parts: NULL");
    EGI_TRY(find_set(name, &at));
    EGI_TRY(egi_parts_list(at.path, eg_allocator_default(), &p));
    for (size_t i = 0; i < p.count; i++) {
        const int again = i > 0 && strcmp(p.part[i].name, p.part[i - 1].name) == 0;
        if (p.part[i].name[0] != '\0' && !again) found(user, p.part[i].name);
    }
    egi_parts_clear(&p);
    return EG_OK;
}

eg_status eg_catalogue_read(const char *name, const eg_read_options *options, eg_dataset *out)
{
    struct search at;
    eg_read_options o;
    if (out == NULL) return egi_fail(EG_ERR_INVALID, "eg_catalogue_read: NULL");
    EGI_TRY(egi_read_options(options, &o));
    EGI_TRY(find_set(name, &at));
    char set[65];
    snprintf(set, sizeof set, "%.*s", (int)at.name_size, name);
    const struct egi_catalogue_row *row = row_of(set);
    if (row != NULL && o.skip_present == NULL) o.skip_present = row->skip_columns;
    if (row != NULL && o.label_column == NULL) o.label_column = row->label_column;
    return read_named(&at, name[at.name_size] == '/' ? name + at.name_size + 1 : "", &o, out);
}
