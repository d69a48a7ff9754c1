/* What a run ran on. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "engram/version.h"
#include "train/egi_train.h"

static void processor(char *out, size_t room)
{
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(out, room, "%s", colon + 2);
        break;
    }
    if (f != NULL) fclose(f);
}

size_t eg_environment(int threads, char *text, size_t room)
{
    struct utsname u;
    char cpu[256] = "";
    processor(cpu, sizeof cpu);
    if (uname(&u) != 0) memset(&u, 0, sizeof u);
    json_t *j = json_pack("{s:s, s:s, s:i, s:s, s:i, s:o}", "engram", eg_version(), "kernels",
                          eg_isa(), "threads", threads > 0 ? threads : eg_threads(), "cpu", cpu,
                          "cores", (int)sysconf(_SC_NPROCESSORS_ONLN), "system",
                          json_sprintf("%s %s %s", u.sysname, u.release, u.machine));
    char *s = j != NULL ? json_dumps(j, JSON_INDENT(2)) : NULL;
    const char *shown = s != NULL ? s : "{}"; /* a processor's name that is not UTF-8 */
    const size_t n = strlen(shown);
    if (room > 0) snprintf(text, room, "%s", shown);
    free(s);
    json_decref(j);
    return n;
}
