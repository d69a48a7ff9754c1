/* Short names of memories. A preset is a row: three choices, a storage, and the one number
 * that follows the colon. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rule_options.h"

#include <math.h>
#include <string.h>

#include "cli/console.h"

enum number { NO_NUMBER, BETA, ORDER, K };

/* beta 0 stands for 1/D: similarities in units of their largest value, so that energies of
 * any order stay near 1. */
static const struct preset {
    const char *name;
    enum number number; /* what follows the colon */
    double value;       /* when nothing does */
    eg_similarity similarity;
    eg_separation separation;
    eg_projection projection;
    eg_storage storage;
    double beta, order;
    const char *summary;
} presets[] = {
    { "dam", ORDER, 3, EG_SIM_DOT, EG_SEP_POWER, EG_PROJ_SIGN, EG_STORE_DENSE, 0, 2,
      "dense associative memory of order n, +-1 (Krotov and Hopfield 2016)" },
    { "rectified", ORDER, 3, EG_SIM_DOT, EG_SEP_RECTIFIED, EG_PROJ_SIGN, EG_STORE_DENSE, 0, 2,
      "the same with a rectified polynomial" },
    { "exponential", BETA, 1, EG_SIM_DOT, EG_SEP_EXPONENTIAL, EG_PROJ_SIGN, EG_STORE_DENSE, 1, 2,
      "exponential memory, +-1 (Demircigil et al. 2017)" },
    { "modern", BETA, 1, EG_SIM_DOT, EG_SEP_SOFTMAX, EG_PROJ_IDENTITY, EG_STORE_DENSE, 1, 2,
      "modern continuous Hopfield network at beta (Ramsauer et al. 2021)" },
    { "sparse", ORDER, 2, EG_SIM_DOT, EG_SEP_ENTMAX, EG_PROJ_IDENTITY, EG_STORE_DENSE, 1, 2,
      "entmax of order alpha; 2 is sparsemax (Santos et al. 2024)" },
    { "normmax", ORDER, 2, EG_SIM_DOT, EG_SEP_NORMMAX, EG_PROJ_IDENTITY, EG_STORE_DENSE, 1, 2,
      "normmax of order gamma (Santos et al. 2024)" },
    { "ksubsets", K, 2, EG_SIM_DOT, EG_SEP_KSUBSETS, EG_PROJ_IDENTITY, EG_STORE_DENSE, 1, 2,
      "k memories at once (Santos et al. 2024)" },
    { "compact", BETA, 1, EG_SIM_EUCLIDEAN, EG_SEP_LSR, EG_PROJ_IDENTITY, EG_STORE_DENSE, 1, 2,
      "compact support, log-sum-ReLU (Hoover et al. 2025)" },
    { "topk", K, 1, EG_SIM_DOT, EG_SEP_TOPK, EG_PROJ_IDENTITY, EG_STORE_DENSE, 1, 2,
      "mean of the k most alike" },
    { "nearest", NO_NUMBER, 0, EG_SIM_EUCLIDEAN, EG_SEP_MAX, EG_PROJ_IDENTITY, EG_STORE_DENSE, 1, 2,
      "nearest neighbour" },
    { "classical", NO_NUMBER, 0, EG_SIM_DOT, EG_SEP_IDENTITY, EG_PROJ_SIGN, EG_STORE_HEBB, 1, 2,
      "classical Hopfield network; --storage hebb, storkey or pseudoinverse keeps weights only" },
    { "storkey", NO_NUMBER, 0, EG_SIM_DOT, EG_SEP_IDENTITY, EG_PROJ_SIGN, EG_STORE_STORKEY, 1, 2,
      "classical, Storkey's rule" },
    { "pseudoinverse", NO_NUMBER, 0, EG_SIM_DOT, EG_SEP_IDENTITY, EG_PROJ_SIGN,
      EG_STORE_PSEUDOINVERSE, 1, 2, "classical, projector on the patterns" },
    { "features", BETA, 1, EG_SIM_EUCLIDEAN, EG_SEP_SOFTMAX, EG_PROJ_IDENTITY, EG_STORE_FEATURES, 1,
      2, "fixed size whatever is stored: random features (Hoover et al. 2024)" },
};

enum { PRESETS = sizeof presets / sizeof *presets };

static const char *const storages[EG_STORE_COUNT + 1] = { "dense",   "bits",          "hebb",
                                                          "storkey", "pseudoinverse", "features",
                                                          NULL };

const char *storage_name(size_t row)
{
    return row < EG_STORE_COUNT ? storages[row] : NULL;
}

const char *similarity_name(size_t row)
{
    return row < EG_SIM_COUNT ? eg_similarity_info((eg_similarity)row)->name : NULL;
}

const char *separation_name(size_t row)
{
    return row < EG_SEP_COUNT ? eg_separation_info((eg_separation)row)->name : NULL;
}

const char *projection_name(size_t row)
{
    return row < EG_PROJ_COUNT ? eg_projection_info((eg_projection)row)->name : NULL;
}

/* Presets, then the kinds of binary memories. */
static const char *preset_name(const void *user, size_t i)
{
    (void)user;
    if (i < PRESETS) return presets[i].name;
    const eg_binary_kind_info *kind = eg_binary_kind_at(i - PRESETS);
    return kind != NULL ? kind->name : NULL;
}

const char *memory_name(size_t row)
{
    if (row >= PRESETS) return preset_name(NULL, row);
    return keep_format("%s%s", presets[row].name, presets[row].number == NO_NUMBER ? "" : ":");
}

/* "dam:3" into a memory; 0 when there is no such name, -1 when its number is wrong. */
static int find_preset(const char *text, size_t d, eg_memory_options *m)
{
    const size_t length = strcspn(text, ":");
    for (size_t i = 0; i < PRESETS; i++) {
        const struct preset *p = &presets[i];
        if (strlen(p->name) != length || strncmp(p->name, text, length) != 0) continue;
        double value = p->value;
        if (text[length] == ':'
            && (p->number == NO_NUMBER || !parse_number(text + length + 1, &value)))
            return -1;
        m->storage = p->storage;
        m->rule.similarity = p->similarity;
        m->rule.separation = p->separation;
        m->rule.projection = p->projection;
        m->rule.beta = p->number == BETA ? value : p->beta > 0 ? p->beta : 1 / (double)(d ? d : 1);
        m->rule.order = p->number == ORDER ? value : p->order;
        m->rule.k = p->number == K && value >= 1 && value < 1e15 ? (size_t)value : 1;
        return 1;
    }
    return 0;
}

eg_memory_options memory_by_name(const char *name, size_t d)
{
    eg_memory_options m = EG_MEMORY_OPTIONS_INIT;
    (void)find_preset(name, d, &m);
    return m;
}

static int bad_preset(const struct call *call, const char *text, int found)
{
    char name[32];
    if (found < 0) return fail_usage(call, "--memory %s: expected NAME or NAME:NUMBER", text);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, ":"), text);
    for (size_t i = PRESETS; preset_name(NULL, i) != NULL; i++)
        if (strcmp(preset_name(NULL, i), name) == 0)
            return fail_usage(call,
                              "--memory %s: a binary memory; it begins with engram store, "
                              "and here a dense one is expected",
                              text);
    const char *near = nearest_name(name, preset_name, NULL);
    struct text all = { 0 };
    for (size_t i = 0; preset_name(NULL, i) != NULL; i++)
        text_add(&all, " %s", preset_name(NULL, i));
    const int code =
        fail_usage(call, "--memory: no memory \"%s\"%s%s%s; there are%s", name,
                   near ? "; did you mean " : "", near ? near : "", near ? "?" : "", all.s);
    text_clear(&all);
    return code;
}

/* Storage by short name: what the patterns are kept as already, when any of these will do. */
static eg_storage storage_after(eg_storage start, eg_storage named)
{
    const int keeps = start == EG_STORE_DENSE || start == EG_STORE_BITS;
    return keeps && named <= EG_STORE_HEBB ? start : named;
}

int rule_resolve(const struct call *call, const struct rule_options *given, size_t d,
                 const eg_memory_options *start, eg_memory_options *out)
{
    eg_memory_options m = start ? *start : memory_by_name("dam:3", d);
    const int found = given->memory ? find_preset(given->memory, d, &m) : 1;
    if (found != 1) return bad_preset(call, given->memory, found);
    if (start != NULL && given->memory) m.storage = storage_after(start->storage, m.storage);
    if (given->similarity >= 0) m.rule.similarity = (eg_similarity)given->similarity;
    if (given->separation >= 0) m.rule.separation = (eg_separation)given->separation;
    if (given->projection >= 0) m.rule.projection = (eg_projection)given->projection;
    if (given->storage >= 0) m.storage = (eg_storage)given->storage;
    if (!isnan(given->beta)) m.rule.beta = given->beta;
    if (!isnan(given->order)) m.rule.order = given->order;
    if (!isnan(given->gain)) m.rule.gain = given->gain;
    if (given->k != 0) m.rule.k = given->k;
    if (given->features != 0) m.features = given->features;
    if (given->self_coupling) m.self_coupling = 1;
    m.seed = call->common->seed;
    if (eg_rule_check(&m.rule) != EG_OK) return fail_usage(call, "%s", plain_detail());
    *out = m;
    return EXIT_DONE;
}

static int reads(const char *params, const char *field)
{
    const char *at = strstr(params, field);
    return at != NULL;
}

const char *rule_words(const eg_memory_options *o)
{
    struct text t = { 0 };
    const eg_row_info *sep = eg_separation_info(o->rule.separation);
    const eg_row_info *proj = eg_projection_info(o->rule.projection);
    text_add(&t, "%s, %s", eg_similarity_info(o->rule.similarity)->name, sep->name);
    if (reads(sep->params, "order")) text_add(&t, " order %g", o->rule.order);
    if (reads(sep->params, "beta")) text_add(&t, " beta %g", o->rule.beta);
    if (reads(sep->params, "k")) text_add(&t, " k %zu", o->rule.k);
    text_add(&t, ", %s", proj->name);
    if (reads(proj->params, "gain")) text_add(&t, " gain %g", o->rule.gain);
    text_add(&t, "; kept as %s", storages[o->storage]);
    const char *kept = keep_format("%s", t.s);
    text_clear(&t);
    return kept;
}

json_t *rule_json(const eg_memory_options *o)
{
    json_t *j = json_object();
    json_object_set_new(j, "similarity", json_string(eg_similarity_info(o->rule.similarity)->name));
    json_object_set_new(j, "separation", json_string(eg_separation_info(o->rule.separation)->name));
    json_object_set_new(j, "projection", json_string(eg_projection_info(o->rule.projection)->name));
    json_object_set_new(j, "storage", json_string(storages[o->storage]));
    json_object_set_new(j, "beta", json_number(o->rule.beta));
    json_object_set_new(j, "order", json_number(o->rule.order));
    json_object_set_new(j, "k", json_integer((json_int_t)o->rule.k));
    json_object_set_new(j, "gain", json_number(o->rule.gain));
    json_object_set_new(j, "self_coupling", json_boolean(o->self_coupling));
    json_object_set_new(j, "features", json_integer((json_int_t)o->features));
    json_object_set_new(j, "seed", json_integer((json_int_t)o->seed));
    return j;
}

void presets_table(struct table *t)
{
    static const struct column columns[] = { { "memory", NULL }, { "what", NULL } };
    static const char *const number[] = { "", ":BETA", ":N", ":K" };
    table_begin(t, "memories by short name", columns, 2);
    for (size_t i = 0; i < PRESETS; i++) {
        table_word(t, "%s%s", presets[i].name, number[presets[i].number]);
        table_word(t, "%s", presets[i].summary);
    }
    const eg_binary_kind_info *kind;
    for (size_t i = 0; (kind = eg_binary_kind_at(i)) != NULL; i++) {
        static const char *const size[EG_BINARY_KINDS] = {
            [EG_BINARY_CLIQUE] = ":UNITS",
            [EG_BINARY_CHAIN] = ":UNITS",
            [EG_BINARY_SDM] = ":LOCATIONS",
        };
        table_word(t, "%s%s", kind->name, size[i] ? size[i] : "");
        table_word(t, "binary: %s (%s)", kind->summary, kind->source);
    }
}
