/* conv.c -- conv1d, conv2d, conv_transpose2d: checks, the choice of an algorithm for each pass, gradients. */
#include "conv.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "shape.h"
#include "verbose.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the algorithms, in the order in which they are asked ---------------------------------------- */

static const pc_conv_algorithm *const forward_algorithms[] = {
    &pc_conv_thin_forward, &pc_conv_winograd4_forward, &pc_conv_winograd2_forward, &pc_conv_winograd_strided_forward,
    &pc_conv_pointwise_forward, &pc_conv_depthwise_forward, &pc_conv_direct_forward, NULL
};
static const pc_conv_algorithm *const input_algorithms[] = {
    &pc_conv_thin_input, &pc_conv_winograd4_input, &pc_conv_winograd2_input, &pc_conv_winograd_strided_input,
    &pc_conv_pointwise_input, &pc_conv_depthwise_phases_input, &pc_conv_depthwise_input, &pc_conv_phases_input,
    &pc_conv_direct_input, NULL
};
static const pc_conv_algorithm *const weight_algorithms[] = {
    &pc_conv_thin_weight, &pc_conv_winograd4_weight, &pc_conv_winograd2_weight, &pc_conv_winograd_strided_weight,
    &pc_conv_pointwise_weight, &pc_conv_depthwise_weight, &pc_conv_direct_weight, NULL
};

static _Atomic(const char *) forced;

pc_status pc_force_convolution(const char *name)
{
    const pc_conv_algorithm *const *const lists[] = { forward_algorithms, input_algorithms, weight_algorithms };
    const char *found = NULL;
    for (int i = 0; i < 3 && name != NULL; i++)
        for (int k = 0; lists[i][k] != NULL; k++)
            if (strcmp(lists[i][k]->name, name) == 0) found = lists[i][k]->name;
    if (name != NULL && found == NULL)
        return pc_fail(PC_EVALUE, "no algorithm of a convolution is called \"%.40s\"", name);
    forced = found;
    return PC_OK;
}

static const char *reason_against(const pc_conv_algorithm *k, const pc_conv_pass *a)
{
    const char *reason = k->refuse(a), *wanted = forced;
    if (reason == NULL && wanted != NULL) return strcmp(k->name, wanted) == 0 ? NULL : "another one is forced";
    return reason != NULL ? reason : k->avoid(a);
}

/* PYCNN_VERBOSE=1: which algorithm runs, and why those before it refused. */
static void tell(const pc_conv_algorithm *const *list, const pc_conv_algorithm *chosen, const char *pass,
                 const pc_conv_pass *a)
{
    const pc_conv *p = &a->p;
    char reasons[PC_REASONS] = "";
    for (; *list != chosen; list++) pc_reason(reasons, (*list)->name, reason_against(*list, a));
    fprintf(stderr,
            "pycnn: convolution %s %" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64 " * %" PRId64 "x%" PRId64
            "x%" PRId64 "x%" PRId64 " stride %" PRId64 "x%" PRId64 " padding %" PRId64 "x%" PRId64
            " dilation %" PRId64 "x%" PRId64 " groups %" PRId64 ": %s%s\n",
            pass, p->n, p->c, p->h, p->w, p->k, p->c / p->groups, p->r, p->s, p->sh, p->sw, p->ph, p->pw, p->dh,
            p->dw, p->groups, chosen->name, reasons);
}

/* Run the first that accepts; the last one always does. No plan is kept for a shape: of the 780 ns of the smallest call
   (1x3x8x8 * 8x3x3x3), reading and checking its arguments takes 35 and asking all algorithms 8, and to find both again
   by the shapes, strides and dtypes of three tensors and four parameters would take half of that. */
static pc_status run_first(const pc_conv_algorithm *const *list, const char *pass, const pc_conv_pass *a)
{
    const pc_conv_algorithm *const *k = list;
    while (k[1] != NULL && reason_against(*k, a) != NULL) k++;
    if (pc_verbose()) tell(list, *k, pass, a);
    return (*k)->run(a);
}

/* ---- weights made ready ------------------------------------------------------------------------- */

/* Four times the weights, as Winograd's filters are, is much to keep where a batch shares the work of making them:
   large ones stay for single images alone. */
#define KEEP_FLOATS ((int64_t)2 << 20)

bool pc_conv_keeps(const pc_conv_pass *c, int64_t floats)
{
    return c->keep && (floats <= KEEP_FLOATS || c->p.n == 1) && pc_is_contiguous(c->weight) && c->weight->offset == 0;
}

pc_derived *pc_conv_derived(const pc_conv_pass *c, int64_t floats, const int64_t *own, bool *found)
{
    int64_t key[5 + PC_CONV_KEY] = { (int64_t)(intptr_t)pc_k };
    memcpy(key + 1, c->weight->shape, 4 * sizeof *key);
    memcpy(key + 5, own, PC_CONV_KEY * sizeof *key);
    pc_derived *d = pc_conv_keeps(c, floats) ? pc_derived_find(c->weight, key) : NULL;
    *found = d != NULL;
    return d != NULL ? d : pc_derived_new(c->weight, key, floats);
}

void pc_conv_keep(const pc_conv_pass *c, int64_t floats, pc_derived *d)
{
    if (pc_conv_keeps(c, floats)) pc_derived_keep(c->weight, d);
}

/* ---- one call ----------------------------------------------------------------------------------- */

/* What the arguments of a call come to. The convolution is the one whose forward (or, transposed, input gradient)
   the call computes. */
typedef struct conv_call {
    pc_conv p;
    bool transposed, batched, channels_last;
    int spatial;                 /* 1 or 2 */
    pc_dtype dtype, work;        /* of the operands; in which the sums are made */
    int64_t out_shape[4];        /* 4-D */
} conv_call;

static const char *c_type_name(pc_dtype d)
{
    static const char *names[PC_DTYPE_COUNT] = { "bool", "unsigned char", "signed char", "short", "int", "long int",
                                                 "c10::Half", "c10::BFloat16", "float", "double" };
    return names[d];
}

static void pair(const pc_value *v, int spatial, int64_t *h, int64_t *w, int64_t along)
{
    int n = v->ints.n;
    *w = v->ints.v[n - 1];
    *h = spatial == 1 ? along : v->ints.v[0];
}

static pc_status check_ints(const pc_value *v, int spatial, const char *what)
{
    pc_status status = PC_OK;
    if (v->ints.n == 1 || v->ints.n == spatial) return pc_check_extents(v->ints.n, v->ints.v);
    char text[160] = "";
    for (int i = 0; i < v->ints.n; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%" PRId64, i > 0 ? ", " : "", v->ints.v[i]);
    }
    PC_CHECK(false, PC_ESHAPE,
             "expected %s to be a single integer value or a list of %d values to match the convolution "
             "dimensions, but got %s=[%s]",
             what, spatial, what, text);
done:
    return status;
}

static bool any_below(const pc_value *v, int64_t least)
{
    for (int i = 0; i < v->ints.n; i++)
        if (v->ints.v[i] < least) return true;
    return false;
}

/* Shapes as torch shows them in its messages: unbatched inputs with the batch of one that they get. */
static const char *shape_text(const pc_tensor *t, bool batched, char *buf)
{
    pc_tensor view = *t;
    if (!batched) {
        memmove(view.shape + 1, view.shape, sizeof view.shape - sizeof view.shape[0]);
        view.shape[0] = 1;
        view.ndim++;
    }
    return pc_shape_text(&view, buf);
}

static pc_status check_types(const pc_call *c)
{
    pc_status status = PC_OK;
    pc_dtype x = c->in[0]->dtype, w = c->in[1]->dtype;
    const char *hint = !pc_dtype_is_float(x) ? ". Hint: make the image float: transforms.ToTensor(), or .float()" : "";
    if (c->in[2] != NULL)
        PC_CHECK(c->in[2]->dtype == x, PC_ESHAPE, "Input type (%s) and bias type (%s) should be the same%s",
                 c_type_name(x), c_type_name(c->in[2]->dtype), hint);
    PC_CHECK(w == x, PC_ESHAPE, "expected scalar type %s but found %s: input and weight should have the same type%s",
             pc_dtype_type_name(x), pc_dtype_type_name(w), hint);
    PC_CHECK(x != PC_BOOL, PC_ENOTIMPL, "\"slow_conv2d_cpu\" not implemented for 'Bool'");
done:
    return status;
}

static const char *channels_hint(const pc_tensor *x, int at, int64_t wanted)
{
    if (x->shape[x->ndim - 1] == wanted && x->ndim == at + 3)
        return at ? ". The channels seem to be last: use .permute(0, 3, 1, 2)"
                  : ". The channels seem to be last: use .permute(2, 0, 1)";
    if (x->shape[at] == 1 && wanted == 3)
        return ". Grey images: use in_channels=1, or transforms.Grayscale(3) on the images";
    if (x->shape[at] == 4 && wanted == 3) return ". Images with transparency: use .convert('RGB') on them";
    return "";
}

/* The values v: stride, padding, [output_padding,] (transposed: groups,) dilation, (else: groups). */
static const pc_value *dilation_of(const pc_call *c, const conv_call *f) { return &c->v[f->transposed ? 4 : 2]; }

/* The number of dimensions, and the values by themselves. */
static pc_status check_values(const pc_call *c, const conv_call *f)
{
    pc_status status = PC_OK;
    const pc_tensor *x = c->in[0], *w = c->in[1];
    const pc_value *stride = &c->v[0], *padding = &c->v[1], *extra = &c->v[2], *dilation = dilation_of(c, f);
    const int spatial = f->spatial;
    const char *name = f->transposed ? "conv_transpose2d" : spatial == 1 ? "conv1d" : "conv2d";
    char text[200], more[200];
    PC_CHECK(x->ndim == spatial + 1 || x->ndim == spatial + 2, PC_ESHAPE,
             "Expected %dD (unbatched) or %dD (batched) input to %s, but got input of size: %s", spatial + 1,
             spatial + 2, name, pc_shape_text(x, text));
    PC_CHECK(
        w->ndim == spatial + 2, PC_ESHAPE,
        "Expected %d-dimensional input for %d-dimensional weight %s, but got %d-dimensional input of size %s instead",
        w->ndim, w->ndim, pc_shape_text(w, text), spatial + 2, shape_text(x, f->batched, more));
    PC_TRY(pc_check_extents(x->ndim, x->shape));
    PC_TRY(check_ints(stride, spatial, "stride"));
    PC_TRY(check_ints(padding, spatial, "padding"));
    if (f->transposed) PC_TRY(check_ints(extra, spatial, "output_padding"));
    PC_TRY(check_ints(dilation, spatial, "dilation"));
    PC_CHECK(!any_below(padding, 0), PC_ESHAPE, "negative padding is not supported");
    PC_CHECK(!f->transposed || !any_below(extra, 0), PC_ESHAPE, "negative output_padding is not supported");
    PC_CHECK(!any_below(stride, 1), PC_ESHAPE, "non-positive stride is not supported");
    PC_CHECK(!any_below(dilation, 1), PC_ESHAPE,
             "dilation should be greater than zero, but got [%" PRId64 ", %" PRId64 "]", dilation->ints.v[0],
             dilation->ints.v[dilation->ints.n - 1]);
    PC_CHECK(c->v[3].i > 0, PC_ESHAPE, "non-positive groups is not supported");
done:
    return status;
}

/* Do input, weight and bias belong together? wanted, made: the input's and output's channels as the weight has them. */
static pc_status check_channels(const pc_call *c, const conv_call *f, int64_t wanted, int64_t made)
{
    pc_status status = PC_OK;
    const pc_tensor *x = c->in[0], *w = c->in[1], *b = c->in[2];
    const int at = f->batched ? 1 : 0; /* x's channels */
    const int64_t channels = x->shape[at], groups = c->v[3].i;
    char text[200], more[200];
    PC_CHECK(w->shape[0] >= groups, PC_ESHAPE, "Given groups=%" PRId64 ", expected weight to be at least %" PRId64
             " at dimension 0, but got weight of size %s instead", groups, groups, pc_shape_text(w, text));
    PC_CHECK(w->shape[0] % groups == 0, PC_ESHAPE,
             "Given groups=%" PRId64 ", expected weight to be divisible by %" PRId64
             " at dimension 0, but got weight of size [%s] instead",
             groups, groups, pc_shape_text(w, text));
    if (f->transposed)
        PC_CHECK(channels == wanted, PC_ESHAPE,
                 "Given transposed=1, weight of size %s, expected input%s to have %" PRId64
                 " channels, but got %" PRId64 " channels instead",
                 pc_shape_text(w, text), shape_text(x, f->batched, more), wanted, channels);
    PC_CHECK(channels == wanted, PC_ESHAPE,
             "Given groups=%" PRId64 ", weight of size %s, expected input%s to have %" PRId64
             " channels, but got %" PRId64 " channels instead%s",
             groups, pc_shape_text(w, text), shape_text(x, f->batched, more), wanted, channels,
             channels_hint(x, at, wanted));
    PC_CHECK(b == NULL || (b->ndim == 1 && b->shape[0] == made), PC_ESHAPE,
             "Given %sweight of size %s, expected bias to be "
             "1-dimensional with %" PRId64 " elements, but got bias of size %s instead",
             f->transposed ? "transposed=1, " : "", pc_shape_text(w, text), made, pc_shape_text(b, more));
done:
    return status;
}

/* oh and ow from h and w. eh, ew: extents of the dilated filter. */
static pc_status extents_forward(pc_conv *p, int spatial, int64_t eh, int64_t ew)
{
    pc_status status = PC_OK;
    const int64_t h = p->h + 2 * p->ph, w = p->w + 2 * p->pw;
    PC_CHECK(spatial != 1 || w >= ew, PC_ESHAPE,
             "Calculated padded input size per channel: (%" PRId64 "). Kernel size: (%" PRId64
             "). Kernel size can't be greater than actual input size",
             w, ew);
    PC_CHECK(h >= eh && w >= ew, PC_ESHAPE,
             "Calculated padded input size per channel: (%" PRId64 " x %" PRId64 "). Kernel size: (%" PRId64
             " x %" PRId64 "). Kernel size can't be greater than actual input size",
             h, w, eh, ew);
    p->oh = (h - eh) / p->sh + 1;
    p->ow = (w - ew) / p->sw + 1;
done:
    return status;
}

/* h and w, of what a convolution makes oh x ow of. */
static pc_status extents_transposed(pc_conv *p, int spatial, const pc_value *extra, int64_t eh, int64_t ew)
{
    pc_status status = PC_OK;
    int64_t xh, xw;
    pair(extra, spatial, &xh, &xw, 0);
    PC_CHECK((xh < p->sh || xh < p->dh) && (xw < p->sw || xw < p->dw), PC_ESHAPE,
             "output padding must be smaller than either stride or dilation, but got output_padding_height: %" PRId64
             " output_padding_width: %" PRId64 " stride_height: %" PRId64 " stride_width: %" PRId64
             " dilation_height: %" PRId64 " dilation_width: %" PRId64,
             xh, xw, p->sh, p->sw, p->dh, p->dw);
    p->h = (p->oh - 1) * p->sh - 2 * p->ph + eh + xh;
    p->w = (p->ow - 1) * p->sw - 2 * p->pw + ew + xw;
    PC_CHECK(p->h > 0 && p->w > 0, PC_ESHAPE,
             "Given input size per channel: (%" PRId64 " x %" PRId64 "). Calculated output "
             "size per channel: (%" PRId64 " x %" PRId64 "). Output size is too small",
             p->oh, p->ow, p->h, p->w);
done:
    return status;
}

static pc_status read_call(const pc_call *c, int spatial, bool transposed, conv_call *out)
{
    pc_status status = PC_OK;
    const pc_tensor *x = c->in[0], *w = c->in[1];
    char text[200];
    *out = (conv_call){
        .transposed = transposed, .spatial = spatial, .batched = x->ndim == spatial + 2, .dtype = x->dtype
    };
    pc_conv *p = &out->p;
    PC_TRY(check_values(c, out));
    const int64_t groups = p->groups = c->v[3].i, others = w->shape[1] * groups;
    const int64_t channels = transposed ? w->shape[0] : others, made = transposed ? others : w->shape[0];
    PC_TRY(check_channels(c, out, channels, made));
    pair(&c->v[0], spatial, &p->sh, &p->sw, 1);
    pair(&c->v[1], spatial, &p->ph, &p->pw, 0);
    pair(dilation_of(c, out), spatial, &p->dh, &p->dw, 1);
    p->r = spatial == 1 ? 1 : w->shape[2];
    p->s = w->shape[w->ndim - 1];
    PC_CHECK(p->r > 0 && p->s > 0, PC_ESHAPE, "kernel size should be greater than zero, but got kernel_height: %" PRId64
             " kernel_width: %" PRId64, p->r, p->s);
    const int64_t h = spatial == 1 ? 1 : x->shape[x->ndim - 2], width = x->shape[x->ndim - 1];
    const int64_t eh = (p->r - 1) * p->dh + 1, ew = (p->s - 1) * p->dw + 1;
    p->n = out->batched ? x->shape[0] : 1;
    if (transposed) {
        p->k = channels, p->c = made, p->oh = h, p->ow = width;
        PC_TRY(extents_transposed(p, spatial, &c->v[2], eh, ew));
    } else {
        p->k = made, p->c = channels, p->h = h, p->w = width;
        PC_TRY(extents_forward(p, spatial, eh, ew));
    }
    PC_CHECK((h > 0 && width > 0) || p->n == 0 || channels == 0, PC_ESHAPE,
             "Only zero batch or zero channel inputs are supported, but got input shape: %s",
             shape_text(x, out->batched, text));
    PC_TRY(check_types(c));
    out->work = x->dtype == PC_F32 || x->dtype == PC_F16 || x->dtype == PC_BF16 ? PC_F32
                : x->dtype == PC_F64 ? PC_F64 : PC_I64;
    out->channels_last = spatial == 2 && ((out->batched && pc_wants_channels_last(x)) || pc_wants_channels_last(w));
    out->out_shape[0] = p->n, out->out_shape[1] = made;
    out->out_shape[2] = transposed ? p->h : p->oh, out->out_shape[3] = transposed ? p->w : p->ow;
done:
    return status;
}

/* t as a 4-D tensor of dtype `work`. */
static pc_status operand(pc_tensor *t, bool batched, int spatial, pc_dtype work, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *cast = NULL;
    if (t->dtype != work) PC_TRY(pc_cast(t, work, &cast));
    PC_TRY(pc_nhwc_expand(cast != NULL ? cast : t, batched, spatial, out));
done:
    pc_release(cast);
    return status;
}

/* The reverse for a result, which *t owns. */
static pc_status result(pc_tensor **t, bool batched, int spatial, pc_dtype dtype)
{
    pc_status status = PC_OK;
    pc_tensor *cast = NULL;
    PC_TRY(pc_nhwc_squeeze(*t, batched, spatial));
    if ((*t)->dtype != dtype) {
        PC_TRY(pc_cast(*t, dtype, &cast));
        pc_release(*t);
        *t = cast;
    }
done:
    return status;
}

/* ---- forward ------------------------------------------------------------------------------------ */

static pc_status forward(pc_call *c, int spatial, bool transposed)
{
    pc_status status = PC_OK;
    conv_call f;
    pc_tensor *x = NULL, *w = NULL, *b = NULL, *y = NULL, *plain_x = NULL, *plain_w = NULL, *plain_b = NULL;
    pc_nhwc image = { 0 };
    PC_TRY(read_call(c, spatial, transposed, &f));
    PC_TRY(operand(c->in[0], f.batched, spatial, f.work, &x));
    PC_TRY(operand(c->in[1], true, spatial, f.work, &w));
    if (c->in[2] != NULL) {
        PC_TRY(operand(c->in[2], true, 2, f.work, &b));
        PC_TRY(pc_contiguous(b, &plain_b));
    }
    const void *bias = plain_b != NULL ? pc_data(plain_b) : NULL;
    if (f.work == PC_F32) {
        pc_conv_pass a = { .p = f.p, .weight = w, .bias = bias, .keep = !c->need[1] };
        const int64_t *o = f.out_shape;
        PC_TRY(pc_tensor_settle(w));
        PC_TRY(pc_nhwc_open(x, &image));
        PC_TRY(pc_nhwc_new(f.channels_last, o[0], o[1], o[2], o[3], &y, &a.out));
        if (transposed) {
            a.g = &image;
            PC_TRY(run_first(input_algorithms, "transposed", &a));
        } else {
            a.x = &image;
            PC_TRY(run_first(forward_algorithms, "forward", &a));
        }
    } else {
        PC_TRY(pc_contiguous(x, &plain_x));
        PC_TRY(pc_contiguous(w, &plain_w));
        PC_TRY(pc_tensor_new(f.work, 4, f.out_shape, &y));
        if (transposed)
            PC_TRY(pc_conv_plain_input(&f.p, f.work, pc_data(plain_w), bias, pc_data(plain_x), pc_data(y)));
        else
            PC_TRY(pc_conv_plain_forward(&f.p, f.work, pc_data(plain_x), pc_data(plain_w), bias, pc_data(y)));
        if (f.channels_last) PC_TRY(pc_nhwc_restride(&y));
    }
    PC_TRY(result(&y, f.batched, spatial, f.dtype));
    if (!c->need[1]) c->save &= ~(uint32_t)PC_SAVE_IN0;
    if (!c->need[0]) c->save &= ~(uint32_t)PC_SAVE_IN1;
    c->out[0] = y;
    y = NULL;
done:
    pc_nhwc_close(&image);
    pc_release(x);
    pc_release(w);
    pc_release(b);
    pc_release(y);
    pc_release(plain_x);
    pc_release(plain_w);
    pc_release(plain_b);
    return status;
}

static pc_status conv2d_forward(pc_call *c) { return forward(c, 2, false); }
static pc_status conv1d_forward(pc_call *c) { return forward(c, 1, false); }
static pc_status conv_transpose2d_forward(pc_call *c) { return forward(c, 2, true); }

/* ---- backward ----------------------------------------------------------------------------------- */

static pc_status backward_f32(const pc_call *c, const conv_call *f, pc_tensor *x, pc_tensor *w, pc_tensor *g,
                              pc_tensor **gx, pc_tensor **gw, pc_tensor **gb)
{
    pc_status status = PC_OK;
    pc_nhwc image = { 0 }, grad = { 0 };
    pc_conv_pass a = { .p = f->p };
    PC_TRY(pc_nhwc_open(g, &grad));
    PC_TRY(pc_nhwc_gather(&grad)); /* all passes read it, and as pixels */
    if (gb != NULL) PC_TRY(pc_tensor_new(PC_F32, 1, &f->out_shape[1], gb));
    if (gw != NULL) {
        PC_TRY(pc_nhwc_open(x, &image));
        PC_TRY(pc_tensor_new(PC_F32, 4, (int64_t[]){ f->p.k, f->p.c / f->p.groups, f->p.r, f->p.s }, gw));
        a.gw = pc_f32(*gw);
        if (f->transposed) { /* the output's gradient is what the convolution reads */
            PC_TRY(pc_nhwc_gather(&image));
            a.x = &grad;
            a.g = &image;
        } else {
            a.x = &image;
            a.g = &grad;
            if (gb != NULL) a.gb = pc_f32(*gb);
        }
        PC_TRY(run_first(weight_algorithms, "weight gradient", &a));
    }
    if (gb != NULL && a.gb == NULL) PC_TRY(pc_conv_bias_gradient(&grad, pc_f32(*gb)));
    if (gx != NULL) {
        a = (pc_conv_pass){ .p = f->p, .weight = w, .keep = gw == NULL };
        bool last = f->spatial == 2 && f->batched && pc_wants_channels_last(c->in[0]);
        const int64_t *shape = x->shape;
        PC_TRY(pc_tensor_settle(w));
        PC_TRY(pc_nhwc_new(last, shape[0], shape[1], shape[2], shape[3], gx, &a.out));
        if (f->transposed) {
            a.x = &grad;
            PC_TRY(run_first(forward_algorithms, "transposed input gradient", &a));
        } else {
            a.g = &grad;
            PC_TRY(run_first(input_algorithms, "input gradient", &a));
        }
    }
done:
    pc_nhwc_close(&image);
    pc_nhwc_close(&grad);
    return status;
}

static pc_status backward_f64(const conv_call *f, pc_tensor *x, pc_tensor *w, pc_tensor *g, pc_tensor **gx,
                              pc_tensor **gw, pc_tensor **gb)
{
    pc_status status = PC_OK;
    const pc_conv *p = &f->p;
    pc_tensor *plain_x = NULL, *plain_w = NULL, *plain_g = NULL;
    PC_TRY(pc_contiguous(g, &plain_g));
    const double *grad = pc_data(plain_g);
    if (gx != NULL) {
        PC_TRY(pc_contiguous(w, &plain_w));
        PC_TRY(pc_tensor_new(PC_F64, 4, x->shape, gx));
        if (f->transposed)
            PC_TRY(pc_conv_plain_forward(p, PC_F64, grad, pc_data(plain_w), NULL, pc_data(*gx)));
        else
            PC_TRY(pc_conv_plain_input(p, PC_F64, pc_data(plain_w), NULL, grad, pc_data(*gx)));
    }
    if (gw != NULL) {
        PC_TRY(pc_contiguous(x, &plain_x));
        PC_TRY(pc_tensor_new(PC_F64, 4, (int64_t[]){ p->k, p->c / p->groups, p->r, p->s }, gw));
        const double *input = pc_data(plain_x);
        PC_TRY(pc_conv_plain_weight(p, f->transposed ? grad : input, f->transposed ? input : grad, pc_data(*gw)));
    }
    if (gb != NULL) {
        const int64_t *o = f->out_shape;
        PC_TRY(pc_tensor_new(PC_F64, 1, &o[1], gb));
        pc_conv_plain_bias(o[0], o[1], o[2] * o[3], grad, pc_data(*gb));
    }
done:
    pc_release(plain_x);
    pc_release(plain_w);
    pc_release(plain_g);
    return status;
}

static pc_status backward(pc_call *c, int spatial, bool transposed, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    conv_call f;
    pc_tensor *x = NULL, *w = NULL, *g = NULL;
    if (gout[0] == NULL) return PC_OK;
    PC_TRY(read_call(c, spatial, transposed, &f));
    PC_TRY(operand(gout[0], f.batched, spatial, f.work, &g));
    /* what was not saved has its shape still */
    if (c->in[0]->storage != NULL) PC_TRY(operand(c->in[0], f.batched, spatial, f.work, &x));
    else PC_TRY(pc_nhwc_expand(c->in[0], f.batched, spatial, &x));
    if (c->need[0]) PC_TRY(operand(c->in[1], true, spatial, f.work, &w));
    pc_tensor **gx = c->need[0] ? &gin[0] : NULL, **gw = c->need[1] ? &gin[1] : NULL;
    pc_tensor **gb = c->in[2] != NULL && c->need[2] ? &gin[2] : NULL;
    if (f.work == PC_F32) PC_TRY(backward_f32(c, &f, x, w, g, gx, gw, gb));
    else PC_TRY(backward_f64(&f, x, w, g, gx, gw, gb));
    if (gx != NULL) PC_TRY(result(gx, f.batched, spatial, f.dtype));
    if (gw != NULL) PC_TRY(result(gw, true, spatial, f.dtype));
    if (gb != NULL) PC_TRY(result(gb, true, 2, f.dtype));
done:
    pc_release(x);
    pc_release(w);
    pc_release(g);
    return status;
}

static pc_status conv2d_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return backward(c, 2, false, gout, gin);
}
static pc_status conv1d_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return backward(c, 1, false, gout, gin);
}
static pc_status conv_transpose2d_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    return backward(c, 2, true, gout, gin);
}

/* ---- rows --------------------------------------------------------------------------------------- */

#define FLAGS (PC_FUNCTION | PC_NN | PC_PRIVATE | PC_SAVE_IN0 | PC_SAVE_IN1)

static const pc_op rows[] = {
    { "conv1d(Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, int[1] padding=0, int[1] dilation=1, "
      "int groups=1) -> Tensor",
      conv1d_forward, conv1d_backward, FLAGS, "Convolve signals of several channels with filters.\n"
      "input: Of shape [N, C, L] or [C, L].\n"
      "weight: Of shape [K, C / groups, S].\n"
      "bias: Of shape [K].\n"
      "stride: Step between windows.\n"
      "returns: Of shape [N, K, OL]." },
    { "conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] dilation=1, "
      "int groups=1) -> Tensor",
      conv2d_forward, conv2d_backward, FLAGS, "Convolve images of several channels with filters.\n"
      "input: Of shape [N, C, H, W] or [C, H, W].\n"
      "weight: Of shape [K, C / groups, R, S].\n"
      "bias: Of shape [K].\n"
      "stride: Step between windows.\n"
      "returns: Of shape [N, K, OH, OW].\n"
      "note: ``PYCNN_VERBOSE=1`` prints which algorithm ran." },
    { "conv_transpose2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, "
      "int[2] output_padding=0, int groups=1, int[2] dilation=1) -> Tensor",
      conv_transpose2d_forward, conv_transpose2d_backward, FLAGS,
      "Convolve with the transpose of a strided convolution: the way up to larger images.\n"
      "input: Of shape [N, C, H, W].\n"
      "weight: Of shape [C, K / groups, R, S].\n"
      "bias: Of shape [K].\n"
      "stride: Step between windows of the result.\n"
      "output_padding: Rows and columns added at the end: one of several sizes that the stride leads to.\n"
      "returns: Of shape [N, K, OH, OW]." },
};
PC_FAMILY(conv, rows);
