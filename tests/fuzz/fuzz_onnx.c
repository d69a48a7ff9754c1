/* A hostile network. What opens is run on zeros, its shapes are inferred, and what comes out must
 * be whole. The limit on bytes keeps a run short. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "engram/engram.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { INPUTS = 4, ELEMENTS = 4096 };

/* A dimension of any size is 2. 0: more elements than there are zeros. */
static int shape_of(const eg_onnx_port *p, eg_shape *out)
{
    *out = p->shape;
    if (!p->has_shape) *out = eg_shape_of(2, 3);
    for (size_t i = 0; i < out->rank; i++)
        if (out->dim[i] == 0) out->dim[i] = 2;
    return eg_shape_size(out) <= ELEMENTS;
}

static void run(eg_onnx *m)
{
    static const double zeros[ELEMENTS];
    eg_onnx_array in[INPUTS], out = { .name = NULL };
    eg_shape shape[INPUTS];
    eg_onnx_cost cost;
    size_t n = 0;
    for (; eg_onnx_input(m, n) != NULL; n++) {
        if (n == INPUTS || !shape_of(eg_onnx_input(m, n), &shape[n])) return;
        in[n] = (eg_onnx_array){ NULL, EG_F32, shape[n], zeros };
    }
    eg_status s = eg_onnx_infer(m, shape, n, NULL, NULL, &cost);
    if (s > 0 || (s != EG_OK && eg_error_detail()[0] == '\0')) abort();
    s = eg_onnx_run(m, in, n, NULL, 1, &out);
    if (s > 0 || (s != EG_OK && eg_error_detail()[0] == '\0')) abort();
    if (s != EG_OK) return;
    const unsigned char *p = out.data;
    unsigned sum = 0;
    const size_t size = eg_shape_size(&out.shape) * eg_dtype_size(out.dtype);
    for (size_t i = 0; i < size; i++) sum += p[i]; /* every byte can be read */
    if (out.name == NULL || sum == 1u << 31) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    eg_onnx *m = NULL;
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    o.max_bytes = (size_t)1 << 20;
    o.threads = 1;
    const eg_status s = eg_onnx_read("fuzz", bytes, size, &o, &m);
    if (s > 0 || (s != EG_OK && eg_error_detail()[0] == '\0')) abort();
    if (s != EG_OK) return 0;
    for (size_t i = 0; i < eg_params_count(eg_onnx_params(m)); i++)
        if (eg_params_at(eg_onnx_params(m), i)->value == NULL) abort();
    run(m);
    eg_onnx_destroy(m);
    return 0;
}
