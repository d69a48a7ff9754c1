/* Opening a network, and what there is to ask of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/onnx.h"

#include <string.h>

#include "base/egi_file.h"
#include "model/egi_onnx.h"

/* Bytes of values for each byte that a caller puts in; how often all of them may be made anew. */
enum { INPUT_SHARE = 64, MADE_SHARE = 4 };

static eg_status create(const char *name, const eg_onnx_options *options, struct eg_onnx **out)
{
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    if (options != NULL) memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    if (o.threads < 0) return egi_fail(EG_ERR_INVALID, "eg_onnx_open: threads = %d", o.threads);
    const eg_allocator *alloc = o.alloc != NULL ? o.alloc : eg_allocator_default();
    struct eg_onnx *m = egi_alloc(alloc, sizeof *m);
    if (m == NULL) return egi_fail(EG_ERR_NOMEM, "%s: %zu bytes", name, sizeof *m);
    memset(m, 0, sizeof *m);
    m->alloc = alloc;
    m->threads = o.threads;
    m->keep_norms = o.keep_norms;
    m->given = o.max_bytes;
    m->max_bytes = m->given > 0 ? m->given : (size_t)EG_LIMIT_ONNX;
    m->node_by_node = o.node_by_node;
    m->file = egi_alloc(alloc, strlen(name) + 1);
    if (m->file == NULL) {
        egi_free(alloc, m, sizeof *m);
        return egi_fail(EG_ERR_NOMEM, "%s: %zu bytes", name, strlen(name) + 1);
    }
    memcpy(m->file, name, strlen(name) + 1);
    *out = m;
    return EG_OK;
}

void eg_onnx_destroy(eg_onnx *m)
{
    if (m == NULL) return;
    egi_onnx_drop_plan(m);
    for (size_t i = 0; i < m->values && m->value != NULL; i++) egi_onnx_drop(m, &m->value[i].data);
    for (size_t i = 0; i < m->blocks; i++) egi_free(m->alloc, m->block[i].p, m->block[i].bytes);
    eg_params_destroy(m->params);
    eg_tape_destroy(m->tape);
    egi_free(m->alloc, m->bytes, m->size);
    egi_free(m->alloc, m->file, strlen(m->file) + 1);
    egi_free(m->alloc, m, sizeof *m);
}

void egi_onnx_limit(struct eg_onnx *m, size_t inputs)
{
    const size_t own = egi_limit_of(m->given, m->size, (size_t)EG_LIMIT_ONNX);
    const size_t more = m->given > 0 ? 0
                        : inputs > ((size_t)EG_LIMIT_ONNX - own) / INPUT_SHARE
                            ? (size_t)EG_LIMIT_ONNX - own
                            : INPUT_SHARE * inputs;
    m->max_bytes = own + more;
    m->made = 0;
    m->made_most = MADE_SHARE * ((double)m->max_bytes + INPUT_SHARE * (double)inputs);
    if (m->tape != NULL) egi_tape_limit(m->tape, m->max_bytes - m->held + 1); /* 0: any number */
}

static eg_status prepare(struct eg_onnx *m, eg_onnx **out)
{
    egi_onnx_limit(m, 0);
    m->held = m->size;
    eg_status s = eg_params_create(m->alloc, &m->params);
    if (s == EG_OK) s = egi_onnx_graph(m);
    if (s == EG_OK) s = egi_onnx_prepare(m);
    if (s == EG_OK) s = eg_tape_create(m->threads, m->alloc, &m->tape);
    if (s != EG_OK) {
        eg_onnx_destroy(m);
        return s;
    }
    egi_onnx_limit(m, 0);
    *out = m;
    return EG_OK;
}

eg_status eg_onnx_open(const char *path, const eg_onnx_options *options, eg_onnx **out)
{
    struct eg_onnx *m;
    if (path == NULL || out == NULL) return egi_fail(EG_ERR_INVALID, "eg_onnx_open: NULL");
    EGI_TRY(create(path, options, &m));
    const eg_status s = egi_file_read(path, m->max_bytes, m->alloc, &m->bytes, &m->size);
    if (s == EG_OK) return prepare(m, out);
    eg_onnx_destroy(m);
    return s;
}

eg_status eg_onnx_read(const char *name, const void *bytes, size_t size,
                       const eg_onnx_options *options, eg_onnx **out)
{
    struct eg_onnx *m;
    void *copy = NULL;
    if (name == NULL || (bytes == NULL && size > 0) || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_onnx_read: NULL");
    EGI_TRY(create(name, options, &m));
    eg_status s = size > m->max_bytes
                      ? egi_fail(EG_ERR_LIMIT, "%s: %zu bytes, more than the limit of %zu", name,
                                 size, m->max_bytes)
                      : egi_alloc_array(m->alloc, size > 0 ? size : 1, 1, name, &copy);
    if (s != EG_OK) {
        eg_onnx_destroy(m);
        return s;
    }
    if (size > 0) memcpy(copy, bytes, size);
    m->bytes = copy;
    m->size = size;
    return prepare(m, out);
}

const eg_onnx_port *eg_onnx_input(const eg_onnx *m, size_t index)
{
    return index < m->in.count ? &m->in.port[index] : NULL;
}

const eg_onnx_port *eg_onnx_output(const eg_onnx *m, size_t index)
{
    return index < m->out.count ? &m->out.port[index] : NULL;
}

int64_t eg_onnx_opset(const eg_onnx *m)
{
    return m->opset;
}

size_t eg_onnx_nodes(const eg_onnx *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->nodes; i++) n += (size_t)m->node[i].live;
    return n;
}

const char *eg_onnx_meta(const eg_onnx *m, const char *key)
{
    for (size_t i = 0; i < m->metas; i++)
        if (strcmp(m->meta[2 * i], key) == 0) return m->meta[2 * i + 1];
    return NULL;
}

eg_params *eg_onnx_params(eg_onnx *m)
{
    if (!m->params_out) egi_onnx_drop_plan(m); /* it was made for weights that stay */
    m->params_out = 1;
    return m->params;
}

const eg_onnx_operator *eg_onnx_operator_at(size_t row)
{
    const struct egi_onnx_row *r = egi_onnx_row_at(row);
    return r != NULL ? &r->info : NULL;
}
