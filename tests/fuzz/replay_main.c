/* Runs a fuzz target on every file of the corpus folders named on the command line, without
 * libFuzzer. Fails when a folder has no file, so that a lost corpus is noticed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int replay_file(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return 0;
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    if (f == NULL || bytes == NULL) {
        perror(path);
        exit(1);
    }
    const size_t size = fread(bytes, 1, (size_t)st.st_size, f);
    fclose(f);
    /* a copy of exactly that size, so that a byte read past its end is seen */
    uint8_t *exact = size > 0 ? realloc(bytes, size) : bytes;
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 1;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        size_t files = 0;
        DIR *d = opendir(argv[i]);
        for (struct dirent *e = NULL; d != NULL && (e = readdir(d)) != NULL;) {
            char path[4096];
            const int n = snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            if (n > 0 && (size_t)n < sizeof path) files += (size_t)replay_file(path);
        }
        if (d != NULL) closedir(d);
        printf("%s: %zu files\n", argv[i], files);
        failed |= files == 0;
    }
    return failed;
}
