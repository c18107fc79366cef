/* loss.c -- losses. Each computes, when a gradient is wanted, the derivative of the result along with the result; sums
   are gathered by chunk of fixed size, in double. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "../kernels/kernels.h"
#include "copy.h"
#include "elementwise.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { NONE = 0, MEAN = 1, SUM = 2 }; /* torch's numbers for reduction= */

/* Elements of a task. */
#define TASK_ELEMENTS 16384
/* Columns that are taken together. */
#define STRIP 64

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void set_scalar(pc_tensor *t, double v)
{
    if (t->dtype == PC_F64) *(double *)pc_data(t) = v;
    else *pc_f32(t) = (float)v;
}

PC_PLAIN2(mul_f64, double, double, double, , a * b)
static const pc_ew mul = { "mul_cpu", 0, PC_SLOT(f32_mul), NULL, mul_f64, NULL, NULL };

/* gin = derivative * g, where g (of the result) is a scalar or lacks the dimension `missing`; in like's dtype, and
   summed over what like was broadcast to. */
static pc_status times_gradient(pc_tensor *derivative, pc_tensor *g, int missing, const pc_tensor *like,
                                pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *plain = NULL, *view = NULL, *full = NULL, *product = NULL;
    if (g->dtype != derivative->dtype) PC_TRY(pc_cast(g, derivative->dtype, &full));
    else full = pc_retain(g);
    if (full->ndim == 0 && pc_number(full).f == 1) {
        product = pc_retain(derivative);
    } else {
        if (missing >= 0 && full->ndim > 0) {
            int64_t shape[PC_MAX_DIMS], stride[PC_MAX_DIMS];
            PC_TRY(pc_contiguous(full, &plain));
            for (int d = 0; d < derivative->ndim; d++) shape[d] = d == missing ? 1 : derivative->shape[d];
            pc_contiguous_strides(derivative->ndim, shape, stride);
            PC_TRY(pc_tensor_view(plain, derivative->ndim, shape, stride, plain->offset, &view));
        }
        pc_tensor *operands[2] = { derivative, view != NULL ? view : full };
        PC_TRY(pc_elementwise(&mul, 2, operands, NULL, NULL, &product));
    }
    PC_TRY(pc_sum_to(product, like, gin));
done:
    pc_release(plain);
    pc_release(view);
    pc_release(full);
    pc_release(product);
    return status;
}

/* ---- cross entropy and negative log likelihood -------------------------------------------------------- */

/* Scores [n, c, inner] against class indices [n, inner] or probabilities [n, c, inner].
   With a_k = (1 - e) * w_t [k = t] + e / c * w_k, or w_k * ((1 - e) * p_k + e / c) for probabilities p, a sample's
   loss is the sum of a_k * (log of the sum of exp(x) - x_k). */
typedef struct classes {
    int64_t n, c, inner;
    const void *x;
    void *grad;              /* of the scores, times scale; or NULL */
    void *target_grad;       /* of the probabilities; or NULL */
    const int64_t *target;   /* or NULL: */
    const void *p;
    const double *weight;    /* c of them, or NULL: all 1 */
    double e, scale;
    int64_t ignore;
    bool log;                /* x is a logarithm of probabilities already: no softmax */
    void *losses;            /* by sample, or NULL */
    double *parts;           /* by chunk */
    int64_t grain;
} classes;

static double weight_of(const classes *s, int64_t k) { return s->weight != NULL ? s->weight[k] : 1; }

/* Samples of one strip: x, p and the gradients at element (0, first column); row k is k * inner further on. */
#define CLASSES_STRIP(R, EXP_COLUMNS)                                                                                  \
    static double strip_##R(const classes *s, const R *x, const R *p, R *restrict grad, R *restrict target_grad,       \
                            const int64_t *target, R *losses, int64_t width)                                           \
    {                                                                                                                  \
        const int64_t c = s->c, step = s->inner;                                                                       \
        const double spread = s->e / (double)(c > 0 ? c : 1);                                                          \
        double all[STRIP] = { 0 }, sum[STRIP] = { 0 }, loss = 0; /* of a_k, of a_k * x_k */                            \
        R top[STRIP], total[STRIP], factor[STRIP];                                                                     \
        if (!s->log) EXP_COLUMNS;                                                                                      \
        for (int64_t k = 0; k < c && (target == NULL || spread > 0); k++) {                                            \
            const double w = weight_of(s, k);                                                                          \
            for (int64_t j = 0; j < width; j++) {                                                                      \
                const double a = target == NULL ? w * ((1 - s->e) * p[k * step + j] + spread) : w * spread;            \
                all[j] += a;                                                                                           \
                if (a != 0 || target == NULL) sum[j] += a * x[k * step + j];                                           \
            }                                                                                                          \
        }                                                                                                              \
        for (int64_t j = 0; j < width; j++) {                                                                          \
            double lse = s->log ? 0 : (double)top[j] + log((double)total[j]), own = 0;                                 \
            const bool counts = target == NULL || target[j] != s->ignore;                                              \
            if (target != NULL && counts) {                                                                            \
                const double a = (1 - s->e) * weight_of(s, target[j]);                                                 \
                all[j] += a;                                                                                           \
                own = a * (lse - x[target[j] * step + j]);                                                             \
                if (spread > 0) own += (all[j] - a) * lse - sum[j];                                                    \
            } else if (counts) {                                                                                       \
                own = all[j] * lse - sum[j];                                                                           \
            }                                                                                                          \
            if (losses != NULL) losses[j] = (R)own;                                                                    \
            loss += own;                                                                                               \
            factor[j] = s->log || !counts ? 0 : (R)(all[j] * s->scale / total[j]);                                     \
            all[j] = lse;                                                                                              \
        }                                                                                                              \
        for (int64_t k = 0; k < c && grad != NULL; k++) {                                                              \
            const double w = weight_of(s, k) * s->scale;                                                               \
            for (int64_t j = 0; j < width; j++) {                                                                      \
                R *g = grad + k * step + j, a = 0;                                                                     \
                if (target == NULL) a = (R)(w * ((1 - s->e) * p[k * step + j] + spread));                              \
                else if (spread > 0 && target[j] != s->ignore) a = (R)(w * spread);                                    \
                *g = (factor[j] != 0 ? *g * factor[j] : 0) - a;                                                        \
            }                                                                                                          \
        }                                                                                                              \
        for (int64_t j = 0; j < width && grad != NULL && target != NULL; j++)                                          \
            if (target[j] != s->ignore)                                                                                \
                grad[target[j] * step + j] -= (R)((1 - s->e) * weight_of(s, target[j]) * s->scale);                    \
        for (int64_t k = 0; k < c && target_grad != NULL; k++)                                                         \
            for (int64_t j = 0; j < width; j++)                                                                        \
                target_grad[k * step + j] =                                                                            \
                    (R)((1 - s->e) * weight_of(s, k) * s->scale * (all[j] - (double)x[k * step + j]));                 \
        return loss;                                                                                                   \
    }

static void f64_exp_columns(double *p, const double *x, int64_t n, int64_t step, int64_t width, double *top,
                            double *sum)
{
    for (int64_t j = 0; j < width; j++) {
        top[j] = -INFINITY;
        sum[j] = 0;
        for (int64_t k = 0; k < n; k++) top[j] = x[k * step + j] > top[j] ? x[k * step + j] : top[j];
        for (int64_t k = 0; k < n; k++) {
            const double e = exp(x[k * step + j] - top[j]);
            if (p != NULL) p[k * step + j] = e;
            sum[j] += e;
        }
    }
}
static void f32_exp_columns(float *p, const float *x, int64_t n, int64_t step, int64_t width, float *top, float *sum)
{
    if (step == 1) *sum = (float)pc_k->f32_exp_row(p, x, n, top);
    else pc_k->f32_exp_columns(p, x, n, step, width, top, sum);
}
CLASSES_STRIP(float, f32_exp_columns(grad, x, c, step, width, top, total))
CLASSES_STRIP(double, f64_exp_columns(grad, x, c, step, width, top, total))

/* The common case, a row of scores with an index and no weights, in whole vectors. */
static double plain_row(const classes *s, const float *x, float *grad, int64_t target, float *losses)
{
    float top;
    const double sum = pc_k->f32_exp_row(grad, x, s->c, &top), lse = (double)top + log(sum);
    double loss = 0;
    if (target == s->ignore) {
        if (grad != NULL) memset(grad, 0, (size_t)s->c * sizeof *grad);
    } else {
        const double spread = s->e / (double)s->c;
        loss = (1 - s->e) * (lse - x[target]);
        if (s->e > 0) loss += s->e * lse - spread * pc_k->f32_total(x, s->c);
        if (grad != NULL) {
            pc_k->f32_affine_run(grad, grad, s->c, (float)(s->scale / sum), 0, (float)(-spread * s->scale));
            grad[target] -= (float)((1 - s->e) * s->scale);
        }
    }
    if (losses != NULL) *losses = (float)loss;
    return loss;
}

#define AT(R, p, offset) ((p) != NULL ? (R *)(p) + (offset) : NULL)

/* Samples [begin, end) of n * inner: one chunk. */
static pc_status classes_f32(void *ctx, int64_t begin, int64_t end)
{
    const classes *s = ctx;
    double loss = 0;
    for (int64_t i = begin, width; i < end; i += width) {
        const int64_t at = i % s->inner, first = i / s->inner * s->c * s->inner + at;
        const float *x = (const float *)s->x + first;
        width = least(least(STRIP, s->inner - at), end - i);
        if (s->inner == 1 && s->target != NULL && s->weight == NULL && !s->log) {
            loss += plain_row(s, x, AT(float, s->grad, first), s->target[i], AT(float, s->losses, i));
            continue;
        }
        loss += strip_float(s, x, AT(const float, s->p, first), AT(float, s->grad, first),
                            AT(float, s->target_grad, first), AT(const int64_t, s->target, i), AT(float, s->losses, i),
                            width);
    }
    s->parts[begin / s->grain] = loss;
    return PC_OK;
}
static pc_status classes_f64(void *ctx, int64_t begin, int64_t end)
{
    const classes *s = ctx;
    double loss = 0;
    for (int64_t i = begin, width; i < end; i += width) {
        const int64_t at = i % s->inner, first = i / s->inner * s->c * s->inner + at;
        width = least(least(STRIP, s->inner - at), end - i);
        loss += strip_double(s, (const double *)s->x + first, AT(const double, s->p, first), AT(double, s->grad, first),
                             AT(double, s->target_grad, first), AT(const int64_t, s->target, i),
                             AT(double, s->losses, i), width);
    }
    s->parts[begin / s->grain] = loss;
    return PC_OK;
}

static pc_status run_classes(classes *s, pc_dtype full, double *total)
{
    pc_status status = PC_OK;
    const int64_t samples = s->n * s->inner;
    *total = 0;
    s->grain = TASK_ELEMENTS / (s->c > 0 ? s->c : 1) + 1;
    const int64_t chunks = (samples + s->grain - 1) / s->grain;
    s->parts = pc_calloc((size_t)chunks + 1, sizeof *s->parts);
    PC_CHECK(s->parts != NULL, PC_ENOMEM, "out of memory for a loss");
    PC_TRY(pc_parallel_for(samples, s->grain, full == PC_F64 ? classes_f64 : classes_f32, s));
    for (int64_t k = 0; k < chunks; k++) *total += s->parts[k];
done:
    pc_free(s->parts);
    s->parts = NULL;
    return status;
}

static pc_status check_weight(const char *prefix, const pc_tensor *x, const pc_tensor *weight, int64_t classes)
{
    pc_status status = PC_OK;
    char shape[200];
    if (weight == NULL) return PC_OK;
    PC_CHECK(weight->ndim == 1 && weight->numel == classes, PC_ESHAPE,
             "%sweight tensor should be defined either for all %" PRId64
             " classes or no classes but got weight tensor of shape: %s",
             prefix, classes, pc_shape_text(weight, shape));
    PC_CHECK(weight->dtype == x->dtype, PC_ESHAPE, "expected scalar type %s but found %s", pc_dtype_type_name(x->dtype),
             pc_dtype_type_name(weight->dtype));
done:
    return status;
}

/* Shapes of scores and class indices, in torch's words. */
static pc_status check_indices(const pc_tensor *x, const pc_tensor *target)
{
    pc_status status = PC_OK;
    char a[200], b[200];
    pc_tensor wanted = { .ndim = x->ndim > 1 ? x->ndim - 1 : 0 };
    PC_CHECK(x->ndim > 0, PC_EVALUE, "Expected 1 or more dimensions (got 0)");
    const int64_t n = x->shape[0], given = target->ndim > 0 ? target->shape[0] : 0;
    PC_CHECK(x->ndim == 1 || n == given, PC_EVALUE,
             "Expected input batch_size (%" PRId64 ") to match target batch_size (%" PRId64
             "). The scores have shape %s, the targets %s: if a view() in the model changed the batch, check its sizes",
             n, given, pc_shape_text(x, a), pc_shape_text(target, b));
    for (int d = 1; d < x->ndim; d++) wanted.shape[d - 1] = x->shape[d == 1 ? 0 : d];
    if (x->ndim <= 2) {
        PC_CHECK(target->ndim <= 1, PC_ESHAPE,
                 "0D or 1D target tensor expected, multi-target not supported. Got targets of shape %s: "
                 "use .squeeze(1), or give probabilities in the shape of the scores, %s",
                 pc_shape_text(target, b), pc_shape_text(x, a));
        PC_CHECK(x->ndim == 2 || target->numel == 1, PC_ESHAPE, "size mismatch (got input: %s, target: %s)",
                 pc_shape_text(x, a), pc_shape_text(target, b));
    } else if (x->ndim == 4) {
        PC_CHECK(target->ndim == 3, PC_ESHAPE,
                 "only batches of spatial targets supported (3D tensors) but got targets of dimension: %d",
                 target->ndim);
        PC_CHECK(pc_same_shape(&wanted, target), PC_ESHAPE, "size mismatch (got input: %s , target: %s",
                 pc_shape_text(x, a), pc_shape_text(target, b));
    } else {
        PC_CHECK(pc_same_shape(&wanted, target), PC_ESHAPE, "Expected target size %s, got %s",
                 pc_shape_text(&wanted, a), pc_shape_text(target, b));
    }
    PC_CHECK(!pc_dtype_is_float(target->dtype) && target->dtype != PC_BOOL, PC_ESHAPE,
             "expected target dtype to be Long or Byte, but got %s. Class indices are integers: use .long(); "
             "probabilities have the shape of the scores",
             pc_dtype_type_name(target->dtype));
done:
    return status;
}

/* The targets in range, and the sum of the weights of those that count. */
static pc_status scan_indices(const classes *s, double *mass)
{
    pc_status status = PC_OK;
    *mass = 0;
    for (int64_t i = 0; i < s->n * s->inner; i++) {
        const int64_t t = s->target[i];
        if (t == s->ignore) continue;
        PC_CHECK(t >= 0 && t < s->c, PC_EINDEX,
                 "Target %" PRId64 " is out of bounds. It is element %" PRId64 " of the targets; there are %" PRId64
                 " classes, numbered from 0",
                 t, i, s->c);
        *mass += weight_of(s, t);
    }
done:
    return status;
}

/* Why a mean or sum is nan, for those who would look for the mistake elsewhere: torch says nothing. */
static pc_status warn_of_nan(const classes *s, pc_dtype full, double mass)
{
    const int64_t samples = s->n * s->inner;
    if (samples == 0) return pc_warn("the loss of an empty batch is nan");
    if (s->target != NULL && mass == 0) {
        int64_t ignored = 0;
        for (int64_t i = 0; i < samples; i++) ignored += s->target[i] == s->ignore;
        if (ignored < samples) return pc_warn("the loss is nan: the weights of all targets are 0");
        return pc_warn("the loss is nan: all %" PRId64 " targets are ignored (ignore_index=%" PRId64 ")", samples,
                       s->ignore);
    }
    for (int64_t k = 0; k < s->n * s->c * s->inner; k++) {
        const double v = full == PC_F64 ? ((const double *)s->x)[k] : (double)((const float *)s->x)[k];
        if (isfinite(v)) continue;
        return pc_warn("the loss is nan: the scores of sample %" PRId64
                       " hold %g. Is the learning rate too high, or does the "
                       "input hold nan?",
                       s->c > 0 ? k / (s->c * s->inner) : 0, v);
    }
    return pc_warn("the loss is nan");
}

static int class_dim(const pc_tensor *x) { return x->ndim > 1 ? 1 : 0; }

/* Both kinds of targets. v: reduction, ignore_index, label_smoothing. */
static pc_status classes_forward(pc_call *c, bool log, bool probabilities, double e)
{
    pc_status status = PC_OK;
    pc_tensor *in = c->in[0], *weight = c->in[2], *x = NULL, *target = NULL, *w = NULL;
    const int reduction = (int)c->v[0].i, dim = class_dim(in);
    const pc_dtype full = pc_work_dtype(in->dtype);
    int64_t shape[PC_MAX_DIMS];
    int ndim = 0;
    double total, mass;
    classes s = { .n = in->ndim > 1 ? in->shape[0] : 1,
                  .c = in->shape[dim],
                  .inner = 1,
                  .e = e,
                  .scale = 1,
                  .ignore = c->v[1].i,
                  .log = log };
    for (int d = 2; d < in->ndim; d++) s.inner *= in->shape[d];
    PC_TRY(pc_contiguous_as(in, full, &x));
    s.x = pc_data(x);
    if (weight != NULL) {
        PC_TRY(pc_contiguous_as(weight, PC_F64, &w));
        s.weight = pc_data(w);
    }
    PC_TRY(pc_contiguous_as(c->in[1], probabilities ? full : PC_I64, &target));
    if (probabilities) {
        s.p = pc_data(target);
        mass = (double)(s.n * s.inner);
    } else {
        s.target = pc_data(target);
        PC_TRY(scan_indices(&s, &mass));
    }
    if (reduction == MEAN) s.scale = 1 / mass;
    for (int d = 0; d < in->ndim && reduction == NONE; d++)
        if (d != dim) shape[ndim++] = in->shape[d];
    PC_TRY(pc_tensor_new(full, ndim, shape, &c->out[0]));
    if (reduction == NONE) s.losses = pc_data(c->out[0]);
    if (c->need[0]) {
        PC_TRY(pc_tensor_new(full, in->ndim, in->shape, &c->aux[0]));
        s.grad = pc_data(c->aux[0]);
        if (log) memset(s.grad, 0, (size_t)(in->numel * pc_dtype_size(full)));
    }
    if (c->need[1] && probabilities) {
        PC_TRY(pc_tensor_new(full, in->ndim, in->shape, &c->aux[1]));
        s.target_grad = pc_data(c->aux[1]);
    }
    PC_TRY(run_classes(&s, full, &total));
    if (reduction == MEAN) total /= mass;
    if (reduction != NONE) set_scalar(c->out[0], total);
    if (reduction != NONE && isnan(total)) PC_TRY(warn_of_nan(&s, full, mass));
    PC_TRY(pc_become(&c->out[0], in->dtype));
done:
    pc_release(x);
    pc_release(target);
    pc_release(w);
    return status;
}

static pc_status check_scores(const pc_tensor *x)
{
    if (pc_dtype_is_float(x->dtype)) return PC_OK;
    return pc_fail(PC_ENOTIMPL, "\"log_softmax%s_kernel_impl\" not implemented for '%s'",
                   x->ndim <= 2 ? "_lastdim" : "", pc_dtype_type_name(x->dtype));
}

static pc_status cross_entropy_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *x = c->in[0], *target = c->in[1];
    const double e = c->v[2].f;
    if (pc_same_shape(x, target)) {
        PC_CHECK(pc_dtype_is_float(target->dtype), PC_ESHAPE,
                 "Expected floating point type for target with class probabilities, got "
                 "%s. Class indices do not have the classes' dimension: use .argmax(1) on one-hot targets, or .float()",
                 pc_dtype_type_name(target->dtype));
        PC_CHECK(x->ndim > 0, PC_EVALUE, "Expected 1 or more dimensions (got 0)");
        PC_CHECK(c->v[1].i < 0, PC_ESHAPE, "ignore_index is not supported for floating point target");
        PC_CHECK(e >= 0 && e <= 1, PC_ESHAPE, "label_smoothing must be between 0.0 and 1.0. Got: %g", e);
        PC_TRY(check_scores(x));
        PC_TRY(check_weight("cross_entropy: ", x, c->in[2], x->shape[class_dim(x)]));
        PC_TRY(classes_forward(c, false, true, e));
        goto done;
    }
    PC_CHECK(e <= 1, PC_ESHAPE, "label_smoothing must be between 0.0 and 1.0. Got: %g", e);
    if (x->ndim > 0) PC_TRY(check_scores(x));
    PC_TRY(check_indices(x, target));
    PC_TRY(check_weight("", x, c->in[2], x->shape[class_dim(x)]));
    PC_TRY(classes_forward(c, false, false, e > 0 ? e : 0));
done:
    return status;
}
static pc_status nll_loss_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *x = c->in[0];
    PC_TRY(check_indices(x, c->in[1]));
    PC_CHECK(pc_dtype_is_float(x->dtype), PC_ENOTIMPL, "\"nll_loss_out_frame\" not implemented for '%s'",
             pc_dtype_type_name(x->dtype));
    PC_TRY(check_weight("", x, c->in[2], x->shape[class_dim(x)]));
    PC_TRY(classes_forward(c, true, false, 0));
done:
    return status;
}
static pc_status classes_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    const int missing = c->v[0].i == NONE ? class_dim(c->in[0]) : -1;
    for (int k = 0; k < 2; k++)
        if (c->need[k] && c->aux[k] != NULL) PC_TRY(times_gradient(c->aux[k], gout[0], missing, c->in[k], &gin[k]));
done:
    return status;
}

/* ---- losses between a value and a target, element by element ------------------------------------------- */

/* Operands of one shape in one dense order. gx and gy receive the derivatives times scale where they are not NULL. */
typedef struct points {
    const void *x, *y, *w, *pw; /* value, target; weight and pos_weight or NULL */
    void *gx, *gy, *losses;     /* or NULL */
    double a, scale;            /* a: the loss's parameter */
    double *parts;              /* by chunk */
} points;

static pc_status no_probability(int64_t i, double x)
{
    return pc_fail(PC_ESHAPE,
                   "all elements of input should be between 0 and 1. Element %" PRId64
                   " is %g: put a sigmoid before the loss, or use binary_cross_entropy_with_logits",
                   i, x);
}

/* Statements that set loss, dx and dy from x, y, w (not applied yet), pw and a, all of type R. */
#define POINTS(name, R, BODY)                                                                                          \
    static pc_status name##_##R(void *ctx, int64_t begin, int64_t end)                                                 \
    {                                                                                                                  \
        points *s = ctx;                                                                                               \
        const R *px = s->x, *py = s->y, *w = s->w, *ppw = s->pw, a = (R)s->a, scale = (R)s->scale;                     \
        R *gx = s->gx, *gy = s->gy, *losses = s->losses;                                                               \
        double total = 0;                                                                                              \
        (void)a, (void)ppw;                                                                                            \
        for (int64_t i = begin; i < end; i++) {                                                                        \
            const R x = px[i], y = py[i], factor = w != NULL ? w[i] : 1;                                               \
            R loss, dx, dy;                                                                                            \
            BODY                                                                                                       \
            total += (double)(loss * factor);                                                                          \
            if (losses != NULL) losses[i] = loss * factor;                                                             \
            if (gx != NULL) gx[i] = dx * factor * scale;                                                               \
            if (gy != NULL) gy[i] = dy * factor * scale;                                                               \
        }                                                                                                              \
        s->parts[begin / TASK_ELEMENTS] = total;                                                                       \
        return PC_OK;                                                                                                  \
    }

#define MSE(R)                                                                                                         \
    const R d = x - y;                                                                                                 \
    loss = d * d;                                                                                                      \
    dx = 2 * d;                                                                                                        \
    dy = -dx;
#define L1(R, FABS)                                                                                                    \
    const R d = x - y;                                                                                                 \
    loss = FABS(d);                                                                                                    \
    dx = (R)((d > 0) - (d < 0));                                                                                       \
    dy = -dx;
#define SMOOTH_L1(R, FABS)                                                                                             \
    const R d = x - y, z = FABS(d);                                                                                    \
    const bool near = z < a;                                                                                           \
    loss = near ? (R)0.5 * d * d / a : z - (R)0.5 * a;                                                                 \
    dx = near ? d / a : (R)((d > 0) - (d < 0));                                                                        \
    dy = -dx;
#define HUBER(R, FABS)                                                                                                 \
    const R d = x - y, z = FABS(d);                                                                                    \
    const bool near = z <= a;                                                                                          \
    loss = near ? (R)0.5 * d * d : a * (z - (R)0.5 * a);                                                               \
    dx = near ? d : d > 0 ? a : -a;                                                                                    \
    dy = -dx;
/* torch keeps logarithms above -100 and divisors above 1e-12, as a float */
#define BCE(R, LOG, LOG1P)                                                                                             \
    const R lx = LOG(x), l1x = LOG1P(-x), low = -100, p = lx > low ? lx : low, q = l1x > low ? l1x : low;              \
    const R d = (1 - x) * x, tiny = 1e-12f;                                                                            \
    if (!(x >= 0 && x <= 1)) return no_probability(i, (double)x);                                                      \
    loss = (y - 1) * q - y * p;                                                                                        \
    dx = (x - y) / (d > tiny ? d : tiny);                                                                              \
    dy = q - p;
#define BCE_LOGITS(R, FABS, EXP, LOG1P)                                                                                \
    const R pw = ppw != NULL ? ppw[i] : 1, e = EXP(-FABS(x)), softplus = LOG1P(e) + (x < 0 ? -x : 0); /* of -x */      \
    const R l = 1 + (pw - 1) * y, back = (x < 0 ? 1 : e) / (1 + e); /* sigmoid(-x) */                                  \
    loss = (1 - y) * x + l * softplus;                                                                                 \
    dx = (1 - y) - l * back;                                                                                           \
    dy = (pw - 1) * softplus - x;
#define KL_DIV(R, EXP, LOG)                                                                                            \
    const R t = a != 0 ? EXP(y) : y, l = a != 0 ? y : y == 0 ? 0 : LOG(y);                                             \
    loss = t == 0 && a == 0 ? 0 * x : t * (l - x);                                                                     \
    dx = -t;                                                                                                           \
    dy = a != 0 ? t * (l - x + 1) : l + 1 - x;

POINTS(mse, float, MSE(float))
POINTS(mse, double, MSE(double))
POINTS(l1, float, L1(float, fabsf))
POINTS(l1, double, L1(double, fabs))
POINTS(smooth_l1, float, SMOOTH_L1(float, fabsf))
POINTS(smooth_l1, double, SMOOTH_L1(double, fabs))
POINTS(huber, float, HUBER(float, fabsf))
POINTS(huber, double, HUBER(double, fabs))
POINTS(bce, float, BCE(float, logf, log1pf))
POINTS(bce, double, BCE(double, log, log1p))
POINTS(bce_logits, float, BCE_LOGITS(float, fabsf, expf, log1pf))
POINTS(bce_logits, double, BCE_LOGITS(double, fabs, exp, log1p))
POINTS(kl_div, float, KL_DIV(float, expf, logf))
POINTS(kl_div, double, KL_DIV(double, exp, log))

/* t in the given dtype, broadcast to a shape, with given strides. */
static pc_status expanded(pc_tensor *t, pc_dtype full, int ndim, const int64_t *shape, const int64_t *stride,
                          pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *result = NULL;
    const size_t bytes = (size_t)ndim * sizeof *shape;
    if (t == NULL) return PC_OK;
    if (t->dtype == full && t->ndim == ndim && memcmp(t->shape, shape, bytes) == 0
        && memcmp(t->stride, stride, bytes) == 0) {
        *out = pc_retain(t);
        return PC_OK;
    }
    PC_TRY(pc_tensor_new_strided(full, ndim, shape, stride, &result));
    PC_TRY(pc_copy(result, t));
    *out = result;
    result = NULL;
done:
    pc_release(result);
    return status;
}

/* in: value, target, and possibly weight and pos_weight, which fit the shape that the first two have together. */
static pc_status points_forward(pc_call *c, pc_range_fn f32, pc_range_fn f64, double a)
{
    pc_status status = PC_OK;
    pc_tensor *t[4] = { NULL };
    const int reduction = (int)c->v[0].i;
    const pc_dtype dtype = pc_result_type(c->nin, c->in), full = pc_work_dtype(dtype);
    int64_t shape[PC_MAX_DIMS], stride[PC_MAX_DIMS];
    int ndim;
    points s = { .a = a, .scale = 1 };
    PC_TRY(pc_broadcast(2, c->in, &ndim, shape));
    pc_contiguous_strides(ndim, shape, stride);
    for (int k = 1; k >= 0; k--) /* everything in the order of the first operand that has the result's shape */
        if (c->in[k]->ndim == ndim && memcmp(c->in[k]->shape, shape, (size_t)ndim * sizeof *shape) == 0)
            pc_dense_strides(c->in[k], stride);
    for (int k = 0; k < c->nin; k++) PC_TRY(expanded(c->in[k], full, ndim, shape, stride, &t[k]));
    if (reduction == NONE) PC_TRY(pc_tensor_new_strided(full, ndim, shape, stride, &c->out[0]));
    else PC_TRY(pc_tensor_new(full, 0, NULL, &c->out[0]));
    for (int k = 0; k < 2; k++)
        if (c->need[k]) PC_TRY(pc_tensor_new_strided(full, ndim, shape, stride, &c->aux[k]));
    const int64_t n = t[0]->numel, chunks = (n + TASK_ELEMENTS - 1) / TASK_ELEMENTS;
    s.parts = pc_calloc((size_t)chunks + 1, sizeof *s.parts);
    PC_CHECK(s.parts != NULL, PC_ENOMEM, "out of memory for a loss");
    s.x = pc_data(t[0]), s.y = pc_data(t[1]);
    s.w = t[2] != NULL ? pc_data(t[2]) : NULL;
    s.pw = t[3] != NULL ? pc_data(t[3]) : NULL;
    s.gx = c->aux[0] != NULL ? pc_data(c->aux[0]) : NULL;
    s.gy = c->aux[1] != NULL ? pc_data(c->aux[1]) : NULL;
    if (reduction == NONE) s.losses = pc_data(c->out[0]);
    if (reduction == MEAN) s.scale = 1 / (double)n;
    PC_TRY(pc_parallel_for(n, TASK_ELEMENTS, full == PC_F64 ? f64 : f32, &s));
    double total = 0;
    for (int64_t k = 0; k < chunks; k++) total += s.parts[k];
    if (reduction != NONE) set_scalar(c->out[0], reduction == MEAN ? total / (double)n : total);
    PC_TRY(pc_become(&c->out[0], dtype));
done:
    pc_free(s.parts);
    for (int k = 0; k < 4; k++) pc_release(t[k]);
    return status;
}
static pc_status points_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    for (int k = 0; k < 2; k++)
        if (c->need[k]) PC_TRY(times_gradient(c->aux[k], gout[0], -1, c->in[k], &gin[k]));
done:
    return status;
}

static pc_status need_float(const pc_call *c, const char *kernel)
{
    const pc_dtype d = pc_result_type(2, c->in);
    if (pc_dtype_is_float(d)) return PC_OK;
    return pc_fail(PC_ENOTIMPL, "\"%s\" not implemented for '%s'", kernel, pc_dtype_type_name(d));
}

static pc_status mse_loss_forward(pc_call *c)
{
    pc_status status = need_float(c, "mse_cpu");
    return status == PC_OK ? points_forward(c, mse_float, mse_double, 0) : status;
}
static pc_status l1_loss_forward(pc_call *c)
{
    const pc_dtype d = pc_result_type(2, c->in);
    if (!pc_dtype_is_float(d))
        return pc_fail(PC_ESHAPE,
                       "mean(): could not infer output dtype. Input dtype must be either a floating point or complex "
                       "dtype. Got: %s. Use .float() on the arguments of l1_loss",
                       pc_dtype_type_name(d));
    return points_forward(c, l1_float, l1_double, 0);
}
static pc_status smooth_l1_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const double beta = c->v[1].f;
    PC_CHECK(beta >= 0, PC_ESHAPE, "smooth_l1_loss does not support negative values for beta.");
    PC_TRY(need_float(c, "smooth_l1_cpu"));
    PC_TRY(points_forward(c, smooth_l1_float, smooth_l1_double, beta));
done:
    return status;
}
static pc_status huber_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const double delta = c->v[1].f;
    PC_CHECK(delta > 0, PC_ESHAPE, "huber_loss does not support non-positive values for delta.");
    PC_TRY(need_float(c, "huber_cpu"));
    PC_TRY(points_forward(c, huber_float, huber_double, delta));
done:
    return status;
}
static pc_status bce_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *x = c->in[0], *y = c->in[1], *w = c->in[2];
    char a[200], b[200];
    PC_CHECK(pc_same_shape(x, y), PC_EVALUE,
             "Using a target size (torch.Size(%s)) that is different to the input size (torch.Size(%s)) "
             "is deprecated. Please ensure they have the same size.",
             pc_shape_text(y, a), pc_shape_text(x, b));
    PC_CHECK(pc_dtype_is_float(x->dtype), PC_ENOTIMPL, "\"binary_cross_entropy\" not implemented for '%s'",
             pc_dtype_type_name(x->dtype));
    PC_CHECK(x->dtype == y->dtype, PC_ESHAPE,
             "Found dtype %s but expected %s. Convert the target, for instance with .float()",
             pc_dtype_type_name(y->dtype), pc_dtype_type_name(x->dtype));
    for (int d = 0; w != NULL && d < w->ndim; d++) {
        const int at = x->ndim - w->ndim + d;
        PC_CHECK(at >= 0 && (w->shape[d] == 1 || w->shape[d] == x->shape[at]), PC_ESHAPE,
                 "Attempting to broadcast a dimension of length %" PRId64 " at %d! Mismatching argument at index 1 had "
                 "torch.Size(%s); but expected shape should be broadcastable to %s",
                 w->shape[d], d - w->ndim, pc_shape_text(w, a), pc_shape_text(x, b));
    }
    PC_TRY(points_forward(c, bce_float, bce_double, 0));
done:
    return status;
}
static pc_status bce_logits_forward(pc_call *c)
{
    pc_status status = PC_OK;
    const pc_tensor *x = c->in[0], *y = c->in[1];
    char a[200], b[200];
    int64_t shape[PC_MAX_DIMS];
    int ndim;
    PC_CHECK(pc_same_shape(x, y), PC_EVALUE,
             "Target size (torch.Size(%s)) must be the same as input size (torch.Size(%s))", pc_shape_text(y, a),
             pc_shape_text(x, b));
    PC_CHECK(pc_dtype_is_float(x->dtype), PC_ENOTIMPL, "\"log_sigmoid_cpu\" not implemented for '%s'",
             pc_dtype_type_name(x->dtype));
    PC_CHECK(pc_dtype_is_float(y->dtype), PC_ESHAPE,
             "result type %s can't be cast to the desired output type %s: convert the target, "
             "for instance with .float()",
             pc_dtype_type_name(x->dtype), pc_dtype_type_name(y->dtype));
    for (int k = 2; k < 4; k++) {
        if (c->in[k] == NULL) continue;
        PC_TRY(pc_broadcast(2, (pc_tensor *[]){ c->in[0], c->in[k] }, &ndim, shape));
        PC_CHECK(ndim == x->ndim && memcmp(shape, x->shape, (size_t)ndim * sizeof *shape) == 0, PC_ESHAPE,
                 "binary_cross_entropy_with_logits: %s of shape %s does not fit an input of shape %s",
                 k == 2 ? "a weight" : "a pos_weight", pc_shape_text(c->in[k], a), pc_shape_text(x, b));
    }
    PC_TRY(points_forward(c, bce_logits_float, bce_logits_double, 0));
done:
    return status;
}
static pc_status kl_div_forward(pc_call *c)
{
    pc_status status = PC_OK;
    int64_t shape[PC_MAX_DIMS];
    int ndim;
    PC_CHECK(pc_dtype_is_float(c->in[0]->dtype) && pc_dtype_is_float(c->in[1]->dtype), PC_ESHAPE,
             "kl_div: Integral inputs not supported.");
    PC_TRY(pc_broadcast(2, (pc_tensor *[]){ c->in[1], c->in[0] }, &ndim, shape)); /* torch names the target first */
    PC_TRY(points_forward(c, kl_div_float, kl_div_double, (double)c->v[1].i));
done:
    return status;
}

static const pc_op rows[] = {
    { "cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, "
      "float label_smoothing=0.0) -> Tensor", cross_entropy_forward, classes_backward, PC_NN,
      "Cross entropy of scores and class indices or probabilities." },
    { "nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor",
      nll_loss_forward, classes_backward, PC_NN, "Negative log likelihood of class indices under log-probabilities." },
    { "mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", mse_loss_forward, points_backward, PC_NN,
      "Squared difference." },
    { "l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", l1_loss_forward, points_backward, PC_NN,
      "Absolute difference." },
    { "smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.0) -> Tensor", smooth_l1_forward,
      points_backward, PC_NN, "Absolute difference, squared where it is below beta." },
    { "huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.0) -> Tensor", huber_forward,
      points_backward, PC_NN, "Squared difference, absolute where it is above delta." },
    { "binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor", bce_forward,
      points_backward, PC_NN, "Cross entropy of probabilities and targets in [0, 1]." },
    { "binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, "
      "int reduction=1) -> Tensor", bce_logits_forward, points_backward, PC_NN,
      "Cross entropy of logits and targets in [0, 1]." },
    { "kl_div(Tensor self, Tensor target, int reduction=1, bool log_target=False) -> Tensor", kl_div_forward,
      points_backward, PC_NN, "Kullback-Leibler divergence of a target distribution from log-probabilities." },
};
PC_FAMILY(loss, rows);
