/* A lock on the whole file (flock, which SQLite's own locks do not see) that ends with the process,
 * however it ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/one_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

int one_writer_begin(const struct call *call, const char *path, int *turn)
{
    static const struct timespec pause = { 0, 50000000 };
    int told = 0;
    *turn = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*turn < 0) return EXIT_DONE;
    while (flock(*turn, LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EINTR)) {
        if (!told) say(call, "wait    another process is changing %s", path);
        told = 1;
        if (interrupted()) return fail(EG_ERR_INTERRUPTED, path);
        nanosleep(&pause, NULL);
    }
    return EXIT_DONE; /* a file system without such locks has none to wait for */
}

void one_writer_end(int turn)
{
    if (turn >= 0) close(turn);
}
