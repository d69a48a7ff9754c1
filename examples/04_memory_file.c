/* The memory file: patterns are appended in transactions, one is removed, everything is verified
 * and loaded again by what could be another program. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include <engram/engram.h>

enum { D = 32, N = 20 };

static const char path[] = "example_04.egm";

static void must(eg_status status)
{
    if (status == EG_OK) return;
    fprintf(stderr, "%s: %s\n", eg_status_name(status), eg_error_detail());
    exit(1);
}

static void write_file(const float *patterns)
{
    eg_memory_options options = EG_MEMORY_OPTIONS_INIT;
    options.rule.beta = 4;
    int32_t labels[N];
    for (int n = 0; n < N; n++) labels[n] = n % 3;
    const eg_items items = { NULL, labels, NULL, NULL };
    uint64_t ids[N];

    eg_memory_file *file = NULL;
    must(eg_memory_file_create(path, D, &options, NULL, &file));
    must(eg_memory_file_append(file, patterns, N, &items, ids)); /* on disk when it returns */
    must(eg_memory_file_remove(file, &ids[7], 1));
    must(eg_memory_file_set_note(file, "title", "twenty random patterns, less one"));
    eg_memory_file_close(file);
}

int main(void)
{
    float patterns[N][D];
    eg_random_sign(2, 0, 0, (size_t)N * D, &patterns[0][0]);
    remove(path);
    write_file(&patterns[0][0]);

    eg_file_options reading = EG_FILE_OPTIONS_INIT;
    reading.read_only = 1;
    eg_memory_file *file = NULL;
    eg_memory *m = NULL;
    const char *title = NULL;
    must(eg_memory_file_open(path, &reading, &file));
    must(eg_memory_file_verify(file, NULL, NULL));
    must(eg_memory_file_note(file, "title", &title));
    printf("%s: %s\n", path, title);
    must(eg_memory_file_load(file, &m));
    eg_memory_file_close(file);

    float x[D];
    eg_certificate c = { 0 };
    for (int i = 0; i < D; i++) x[i] = i < D / 4 ? 0 : patterns[9][i]; /* a quarter is not known */
    must(eg_memory_recall(m, x, 1, NULL, x, &c));
    printf("%zu patterns; recalled number %zu, overlap %.4f, label %d\n", eg_memory_count(m),
           c.nearest, c.overlap, (int)eg_memory_label(m, c.nearest));
    const int right = eg_memory_count(m) == N - 1 && c.nearest == 8 /* 9, and one before is gone */
                      && eg_memory_label(m, c.nearest) == 0 && c.overlap > 0.99;
    eg_memory_destroy(m);
    remove(path);
    return right ? 0 : 1;
}
