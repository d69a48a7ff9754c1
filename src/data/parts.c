/* The parts of a folder of data, found by the names of its files, so that a folder that no
 * row of the catalogue knows works too. A name is cut at the first mark of the table that it
 * has; what stands before is the part, then come the row's own suffix and the aliases. Rows
 * without a format name files that are no part. Sub-folders of pictures are parts as well,
 * and a sub-folder called csv is looked into. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/egi_data.h"

static const struct rule {
    const char *mark; /* beginning with '.': only at the end */
    const char *format;
    const char *suffix;
    const char *labels; /* with the same beginning */
} rules[] = {
    { "labels-idx", NULL, "", NULL },
    { "images-idx", "idx", "", "labels-idx" },
    { "-idx", "idx", "", NULL },
    { "data_batch", "cifar", "train", NULL },
    { "_batch.bin", "cifar", "", NULL },
    { "_TRAIN.tsv", "ucr", "/train", NULL },
    { "_TEST.tsv", "ucr", "/test", NULL },
    { "-classes.csv", NULL, "", NULL },
    { "-items.csv", NULL, "", NULL },
    { ".csv", "csv", "", NULL },
    { ".npy", "npy", "", NULL },
    { ".npz", "npz", "", NULL },
    { ".svm", "svmlight", "", NULL },
    { ".svmlight", "svmlight", "", NULL },
    { ".libsvm", "svmlight", "", NULL },
    { ".fps", "fps", "", "-items.csv" },
    { "metadata.tsv", "repertoires", "", NULL },
};

static const struct {
    const char *name, *alias;
} aliases[] = { { "t10k", "test" } };

static const struct rule *match(const char *name, size_t *cut)
{
    char plain[256];
    size_t n = strlen(name);
    if (n >= 3 && strcmp(name + n - 3, ".gz") == 0) n -= 3;
    memcpy(plain, name, n);
    plain[n] = '\0';
    if (strcmp(plain, "index.csv") == 0) return NULL;
    for (size_t r = 0; r < EGI_COUNT(rules); r++) {
        const char *at = strstr(plain, rules[r].mark);
        if (at == NULL || (rules[r].mark[0] == '.' && at[strlen(rules[r].mark)] != '\0')) continue;
        *cut = (size_t)(at - plain);
        return rules[r].format != NULL ? &rules[r] : NULL;
    }
    return NULL;
}

/* The file of labels that belongs to name, whose first cut bytes it shares. */
static const char *labels_of(const struct egi_listing *l, const char *name, size_t cut,
                             const char *mark)
{
    for (size_t i = 0; mark != NULL && i < l->count; i++) {
        const char *other = l->entry[i].name;
        if (strncmp(other, name, cut) == 0 && strncmp(other + cut, mark, strlen(mark)) == 0)
            return other;
    }
    return NULL;
}

static eg_status push(struct egi_parts *p, const struct egi_part *part)
{
    struct egi_grow g = { p->a, sizeof *part, p->count, p->room, p->part };
    EGI_TRY(egi_grow_push(&g, part, "parts of a data set"));
    p->part = g.p;
    p->count = g.count;
    p->room = g.room;
    return EG_OK;
}

static eg_status add_file(struct egi_parts *p, const struct egi_listing *l, const char *name,
                          const char *inside)
{
    size_t cut;
    const struct rule *r = match(name, &cut);
    if (r == NULL) return EG_OK;
    struct egi_part part = { .format = r->format };
    size_t n = cut;
    while (n > 0 && name[n - 1] == '-') n--;
    if ((size_t)snprintf(part.name, sizeof part.name, "%.*s%s", (int)n, name, r->suffix)
        >= sizeof part.name)
        return EG_OK;
    for (size_t k = 0; k < EGI_COUNT(aliases); k++)
        if (strcmp(part.name, aliases[k].name) == 0)
            snprintf(part.name, sizeof part.name, "%s", aliases[k].alias);
    snprintf(part.file, sizeof part.file, "%s%s", inside, name);
    const char *labels = labels_of(l, name, cut, r->labels);
    if (labels != NULL) snprintf(part.labels, sizeof part.labels, "%s%s", inside, labels);
    return push(p, &part);
}

static int is_picture(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL
           && (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".jpg") == 0
               || strcasecmp(dot, ".jpeg") == 0);
}

/* 1: the folder has pictures; 2: a sub-folder of it has; 0: neither. */
static eg_status picture_depth(int fd, const char *path, int levels, const eg_allocator *a,
                               int *depth)
{
    struct egi_listing l;
    *depth = 0;
    EGI_TRY(egi_list_folder(fd, path, 0, a, &l));
    for (size_t i = 0; *depth == 0 && i < l.count; i++)
        if (!l.entry[i].is_folder && is_picture(l.entry[i].name)) *depth = 1;
    eg_status s = EG_OK;
    for (size_t i = 0; s == EG_OK && *depth == 0 && levels > 0 && i < l.count; i++) {
        char inner[600];
        int below = 0;
        if (!l.entry[i].is_folder) continue;
        snprintf(inner, sizeof inner, "%s/%s", path, l.entry[i].name);
        s = picture_depth(fd, inner, levels - 1, a, &below);
        if (below > 0) *depth = below + 1;
    }
    egi_listing_clear(&l);
    return s;
}

static eg_status add_csv_folder(struct egi_parts *p, int fd)
{
    struct egi_listing l;
    EGI_TRY(egi_list_folder(fd, "csv", 0, p->a, &l));
    eg_status s = EG_OK;
    for (size_t i = 0; s == EG_OK && i < l.count; i++)
        if (!l.entry[i].is_folder) s = add_file(p, &l, l.entry[i].name, "csv/");
    egi_listing_clear(&l);
    return s;
}

/* Sub-folders with folders of pictures are parts; sub-folders with pictures make the whole
 * folder one set of classes. */
static eg_status add_folder(struct egi_parts *p, int fd, const char *name, int *classes)
{
    int depth;
    if (strcmp(name, "csv") == 0) return add_csv_folder(p, fd);
    EGI_TRY(picture_depth(fd, name, 1, p->a, &depth));
    if (depth == 1) *classes = 1;
    if (depth != 2) return EG_OK;
    struct egi_part part = { .format = egi_folder_info.name };
    if ((size_t)snprintf(part.name, sizeof part.name, "%s", name) >= sizeof part.name) return EG_OK;
    snprintf(part.file, sizeof part.file, "%s", name);
    return push(p, &part);
}

static eg_status list_parts(struct egi_parts *p, int fd)
{
    struct egi_listing l;
    int classes = 0;
    EGI_TRY(egi_list_folder(fd, ".", 0, p->a, &l));
    eg_status s = EG_OK;
    for (size_t i = 0; s == EG_OK && i < l.count; i++) {
        const char *name = l.entry[i].name;
        if (!l.entry[i].is_folder) classes |= is_picture(name);
        s = l.entry[i].is_folder ? add_folder(p, fd, name, &classes) : add_file(p, &l, name, "");
    }
    egi_listing_clear(&l);
    const struct egi_part whole = { .file = ".", .format = egi_folder_info.name };
    if (s == EG_OK && classes) s = push(p, &whole);
    return s;
}

eg_status egi_parts_list(const char *folder, const eg_allocator *a, struct egi_parts *out)
{
    struct egi_parts p = { .a = a };
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return egi_fail(EG_ERR_IO, "%s: cannot be opened as a folder", folder);
    const eg_status s = list_parts(&p, fd);
    close(fd);
    if (s != EG_OK) {
        egi_parts_clear(&p);
        return s;
    }
    *out = p;
    return EG_OK;
}

void egi_parts_clear(struct egi_parts *p)
{
    egi_free(p->a, p->part, p->room * sizeof *p->part);
    *p = (struct egi_parts){ .a = p->a };
}
