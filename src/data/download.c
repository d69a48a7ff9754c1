/* Download by libcurl. What arrives goes to a file beside the wanted one and through SHA-256;
 * only when the sum is the expected one is the file renamed into place. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

#include "data/egi_data.h"
#include "engram/version.h"

#define MAX_REDIRECTS 5L
#define CONNECT_SECONDS 20L
#define STALLED_SECONDS 30L
#define MAX_BYTES ((curl_off_t)64 << 30)

struct download {
    struct egi_writer file;
    struct egi_sha256 sum;
    const eg_progress *progress;
    eg_status status; /* of our own side */
};

static size_t on_data(char *bytes, size_t one, size_t size, void *user)
{
    (void)one;
    struct download *d = user;
    egi_sha256_add(&d->sum, bytes, size);
    d->status = egi_writer_put(&d->file, bytes, size);
    return d->status == EG_OK ? size : CURL_WRITEFUNC_ERROR;
}

static int on_progress(void *user, curl_off_t total, curl_off_t done, curl_off_t up_total,
                       curl_off_t up)
{
    (void)up_total;
    (void)up;
    struct download *d = user;
    if (done > MAX_BYTES)
        d->status = egi_fail(EG_ERR_LIMIT, "download: more than 64 GiB");
    else
        d->status = egi_report(d->progress, "download", (uint64_t)done, (uint64_t)total);
    return d->status != EG_OK;
}

static CURLcode set_options(CURL *c, const char *url, char *message, struct download *d)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        { CURLOPT_FOLLOWLOCATION, 1 },  { CURLOPT_MAXREDIRS, MAX_REDIRECTS },
        { CURLOPT_FAILONERROR, 1 },     { CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS },
        { CURLOPT_LOW_SPEED_LIMIT, 1 }, { CURLOPT_LOW_SPEED_TIME, STALLED_SECONDS },
        { CURLOPT_NOSIGNAL, 1 },        { CURLOPT_NOPROGRESS, 0 },
    };
    const struct {
        CURLoption option;
        const void *value;
    } pointers[] = {
        { CURLOPT_PROTOCOLS_STR, "http,https" },
        { CURLOPT_REDIR_PROTOCOLS_STR, "http,https" },
        { CURLOPT_USERAGENT, "engram/" EG_VERSION },
        { CURLOPT_URL, url },
        { CURLOPT_ERRORBUFFER, message },
        { CURLOPT_WRITEDATA, d },
        { CURLOPT_XFERINFODATA, d },
    };
    CURLcode r = CURLE_OK;
    for (size_t i = 0; r == CURLE_OK && i < EGI_COUNT(numbers); i++)
        r = curl_easy_setopt(c, numbers[i].option, numbers[i].value);
    for (size_t i = 0; r == CURLE_OK && i < EGI_COUNT(pointers); i++)
        r = curl_easy_setopt(c, pointers[i].option, pointers[i].value);
    if (r == CURLE_OK) r = curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    if (r == CURLE_OK) r = curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    return r;
}

static eg_status transfer(const char *url, struct download *d)
{
    char message[CURL_ERROR_SIZE] = "";
    CURL *c = curl_easy_init();
    if (c == NULL) return egi_fail(EG_ERR_NOMEM, "%s: curl", url);
    CURLcode r = set_options(c, url, message, d);
    if (r == CURLE_OK) r = curl_easy_perform(c);
    curl_easy_cleanup(c);
    if (r == CURLE_OK) return EG_OK;
    if (d->status != EG_OK) return d->status;
    return egi_fail(EG_ERR_IO, "%.300s: %s", url,
                    message[0] != '\0' ? message : curl_easy_strerror(r));
}

static int is_sha256(const char *hex)
{
    for (size_t i = 0; i < 64; i++)
        if (!isxdigit((unsigned char)hex[i])) return 0;
    return hex[64] == '\0';
}

static eg_status check_sum(struct download *d, const char *url, const char *sha256)
{
    char hex[65];
    egi_sha256_hex(&d->sum, hex);
    if (strcasecmp(hex, sha256) == 0) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT, "%.200s: sha256 %s, expected %s; nothing is kept", url, hex,
                    sha256);
}

eg_status eg_download(const char *url, const char *sha256, const char *path,
                      const eg_progress *progress)
{
    if (url == NULL || path == NULL || sha256 == NULL || !is_sha256(sha256))
        return egi_fail(EG_ERR_INVALID, "eg_download: expected a URL, 64 hex digits and a path");
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return egi_fail(EG_ERR_INVALID, "%.300s: expected http:// or https://", url);
    struct download d = { .progress = progress };
    egi_sha256_init(&d.sum);
    EGI_TRY(egi_writer_open(&d.file, path));
    eg_status s = transfer(url, &d);
    if (s == EG_OK) s = check_sum(&d, url, sha256);
    if (s == EG_OK) return egi_writer_commit(&d.file);
    egi_writer_abort(&d.file);
    return s;
}
