/* A lock on the whole file (flock, which SQLite's own locks do not see) that ends with the process,
 * however it ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/one_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli_text.h"

static int wait_for(const struct call *call, const char *path, int turn)
{
    static const struct timespec pause = { 0, 50000000 };
    int told = 0;
    while (turn >= 0 && flock(turn, LOCK_EX | LOCK_NB) != 0
           && (errno == EWOULDBLOCK || errno == EINTR)) {
        if (!told) say(call, "wait    another process is changing %s", path);
        told = 1;
        if (interrupted()) return fail(EG_ERR_INTERRUPTED, path);
        nanosleep(&pause, NULL);
    }
    return EXIT_DONE; /* a file system without such locks has none to wait for */
}

int one_writer_begin(const struct call *call, const char *path, int *turn)
{
    *turn = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return wait_for(call, path, *turn);
}

int one_writer_begin_new(const struct call *call, const char *path, int *turn)
{
    const char *slash = strrchr(path, '/');
    const char *folder = slash != NULL ? keep_format("%.*s", (int)(slash - path + 1), path) : ".";
    *turn = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    return wait_for(call, path, *turn);
}

void one_writer_end(int turn)
{
    if (turn >= 0) close(turn);
}
