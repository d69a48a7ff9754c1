/* cli/taught.h - memory files that hold a head: classes taught by storing. What the file knows
 * beside the head are notes: the names of classes ("class/3"), the network whose features it was
 * taught ("network", "network/sha256") and how pictures become its input ("features"). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TAUGHT_H
#define CLI_TAUGHT_H

#include "cli/features.h"
#include "cli/reader_options.h"
#include "cli/stored.h"

/* 1: the file holds a head; 0: something else, or it cannot be opened. */
int taught_file(const char *path);

struct taught {
    struct stored file;
    eg_head *head;
    const char *network; /* where it is; NULL: rows of features alone */
    struct feature_options how;
    size_t names;  /* classes have numbers below it; one that was forgotten has no name */
    size_t vacant; /* below it no number is free */
};

/* Opened, loaded; an exit code, message printed. network: where it is now (--network), or NULL. */
int taught_open(const struct call *call, const char *path, int read_only, struct taught *t);
void taught_close(struct taught *t);

/* The network's file, found where it was or beside the memory file, and the same as then. given:
 * where it is now, or NULL. */
int taught_find_network(const struct call *call, const char *given, struct taught *t);
/* Notes of a new file. */
size_t taught_notes(const char *network, const struct features *f, const eg_note **notes);

/* The number of a class by its name: -1 where there is none. */
int32_t taught_class(struct taught *t, const char *name);
/* The same; it is given the first number that is free and its note is written. */
int32_t taught_new_class(struct taught *t, const char *name, eg_status *s);
const char *taught_name(struct taught *t, int32_t label);
int taught_named(struct taught *t, size_t c);
/* The head into its file, and the names of classes that it no longer knows out of it. */
eg_status taught_write(struct taught *t);
/* EXIT_NO, and the message with the classes there are. */
int taught_no_class(const struct call *call, struct taught *t, const char *name);

/* Items of arguments `first` and on, as features, with the class each has in its data (a name;
 * NULL: none). */
struct items {
    struct features f;
    const char **label, **name; /* (n) */
    size_t n, room;
};
int items_read(const struct call *call, const char *network, const struct feature_options *how,
               size_t wanted, const struct reader_options *reader, size_t first,
               struct items *items);
void items_clear(struct items *items);

/* The record that teach, forget and merge print: what they did, what the file holds then. */
int taught_report(const struct call *call, const char *path, const eg_head *h, const char *did,
                  size_t n, double started);

/* Suggests to classify pictures, or rows of features where there is no network. */
void taught_next(const struct call *call, const char *path, const char *network);

/* What other commands do with such a file. */
struct forgetting {
    const struct reader_options *reader;
    const char *label, *network;
};
int taught_forget(const struct call *call, const struct forgetting *o);
int taught_merge(const struct call *call);
int taught_info(const struct call *call);

#endif
