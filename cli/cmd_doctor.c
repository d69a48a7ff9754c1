/* engram doctor: is everything here that the program needs, and which of it is used. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/run_folder.h"

/* OpenBLAS describes itself; another BLAS has no such function. */
static const char *blas_words(void)
{
    char *(*config)(void) = NULL;
    void *symbol = dlsym(RTLD_DEFAULT, "openblas_get_config");
    memcpy(&config, &symbol, sizeof config);
    return config ? config() : "a BLAS that does not say its name";
}

static void list_found(void *user, const char *name, const char *folder)
{
    json_array_append_new(user, json_sprintf("%s  %s", name, folder));
}

/* _FORTIFY_SOURCE that the C library's headers had when this was compiled. */
static int checked_calls(void)
{
#ifdef __USE_FORTIFY_LEVEL
    return __USE_FORTIFY_LEVEL;
#else
    return 0;
#endif
}

/* One memory stored and recalled: the kernels work on this machine. */
static eg_status try_memory(void)
{
    const float patterns[2][4] = { { 1, 1, -1, -1 }, { 1, -1, 1, -1 } };
    const float cue[4] = { 1, 1, 0, 0 };
    float state[4] = { 0 };
    eg_memory *m = NULL;
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.rule.projection = EG_PROJ_SIGN;
    eg_status s = eg_memory_create(4, &o, &m);
    if (s == EG_OK) s = eg_memory_add(m, &patterns[0][0], 2, NULL);
    if (s == EG_OK) s = eg_memory_recall(m, cue, 1, NULL, state, NULL);
    for (size_t i = 0; i < 4 && s == EG_OK; i++)
        if (state[i] != patterns[0][i]) s = EG_ERR_DIVERGED;
    eg_memory_destroy(m);
    return s;
}

/* A memory file made, read back and verified in `folder`. */
static eg_status try_file(const char *folder)
{
    const float pattern[4] = { 1, 1, -1, -1 };
    char *path = keep_format("%s/engram-doctor-%ld.egm", folder, (long)getpid());
    eg_memory_file *f = NULL;
    eg_status s = eg_memory_file_create(path, 4, NULL, NULL, &f);
    if (s == EG_OK) s = eg_memory_file_append(f, pattern, 1, NULL, NULL);
    if (s == EG_OK) s = eg_memory_file_verify(f, NULL, NULL);
    eg_memory_file_close(f);
    unlink(path);
    unlink(keep_format("%s-wal", path));
    unlink(keep_format("%s-shm", path));
    return s;
}

static const char *verdict(eg_status s, int *code)
{
    if (s == EG_OK) return "works";
    *code = EXIT_NO;
    return keep_format("FAILS: %s", plain_detail());
}

static int run(const struct call *call)
{
    int code = EXIT_DONE;
    const char *temporary = getenv("TMPDIR");
    json_t *r = environment_json(call), *found = json_array();
    json_object_set_new(r, "blas", json_string(blas_words()));
    json_object_set_new(r, "checked_calls", json_integer(checked_calls()));
    json_object_set_new(r, "recall", json_string(verdict(try_memory(), &code)));
    json_object_set_new(r, "write_here", json_string(verdict(try_file("."), &code)));
    json_object_set_new(r, "write_temporary",
                        json_string(verdict(try_file(temporary ? temporary : "/tmp"), &code)));
    if (eg_catalogue_find_all(list_found, found) != EG_OK) code = EXIT_NO;
    json_object_set_new(r, "data", found);
    print_record(call, r);
    json_decref(r);
    say_next(call, code == EXIT_DONE ? "engram tour" : "see the lines that say FAILS");
    return code;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "check this machine: versions, kernels, threads, data, files",
    .arguments = "",
    .examples = "engram doctor\nengram doctor --json",
    .notes = "Exit 1: something does not work.",
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
