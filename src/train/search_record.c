/* What a search remembers: a line of JSON for each fold that was trained and measured.
 *
 *   {"decides": "0123456789abcdef", "value": 0.975}
 *
 * The value is null where training diverged (in memory -INFINITY).
 *
 * "decides" is the hash of all that the value depends on, as a run's config has it, so that a line
 * of another search is never taken for one of this. A line that a kill cut short is passed over:
 * its fold is trained again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/egi_file.h"
#include "base/egi_json.h"
#include "train/egi_train.h"

enum { LINE_MAX_BYTES = 120, RECORD_LIMIT = 1 << 26 };

eg_status egi_search_record_open(struct egi_search_record *r, const char *path)
{
    *r = (struct egi_search_record){ .fd = -1, .path = path };
    if (path == NULL) return EG_OK;
    r->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (r->fd < 0) return egi_fail(EG_ERR_IO, "%s: %s", path, strerror(errno));
    const eg_status s =
        egi_file_read(path, RECORD_LIMIT, eg_allocator_default(), &r->text, &r->size);
    if (s != EG_OK) egi_search_record_close(r);
    return s;
}

int egi_search_record_find(const struct egi_search_record *r, uint64_t decides, double *value)
{
    char want[20];
    snprintf(want, sizeof want, "%016llx", (unsigned long long)decides);
    int found = 0;
    for (size_t at = 0, end; at < r->size && !found; at = end + 1) {
        const uint8_t *stop = memchr(r->text + at, '\n', r->size - at);
        end = stop != NULL ? (size_t)(stop - r->text) : r->size;
        json_t *j = egi_json_read((const char *)r->text + at, end - at, NULL);
        const char *key = json_string_value(json_object_get(j, "decides"));
        const json_t *number = json_object_get(j, "value");
        found =
            key != NULL && strcmp(key, want) == 0 && (json_is_real(number) || json_is_null(number));
        if (found) *value = json_is_real(number) ? json_real_value(number) : -INFINITY;
        json_decref(j);
    }
    return found;
}

eg_status egi_search_record_add(struct egi_search_record *r, uint64_t decides, double value)
{
    char line[LINE_MAX_BYTES], key[20];
    if (r->fd < 0 || isnan(value)) return EG_OK;
    snprintf(key, sizeof key, "%016llx", (unsigned long long)decides);
    json_t *j = json_pack("{s:s, s:o}", "decides", key, "value",
                          isfinite(value) ? json_real(value) : json_null());
    const size_t n = json_dumpb(j, line + 1, sizeof line - 2, JSON_REAL_PRECISION(17));
    json_decref(j);
    if (n == 0 || n > sizeof line - 2) return egi_fail(EG_ERR_NOMEM, "%s", r->path);
    line[0] = '\n'; /* a line cut short before it ends there */
    line[n + 1] = '\n';
    int error = egi_file_put(r->fd, line, n + 2);
    if (error == 0 && fdatasync(r->fd) != 0) error = errno;
    return error == 0 ? EG_OK : egi_fail(EG_ERR_IO, "%s: %s", r->path, strerror(error));
}

void egi_search_record_close(struct egi_search_record *r)
{
    if (r->fd >= 0) close(r->fd);
    if (r->text != NULL) egi_free(eg_allocator_default(), r->text, r->size);
    *r = (struct egi_search_record){ .fd = -1 };
}
