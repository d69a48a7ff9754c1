/* Layers that slide a window: convolutions and pools over (B, C, L) or (B, C, H, W). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_connections.h"

struct window {
    size_t channels, kernel[2], stride[2], padding[2], dilation[2], groups, size[2];
    int bias;
    json_t *initialiser, *connections;
    struct egi_initialiser init;
    struct egi_connections links;
};

/* AXES: EGI_SET_COUNT over one axis, EGI_SET_PAIR over two. */
#define KERNEL(AXES, fallback) AXES(struct window, kernel, fallback, 1, 1e6, "side of the window")
#define PADDING(AXES)                         \
    AXES(struct window, padding, "0", 0, 1e6, \
         "places added on each side: zeros; to a maximum, none")

#define CONV_SETTINGS(name, AXES)                                                               \
    static const struct egi_setting name[] = {                                                  \
        EGI_SET_COUNT(struct window, channels, "16", 1, 1e6, "outputs at each place"),          \
        KERNEL(AXES, "3"),                                                                      \
        AXES(struct window, stride, "1", 1, 1e6, "from one window to the next"),                \
        PADDING(AXES),                                                                          \
        AXES(struct window, dilation, "1", 1, 1e6, "between two places of a window"),           \
        EGI_SET_COUNT(struct window, groups, "1", 1, 1e6, "of channels, each by itself"),       \
        EGI_SET_FLAG(struct window, bias, "true", "add a bias, which begins at 0"),             \
        EGI_SET_JSON(struct window, initialiser, "word", "\"he_normal\"", "how weights begin"), \
        EGI_SET_CONNECTIONS(struct window),                                                     \
        EGI_SET_END,                                                                            \
    };
CONV_SETTINGS(conv1_settings, EGI_SET_COUNT)
CONV_SETTINGS(conv2_settings, EGI_SET_PAIR)

#define POOL_SETTINGS(name, AXES)                                  \
    static const struct egi_setting name[] = {                     \
        KERNEL(AXES, "2"),                                         \
        AXES(struct window, stride, "0", 0, 1e6, "0: the kernel"), \
        PADDING(AXES),                                             \
        EGI_SET_END,                                               \
    };
POOL_SETTINGS(pool1_settings, EGI_SET_COUNT)
POOL_SETTINGS(pool2_settings, EGI_SET_PAIR)

#define ADAPTIVE_SETTINGS(name, AXES)                                                \
    static const struct egi_setting name[] = {                                       \
        AXES(struct window, size, "1", 1, 1e6, "places that are left along a side"), \
        EGI_SET_END,                                                                 \
    };
ADAPTIVE_SETTINGS(adaptive1_settings, EGI_SET_COUNT)
ADAPTIVE_SETTINGS(adaptive2_settings, EGI_SET_PAIR)

static const struct window *of(const struct egi_layer *l)
{
    return (const struct window *)(const void *)l->settings.bytes;
}

static eg_window window_of(const struct window *o)
{
    eg_window w = EG_WINDOW_INIT;
    for (size_t i = 0; i < 2; i++) {
        w.kernel[i] = o->kernel[i];
        w.stride[i] = o->stride[i];
        w.padding[i] = o->padding[i];
        w.dilation[i] = o->dilation[i];
    }
    w.groups = o->groups;
    return w;
}

/* The shape of x, which has `axes` axes beside batch and channels. */
static int shape_of(struct egi_scope *s, eg_var x, size_t axes, eg_shape *shape)
{
    return egi_layer_rank(s, x, axes + 2, axes + 2, axes == 1 ? "(B, C, L)" : "(B, C, H, W)",
                          shape);
}

static eg_status check_conv(struct egi_layer *l)
{
    struct window *o = (struct window *)(void *)l->settings.bytes;
    if (o->channels % o->groups != 0)
        return egi_fail(EG_ERR_INVALID, "%s.groups: %zu channels for %zu groups", l->place,
                        o->channels, o->groups);
    EGI_TRY(egi_connections_read(o->connections, l->place, &o->links));
    if (egi_connections_stored(&o->links))
        return egi_fail(EG_ERR_UNSUPPORTED, "%s.connections: stored ones are of linear layers",
                        l->place);
    return egi_initialiser_read(o->initialiser, l->place, "initialiser", &o->init);
}

static eg_var conv(struct egi_scope *s, const struct egi_layer *l, eg_var x, size_t axes)
{
    const struct window *o = of(l);
    eg_shape in;
    if (!shape_of(s, x, axes, &in)) return EG_NONE;
    if (in.dim[1] % o->groups != 0)
        return egi_layer_fail(s, EG_ERR_SHAPE, "%zu channels come in, for %zu groups", in.dim[1],
                              o->groups);
    const eg_window w = window_of(o);
    const eg_shape weight = { axes + 2,
                              { o->channels, in.dim[1] / o->groups, o->kernel[0], o->kernel[1] } };
    const eg_var y = eg_conv(s->t, x, egi_connections_weight(s, &o->links, &weight, &o->init), &w);
    if (!o->bias) return y;
    const eg_var b = egi_scope_param(s, "bias", &eg_shape_of(o->channels), NULL);
    return eg_add(s->t, y, eg_reshape(s->t, b, &(eg_shape){ axes + 1, { o->channels, 1, 1 } }));
}

static eg_var max_pool(struct egi_scope *s, const struct egi_layer *l, eg_var x, size_t axes)
{
    const eg_window w = window_of(of(l));
    eg_shape in;
    return shape_of(s, x, axes, &in) ? eg_max_pool(s->t, x, &w) : EG_NONE;
}

static eg_var average_pool(struct egi_scope *s, const struct egi_layer *l, eg_var x, size_t axes)
{
    const eg_window w = window_of(of(l));
    eg_shape in;
    return shape_of(s, x, axes, &in) ? eg_average_pool(s->t, x, &w) : EG_NONE;
}

static eg_var adaptive_pool(struct egi_scope *s, const struct egi_layer *l, eg_var x, size_t axes)
{
    eg_shape in;
    return shape_of(s, x, axes, &in) ? eg_adaptive_average_pool(s->t, x, of(l)->size) : EG_NONE;
}

#define ROW(id, axes, apply_, check_, settings_, formula, source)                              \
    static eg_var apply_##id(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)  \
    {                                                                                          \
        return apply_(s, l, x[0], axes);                                                       \
    }                                                                                          \
    const struct egi_layer_row egi_layer_##id = { .kind = { #id, formula, source, settings_ }, \
                                                  .check = check_,                             \
                                                  .apply = apply_##id };
ROW(conv1d, 1, conv, check_conv, conv1_settings, "y_o = sum_i w_oi * x_i + b_o",
    "LeCun et al. 1989")
ROW(conv2d, 2, conv, check_conv, conv2_settings, "y_o = sum_i w_oi * x_i + b_o",
    "LeCun et al. 1989")
ROW(max_pool1d, 1, max_pool, NULL, pool1_settings, "the largest of each window", "")
ROW(max_pool2d, 2, max_pool, NULL, pool2_settings, "the largest of each window", "")
ROW(average_pool1d, 1, average_pool, NULL, pool1_settings, "the mean of each window", "")
ROW(average_pool2d, 2, average_pool, NULL, pool2_settings, "the mean of each window", "")
ROW(adaptive_pool1d, 1, adaptive_pool, NULL, adaptive1_settings, "means of `size` windows", "")
ROW(adaptive_pool2d, 2, adaptive_pool, NULL, adaptive2_settings, "means of `size` windows", "")
