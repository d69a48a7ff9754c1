/* A folder of pictures, one level deep: its PNG and JPEG files by name, or, when it has
 * sub-folders with such files, each of these as a class, by name too. Symbolic links are left
 * out, so that nothing outside the folder is read. The names are listed first; the sizes of
 * the first picture then give the size of the whole before it is allocated. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/egi_file.h"
#include "data/egi_data.h"

const eg_reader_info egi_folder_info = { "folder",
                                         "folder of PNG and JPEG pictures; sub-folders are classes",
                                         "PNG, JPEG" };

struct picture {
    char name[520]; /* inside the folder: "class/file" */
    int32_t label;
};

struct folder {
    const char *path;
    const eg_read_options *o;
    int fd;
    struct egi_grow pictures; /* struct picture */
    struct egi_grow classes;  /* struct egi_entry */
    size_t links;
};

static int is_picture(const char *name)
{
    static const char *const endings[] = { ".png", ".jpg", ".jpeg" };
    for (size_t k = 0; k < EGI_COUNT(endings); k++) {
        const size_t n = strlen(name), e = strlen(endings[k]);
        if (n > e && strcasecmp(name + n - e, endings[k]) == 0) return 1;
    }
    return 0;
}

static eg_status add_pictures(struct folder *f, const struct egi_listing *l, const char *class,
                              int32_t label)
{
    for (size_t i = 0; i < l->count; i++) {
        struct picture p = { .label = label };
        if (l->entry[i].is_folder || !is_picture(l->entry[i].name)) continue;
        snprintf(p.name, sizeof p.name, "%s%s%s", class, *class != '\0' ? "/" : "",
                 l->entry[i].name);
        EGI_TRY(egi_grow_push(&f->pictures, &p, f->path));
    }
    return EG_OK;
}

static eg_status add_class(struct folder *f, const struct egi_entry *entry)
{
    struct egi_listing l;
    EGI_TRY(egi_list_folder(f->fd, entry->name, 0, f->o->alloc, &l));
    const size_t before = f->pictures.count;
    f->links += l.links;
    eg_status s = add_pictures(f, &l, entry->name, (int32_t)f->classes.count);
    egi_listing_clear(&l);
    if (s == EG_OK && f->pictures.count > before) s = egi_grow_push(&f->classes, entry, f->path);
    return s;
}

static eg_status list_pictures(struct folder *f)
{
    struct egi_listing l;
    EGI_TRY(egi_list_folder(f->fd, ".", 0, f->o->alloc, &l));
    f->links = l.links;
    eg_status s = add_pictures(f, &l, "", -1);
    const size_t loose = f->pictures.count;
    for (size_t i = 0; s == EG_OK && i < l.count; i++)
        if (l.entry[i].is_folder) s = add_class(f, &l.entry[i]);
    egi_listing_clear(&l);
    if (s != EG_OK) return s;
    if (loose > 0 && f->classes.count > 0)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: has both %zu pictures and %zu sub-folders of "
                        "pictures; move the pictures into one of them",
                        f->path, loose, f->classes.count);
    if (f->pictures.count == 0)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: no PNG or JPEG in the folder or its sub-folders (%zu "
                        "symbolic links are left out)",
                        f->path, f->links);
    return EG_OK;
}

static eg_status first_sizes(struct folder *f, const struct egi_input *in, const eg_image *image,
                             eg_dataset *set)
{
    EGI_TRY(
        egi_set_size(in, set, f->pictures.count, image->height * image->width * image->channels));
    set->height = image->height;
    set->width = image->width;
    set->channels = image->channels;
    return egi_names_alloc(set->alloc, set->n, &set->item_names);
}

static eg_status place(struct folder *f, const struct egi_input *in, const eg_image *image,
                       size_t i, eg_dataset *set)
{
    if (i == 0) EGI_TRY(first_sizes(f, in, image, set));
    if (image->height != set->height || image->width != set->width
        || image->channels != set->channels)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: %zu x %zu pixels of %zu channels, expected %zu x %zu "
                        "of %zu as the first; give width and height (--width, --height) "
                        "and grey (--grey)",
                        in->name, image->width, image->height, image->channels, set->width,
                        set->height, set->channels);
    egi_picture_store(image, set->x + i * set->d);
    const char *name = ((struct picture *)f->pictures.p)[i].name;
    return egi_name_set(set->alloc, (struct egi_text){ name, strlen(name) }, &set->item_names[i]);
}

static eg_status load_picture(struct folder *f, size_t i, eg_dataset *set)
{
    const struct picture *p = (struct picture *)f->pictures.p + i;
    char path[EGI_PATH_MAX + 600];
    snprintf(path, sizeof path, "%.4095s/%s", f->path, p->name);
    struct egi_input in = { .name = path, .o = *f->o };
    uint8_t *bytes;
    in.o.max_bytes = egi_read_most(f->o);
    EGI_TRY(egi_file_read_at(f->fd, p->name, path, in.o.max_bytes, f->o->alloc, &bytes, &in.size));
    in.bytes = bytes;
    eg_image image;
    in.given = f->o->max_bytes;
    in.o.max_bytes = egi_limit_of(in.given, in.size, in.o.max_bytes);
    eg_status s = egi_picture_prepare(&in, &image);
    in.o.max_bytes = egi_read_most(f->o); /* of all pictures together */
    egi_free(f->o->alloc, bytes, in.size);
    if (s != EG_OK) return s;
    s = place(f, &in, &image, i, set);
    eg_image_clear(&image);
    return s;
}

static eg_status set_classes(const struct folder *f, eg_dataset *set)
{
    const size_t k = f->classes.count;
    if (k == 0) return EG_OK;
    void *labels;
    EGI_TRY(egi_alloc_array(set->alloc, set->n, sizeof(int32_t), "labels", &labels));
    set->labels = labels;
    for (size_t i = 0; i < set->n; i++) set->labels[i] = ((struct picture *)f->pictures.p)[i].label;
    EGI_TRY(egi_names_alloc(set->alloc, k, &set->class_names));
    set->classes = k;
    for (size_t c = 0; c < k; c++) {
        const char *name = ((struct egi_entry *)f->classes.p)[c].name;
        EGI_TRY(egi_name_set(set->alloc, (struct egi_text){ name, strlen(name) },
                             &set->class_names[c]));
    }
    return EG_OK;
}

static eg_status load(struct folder *f, eg_dataset *set)
{
    EGI_TRY(list_pictures(f));
    EGI_TRY(load_picture(f, 0, set));
    for (size_t i = 1; i < set->n; i++) {
        EGI_TRY(load_picture(f, i, set));
        EGI_TRY(egi_report(f->o->progress, "read", i + 1, set->n));
    }
    return set_classes(f, set);
}

eg_status egi_read_folder(const char *path, const eg_read_options *o, eg_dataset *set)
{
    struct folder f = { .path = path, .o = o };
    f.pictures = (struct egi_grow){ .a = o->alloc, .item = sizeof(struct picture) };
    f.classes = (struct egi_grow){ .a = o->alloc, .item = sizeof(struct egi_entry) };
    f.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f.fd < 0) return egi_fail(EG_ERR_IO, "%s: cannot be opened as a folder", path);
    const eg_status s = load(&f, set);
    close(f.fd);
    egi_grow_clear(&f.pictures);
    egi_grow_clear(&f.classes);
    return s;
}
