/* The table of heads that are compared: of each the settings that are tried, and what the project's
 * reference (2.5) has of it. Included once. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_HEAD_METHODS_H
#define EXPERIMENTS_HEAD_METHODS_H

#include <math.h>

#include "experiments/frozen.h"

enum { HEAD_PUBLISHED = 2, HEAD_SETTINGS = 4 };

/* A head, the settings to choose from, and what the reference has of it on the first sets (NaN:
 * nothing). */
struct head_method {
    const char *name;
    const char *spec[HEAD_SETTINGS];
    double published[HEAD_PUBLISHED];
    int drawn;      /* seeds or the order of examples leave a trace */
    size_t least_d; /* of features it is run on */
    size_t views;   /* of each picture */
};

#define CODE(kind, p, k) \
    "\"quantiser\": {\"kind\": \"" #kind "\", \"parts\": " #p ", \"anchors\": " #k "}"

#define NO       \
    {            \
        NAN, NAN \
    }

static const struct head_method head_methods[] = {
    { "mean, cosine", { "{\"kind\": \"mean\", \"centred\": false}" }, { 85.4, 87.0 }, 0, 0, 1 },
    { "mean, centred", { "{\"kind\": \"mean\"}" }, NO, 0, 0, 1 },
    { "mean, 8 bits", { "{\"kind\": \"mean\", \"bits\": 8}" }, NO, 0, 0, 1 },
    { "mean, 4 bits", { "{\"kind\": \"mean\", \"bits\": 4}" }, NO, 0, 0, 1 },
    { "mean, 2 bits", { "{\"kind\": \"mean\", \"bits\": 2}" }, NO, 0, 0, 1 },
    { "mean, 1 bit", { "{\"kind\": \"mean\", \"bits\": 1}" }, NO, 0, 0, 1 },
    { "prototype, 4 bits", { "{\"kind\": \"prototype\", \"bits\": 4}" }, NO, 1, 0, 1 },
    { "prototype, 3 bits", { "{\"kind\": \"prototype\", \"bits\": 3}" }, NO, 1, 0, 1 },
    { "prototype, 2 bits",
      { "{\"kind\": \"prototype\", \"bits\": 2, \"reach\": 1.5}" },
      NO,
      1,
      0,
      1 },
    { "prototype, 1 bit", { "{\"kind\": \"prototype\", \"bits\": 1, \"reach\": 1}" }, NO, 1, 0, 1 },
    { "prototype of directions, 62 kB of 100 classes",
      { "{\"kind\": \"prototype\", \"bits\": 4, \"below\": true, \"project\": 1250}",
        "{\"kind\": \"prototype\", \"bits\": 5, \"below\": true, \"project\": 1000, \"reach\": "
        "2.5}",
        "{\"kind\": \"prototype\", \"bits\": 6, \"below\": true, \"project\": 830, \"reach\": "
        "2.5}" },
      NO,
      1,
      1281,
      1 },
    { "lda",
      { "{\"kind\": \"lda\", \"shrink\": 0.1}", "{\"kind\": \"lda\", \"shrink\": 0.5}",
        "{\"kind\": \"lda\", \"shrink\": 2}", "{\"kind\": \"lda\", \"shrink\": 8}" },
      NO,
      0,
      0,
      1 },
    { "lda, 80 directions",
      { "{\"kind\": \"lda\", \"project\": 80, \"shrink\": 0.03}",
        "{\"kind\": \"lda\", \"project\": 80, \"shrink\": 0.3}" },
      NO,
      1,
      128,
      1 },
    { "fecam, one covariance",
      { "{\"kind\": \"fecam\", \"shrink\": 1, \"between\": 1}",
        "{\"kind\": \"fecam\", \"shrink\": 1, \"between\": 0}",
        "{\"kind\": \"fecam\", \"shrink\": 10, \"between\": 0}" },
      NO,
      0,
      0,
      1 },
    { "fecam, a covariance each class",
      { "{\"kind\": \"fecam_each\", \"shrink\": 1, \"between\": 1}",
        "{\"kind\": \"fecam_each\", \"shrink\": 1, \"between\": 0}",
        "{\"kind\": \"fecam_each\", \"shrink\": 10, \"between\": 0}" },
      NO,
      0,
      0,
      1 },
    { "fecam, the same of 256 directions",
      { "{\"kind\": \"fecam_each\", \"project\": 256, \"shrink\": 1, \"between\": 1}",
        "{\"kind\": \"fecam_each\", \"project\": 256, \"shrink\": 1, \"between\": 0}",
        "{\"kind\": \"fecam_each\", \"project\": 256, \"shrink\": 10, \"between\": 0}" },
      NO,
      1,
      256,
      1 },
    { "ridge, 2000 directions",
      { "{\"kind\": \"ridge\", \"shrink\": 0.03}", "{\"kind\": \"ridge\", \"shrink\": 0.3}",
        "{\"kind\": \"ridge\", \"shrink\": 3}" },
      NO,
      1,
      0,
      1 },
    { "cache",
      { "{\"kind\": \"cache\", \"beta\": 5}", "{\"kind\": \"cache\", \"beta\": 15}",
        "{\"kind\": \"cache\", \"beta\": 45}" },
      NO,
      0,
      0,
      1 },
    { "1 nearest", { "{\"kind\": \"knn\", \"k\": 1}" }, { 79.6, 83.5 }, 0, 0, 1 },
    { "k nearest",
      { "{\"kind\": \"knn\", \"k\": 3}", "{\"kind\": \"knn\", \"k\": 5}",
        "{\"kind\": \"knn\", \"k\": 10}" },
      NO,
      0,
      0,
      1 },
    { "binary, OR, P = 64, K = 64",
      { "{\"kind\": \"binary\", \"read\": \"or\", " CODE(anchors, 64, 64) "}" },
      { 77.0, 80.1 },
      1,
      0,
      1 },
    { "binary, OR, P = 128, K = 64",
      { "{\"kind\": \"binary\", \"read\": \"or\", " CODE(anchors, 128, 64) "}" },
      { 80.5, 83.5 },
      1,
      128,
      1 },
    { "binary, excess, P = 128, K = 32",
      { "{\"kind\": \"binary\", " CODE(pq, 128, 32) "}",
        "{\"kind\": \"binary\", \"beta\": 2, " CODE(pq, 128, 32) "}" },
      NO,
      1,
      128,
      1 },
    { "binary, log, P = 128, K = 32",
      { "{\"kind\": \"binary\", \"read\": \"log\", " CODE(pq, 128, 32) "}" },
      NO,
      1,
      128,
      1 },
    { "clique, P = 32, K = 64",
      { "{\"kind\": \"clique\", \"steps\": 0, " CODE(anchors, 32, 64) "}",
        "{\"kind\": \"clique\", \"steps\": 1, " CODE(anchors, 32, 64) "}" },
      NO,
      1,
      0,
      1 },
    { "tilda, P = 16",
      { "{\"kind\": \"tilda\", \"parts\": 16, \"anchors\": 1}",
        "{\"kind\": \"tilda\", \"parts\": 16, \"anchors\": 5}" },
      NO,
      1,
      0,
      1 },
    { "tilda, P = 16, 2 views",
      { "{\"kind\": \"tilda\", \"parts\": 16, \"anchors\": 1}",
        "{\"kind\": \"tilda\", \"parts\": 16, \"anchors\": 5}" },
      NO,
      1,
      0,
      FROZEN_VIEWS },
    { "mean, 2 views", { "{\"kind\": \"mean\"}" }, NO, 0, 0, FROZEN_VIEWS },
    { "lda, 2 views",
      { "{\"kind\": \"lda\", \"shrink\": 0.1}", "{\"kind\": \"lda\", \"shrink\": 0.5}",
        "{\"kind\": \"lda\", \"shrink\": 2}", "{\"kind\": \"lda\", \"shrink\": 8}" },
      NO,
      0,
      0,
      FROZEN_VIEWS },
};
enum { HEAD_METHODS = sizeof head_methods / sizeof *head_methods };

#endif
