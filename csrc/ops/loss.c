/* loss.c -- losses. Each computes, when a gradient is wanted, the derivative of the result along with the result. */
#include "copy.h"
#include "softmax.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { NONE = 0, MEAN = 1, SUM = 2 }; /* torch's numbers for reduction= */

static double get(const pc_tensor *t, int64_t k)
{
    return t->dtype == PC_F64 ? ((const double *)pc_data(t))[k] : (double)pc_f32(t)[k];
}
static void set(pc_tensor *t, int64_t k, double v)
{
    if (t->dtype == PC_F64) ((double *)pc_data(t))[k] = v;
    else pc_f32(t)[k] = (float)v;
}

static pc_status need_float(const char *name, const pc_tensor *t)
{
    if (t->dtype == PC_F32 || t->dtype == PC_F64) return PC_OK;
    return pc_fail(PC_ESHAPE, "\"%s\" not implemented for '%s'", name, pc_dtype_type_name(t->dtype));
}

/* gin = the derivative in aux[0] times the gradient of the (reduced or not) result. */
static pc_status times_gradient(const pc_tensor *derivative, int reduction, const pc_tensor *gout, int64_t group,
                                pc_tensor **gin)
{
    pc_status status = PC_OK;
    pc_tensor *g = NULL, *plain = NULL;
    if (reduction != NONE && get(gout, 0) == 1) {
        *gin = pc_retain((pc_tensor *)derivative);
        return PC_OK;
    }
    PC_TRY(pc_contiguous((pc_tensor *)gout, &plain));
    PC_TRY(pc_tensor_new(derivative->dtype, derivative->ndim, derivative->shape, &g));
    int64_t classes = group > 0 ? derivative->shape[derivative->ndim > 1 ? 1 : 0] : 1;
    for (int64_t k = 0; k < g->numel; k++) {
        /* [n, classes, group] of the derivative against [n, group] of the result */
        int64_t at = reduction != NONE ? 0 : group > 0 ? k / (classes * group) * group + k % group : k;
        set(g, k, get(derivative, k) * get(plain, at));
    }
    *gin = g;
    g = NULL;
done:
    pc_release(g);
    pc_release(plain);
    return status;
}

/* ---- cross entropy and nll ------------------------------------------------------------------------------ */

/* Scores [N, C, inner...] (or [C]) with class indices or probabilities. */
typedef struct classes {
    int64_t n, c, inner;
    pc_tensor *scores, *target, *weight; /* contiguous, owned */
} classes;

static void classes_free(classes *s)
{
    pc_release(s->scores);
    pc_release(s->target);
    pc_release(s->weight);
}

static double weight_of(const classes *s, int64_t class) { return s->weight != NULL ? get(s->weight, class) : 1.0; }

/* Shapes, dtypes and (for indices) the range of targets; target becomes int64. */
static pc_status classes_new(pc_tensor *input, pc_tensor *target, pc_tensor *weight, int64_t ignore, bool probabilities,
                             classes *s)
{
    pc_status status = PC_OK;
    char a[200], b[200];
    *s = (classes){ .n = 1, .c = 1, .inner = 1 };
    PC_TRY(need_float("cross_entropy_loss", input));
    PC_CHECK(input->ndim >= 1, PC_ESHAPE, "Expected 1 or more dimensions, got a 0-dim tensor of scores");
    if (input->ndim > 1) s->n = input->shape[0];
    s->c = input->shape[input->ndim > 1 ? 1 : 0];
    for (int d = 2; d < input->ndim; d++) s->inner *= input->shape[d];
    PC_CHECK(weight == NULL || (weight->ndim == 1 && weight->shape[0] == s->c && weight->dtype == input->dtype), PC_ESHAPE,
             "weight tensor should be defined either for all %" PRId64 " classes or no classes but got weight tensor of "
             "shape: %s", s->c, pc_shape_text(weight, a));
    if (!probabilities) {
        PC_CHECK(!pc_dtype_is_float(target->dtype) && target->dtype != PC_BOOL, PC_ESHAPE,
                 "expected target dtype to be Long or Byte, but got %s. Class indices are integers: use .long(), or give "
                 "probabilities in the shape of the scores", pc_dtype_type_name(target->dtype));
        bool rank = target->ndim == (input->ndim > 1 ? input->ndim - 1 : 0);
        PC_CHECK(input->ndim == 1 || target->ndim == 0 || target->shape[0] == s->n, PC_EVALUE,
                 "Expected input batch_size (%" PRId64 ") to match target batch_size (%" PRId64 "): the scores have shape "
                 "%s, the targets %s. If a view() before the last layers changed the batch, check its sizes", s->n,
                 target->shape[0], pc_shape_text(input, a), pc_shape_text(target, b));
        PC_CHECK(rank && target->numel == s->n * s->inner, PC_ESHAPE,
                 "Expected target size for scores of shape %s is one class index for each, got targets of shape %s",
                 pc_shape_text(input, a), pc_shape_text(target, b));
        for (int d = 2; d < input->ndim; d++)
            PC_CHECK(input->shape[d] == target->shape[d - 1], PC_ESHAPE,
                     "input and target spatial sizes don't match: %s and %s", pc_shape_text(input, a),
                     pc_shape_text(target, b));
        PC_TRY(target->dtype == PC_I64 ? pc_contiguous(target, &s->target) : pc_cast(target, PC_I64, &s->target));
        const int64_t *y = pc_data(s->target);
        for (int64_t k = 0; k < s->target->numel; k++)
            PC_CHECK(y[k] == ignore || (y[k] >= 0 && y[k] < s->c), PC_EINDEX,
                     "Target %" PRId64 " is out of bounds. (element %" PRId64 " of the targets; there are %" PRId64
                     " classes, 0 to %" PRId64 ")", y[k], k, s->c, s->c - 1);
    } else {
        PC_CHECK(target->dtype == input->dtype, PC_ESHAPE, "expected probabilities of dtype %s, but got %s",
                 pc_dtype_type_name(input->dtype), pc_dtype_type_name(target->dtype));
        PC_TRY(pc_contiguous(target, &s->target));
    }
    if (weight != NULL) PC_TRY(pc_contiguous(weight, &s->weight));
    PC_TRY(pc_contiguous(input, &s->scores));
done:
    return status;
}

/* The result's tensor: a scalar, or one loss for each target. */
static pc_status new_result(pc_call *c, int reduction, const pc_tensor *input, pc_tensor **out)
{
    int64_t shape[PC_MAX_DIMS];
    int ndim = 0;
    if (reduction == NONE)
        for (int d = 0; d < input->ndim; d++)
            if (d != (input->ndim > 1 ? 1 : 0)) shape[ndim++] = input->shape[d];
    return pc_out(c, 0, input->dtype, ndim, shape, out);
}

/* loss_i = (1 - e) * nll_i + e / C * smooth_i; the mean divides by the sum of the targets' weights. */
static pc_status index_loss(pc_call *c, int reduction, int64_t ignore, double e, bool from_logp)
{
    pc_status status = PC_OK;
    classes s = { 0 };
    pc_tensor *logp = NULL, *out, *grad = NULL;
    PC_TRY(classes_new(c->in[0], c->in[1], c->in[2], ignore, false, &s));
    if (from_logp) logp = pc_retain(s.scores);
    else PC_TRY(pc_softmax(s.scores, s.scores->ndim > 1 ? 1 : 0, true, &logp));
    PC_TRY(new_result(c, reduction, c->in[0], &out));
    if (c->need[0]) PC_TRY(pc_tensor_new(logp->dtype, logp->ndim, logp->shape, &grad));
    const int64_t *y = pc_data(s.target);
    double total = 0, divisor = 0;
    for (int64_t k = 0; k < s.n * s.inner; k++)
        if (y[k] != ignore) divisor += weight_of(&s, y[k]);
    double scale = reduction == MEAN ? 1 / divisor : 1;
    for (int64_t i = 0; i < s.n; i++)
        for (int64_t j = 0; j < s.inner; j++) {
            int64_t target = y[i * s.inner + j], base = i * s.c * s.inner + j;
            double loss = 0, smooth = 0, mass = 0; /* mass: what the smoothing term puts on all classes together */
            bool counts = target != ignore;
            if (counts) loss = -weight_of(&s, target) * get(logp, base + target * s.inner);
            if (counts && e > 0) {
                for (int64_t q = 0; q < s.c; q++) {
                    smooth -= weight_of(&s, q) * get(logp, base + q * s.inner);
                    mass += weight_of(&s, q);
                }
                loss = (1 - e) * loss + e / (double)s.c * smooth;
            }
            if (reduction == NONE) set(out, i * s.inner + j, loss);
            total += loss;
            if (grad == NULL) continue;
            double own = counts ? (1 - e) * weight_of(&s, target) : 0;
            for (int64_t q = 0; q < s.c; q++) {
                double spread = counts ? e / (double)s.c * weight_of(&s, q) : 0;
                double all = own + (counts ? e / (double)s.c * mass : 0); /* times softmax, unless logp is the input */
                double d = -spread - (q == target && counts ? own : 0);
                if (!from_logp && counts) d += exp(get(logp, base + q * s.inner)) * all;
                set(grad, base + q * s.inner, d * scale);
            }
        }
    if (reduction != NONE) set(out, 0, reduction == MEAN ? total / divisor : total);
    c->aux[0] = grad;
    grad = NULL;
done:
    classes_free(&s);
    pc_release(logp);
    pc_release(grad);
    return status;
}

/* Targets are probabilities in the shape of the scores. */
static pc_status probability_loss(pc_call *c, int reduction, double e)
{
    pc_status status = PC_OK;
    classes s = { 0 };
    pc_tensor *logp = NULL, *out, *grad = NULL;
    PC_TRY(classes_new(c->in[0], c->in[1], c->in[2], 0, true, &s));
    PC_TRY(pc_softmax(s.scores, s.scores->ndim > 1 ? 1 : 0, true, &logp));
    PC_TRY(new_result(c, reduction, c->in[0], &out));
    if (c->need[0]) PC_TRY(pc_tensor_new(logp->dtype, logp->ndim, logp->shape, &grad));
    double total = 0, scale = reduction == MEAN ? 1 / (double)(s.n * s.inner) : 1;
    for (int64_t i = 0; i < s.n; i++)
        for (int64_t j = 0; j < s.inner; j++) {
            int64_t base = i * s.c * s.inner + j;
            double loss = 0, mass = 0;
            for (int64_t q = 0; q < s.c; q++) {
                double p = get(s.target, base + q * s.inner) * (1 - e) + e / (double)s.c;
                loss -= weight_of(&s, q) * p * get(logp, base + q * s.inner);
                mass += weight_of(&s, q) * p;
            }
            if (reduction == NONE) set(out, i * s.inner + j, loss);
            total += loss;
            for (int64_t q = 0; q < s.c && grad != NULL; q++) {
                double p = get(s.target, base + q * s.inner) * (1 - e) + e / (double)s.c;
                double d = exp(get(logp, base + q * s.inner)) * mass - weight_of(&s, q) * p;
                set(grad, base + q * s.inner, d * scale);
            }
        }
    if (reduction != NONE) set(out, 0, total * (reduction == MEAN ? scale : 1));
    c->aux[0] = grad;
    grad = NULL;
done:
    classes_free(&s);
    pc_release(logp);
    pc_release(grad);
    return status;
}

static pc_status cross_entropy_forward(pc_call *c)
{
    int reduction = (int)c->v[0].i;
    double e = c->v[2].f;
    if (e < 0 || e > 1)
        return pc_fail(PC_ESHAPE, "label_smoothing must be between 0.0 and 1.0. Got: %g", e);
    if (pc_same_shape(c->in[0], c->in[1]) && pc_dtype_is_float(c->in[1]->dtype)) {
        if (c->need[1])
            return pc_fail(PC_ENOTIMPL, "cross_entropy: gradients of target probabilities are not supported; detach() them");
        return probability_loss(c, reduction, e);
    }
    return index_loss(c, reduction, c->v[1].i, e, false);
}
static pc_status nll_loss_forward(pc_call *c)
{
    return index_loss(c, (int)c->v[0].i, c->v[1].i, 0, true);
}
static pc_status classes_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    int64_t inner = 1;
    for (int d = 2; d < c->in[0]->ndim; d++) inner *= c->in[0]->shape[d];
    return times_gradient(c->aux[0], (int)c->v[0].i, gout[0], inner, &gin[0]);
}

/* ---- losses between a value and a target, element by element -------------------------------------------- */

/* Loss and its derivatives by x and by y at one element; a is the loss's parameter (beta, delta). */
typedef struct point {
    double loss, dx, dy;
} point;
typedef point (*point_fn)(double x, double y, double a);

static point mse(double x, double y, double a)
{
    (void)a;
    return (point){ (x - y) * (x - y), 2 * (x - y), -2 * (x - y) };
}
static point l1(double x, double y, double a)
{
    (void)a;
    double s = x > y ? 1 : x < y ? -1 : 0;
    return (point){ fabs(x - y), s, -s };
}
static point smooth_l1(double x, double y, double beta)
{
    double d = x - y;
    if (beta == 0 || fabs(d) >= beta) return (point){ fabs(d) - 0.5 * beta, d > 0 ? 1 : d < 0 ? -1 : 0, d > 0 ? -1 : d < 0 ? 1 : 0 };
    return (point){ 0.5 * d * d / beta, d / beta, -d / beta };
}
static point huber(double x, double y, double delta)
{
    double d = x - y;
    if (fabs(d) <= delta) return (point){ 0.5 * d * d, d, -d };
    double s = d > 0 ? delta : -delta;
    return (point){ delta * (fabs(d) - 0.5 * delta), s, -s };
}
static point bce(double x, double y, double a)
{
    (void)a;
    double lx = fmax(log(x), -100), l1x = fmax(log1p(-x), -100); /* torch clamps the logarithms */
    return (point){ -(y * lx + (1 - y) * l1x), (x - y) / fmax((1 - x) * x, 1e-12), l1x - lx };
}
static point kl_div(double x, double y, double log_target)
{
    if (log_target != 0) return (point){ exp(y) * (y - x), -exp(y), exp(y) * (y - x) + exp(y) };
    return (point){ y == 0 ? 0 : y * (log(y) - x), -y, y == 0 ? 0 : log(y) + 1 - x };
}

static pc_status pointwise(pc_call *c, const char *name, point_fn fn, int reduction, double a, const pc_tensor *weight)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *y = NULL, *w = NULL, *in = c->in[0], *target = c->in[1], *out;
    char ta[200], tb[200];
    PC_TRY(need_float(name, in));
    PC_CHECK(pc_same_shape(in, target), PC_ESHAPE, "%s: input and target must have one shape, got %s and %s", name,
             pc_shape_text(in, ta), pc_shape_text(target, tb));
    PC_CHECK(in->dtype == target->dtype, PC_ESHAPE, "Found dtype %s but expected %s", pc_dtype_type_name(target->dtype),
             pc_dtype_type_name(in->dtype));
    PC_CHECK(weight == NULL || (pc_same_shape(in, weight) && in->dtype == weight->dtype), PC_ESHAPE,
             "%s: weight must have the input's shape and dtype", name);
    PC_TRY(pc_contiguous(in, &x));
    PC_TRY(pc_contiguous(target, &y));
    if (weight != NULL) PC_TRY(pc_contiguous((pc_tensor *)weight, &w));
    PC_TRY(pc_out(c, 0, in->dtype, reduction == NONE ? in->ndim : 0, in->shape, &out));
    for (int k = 0; k < 2; k++)
        if (c->need[k]) PC_TRY(pc_tensor_new(in->dtype, in->ndim, in->shape, &c->aux[k]));
    double total = 0, scale = reduction == MEAN ? 1 / (double)in->numel : 1;
    for (int64_t k = 0; k < in->numel; k++) {
        double v = get(x, k);
        if (fn == bce)
            PC_CHECK(v >= 0 && v <= 1, PC_ESHAPE, "all elements of input should be between 0 and 1: use "
                     "binary_cross_entropy_with_logits, or a sigmoid before the loss");
        point p = fn(v, get(y, k), a);
        double factor = w != NULL ? get(w, k) : 1;
        if (reduction == NONE) set(out, k, factor * p.loss);
        total += factor * p.loss;
        if (c->aux[0] != NULL) set(c->aux[0], k, factor * p.dx * scale);
        if (c->aux[1] != NULL) set(c->aux[1], k, factor * p.dy * scale);
    }
    if (reduction != NONE) set(out, 0, reduction == MEAN ? total / (double)in->numel : total);
done:
    pc_release(x);
    pc_release(y);
    pc_release(w);
    return status;
}
static pc_status pointwise_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin)
{
    pc_status status = PC_OK;
    for (int k = 0; k < 2; k++)
        if (c->need[k]) PC_TRY(times_gradient(c->aux[k], (int)c->v[0].i, gout[0], 0, &gin[k]));
done:
    return status;
}

static pc_status mse_loss_forward(pc_call *c) { return pointwise(c, "mse_loss", mse, (int)c->v[0].i, 0, NULL); }
static pc_status l1_loss_forward(pc_call *c) { return pointwise(c, "l1_loss", l1, (int)c->v[0].i, 0, NULL); }
static pc_status smooth_l1_forward(pc_call *c)
{
    if (c->v[1].f < 0) return pc_fail(PC_ESHAPE, "smooth_l1_loss does not support negative values for beta.");
    return pointwise(c, "smooth_l1_loss", smooth_l1, (int)c->v[0].i, c->v[1].f, NULL);
}
static pc_status huber_forward(pc_call *c)
{
    if (c->v[1].f <= 0) return pc_fail(PC_ESHAPE, "huber_loss does not support non-positive values for delta.");
    return pointwise(c, "huber_loss", huber, (int)c->v[0].i, c->v[1].f, NULL);
}
static pc_status bce_forward(pc_call *c)
{
    return pointwise(c, "binary_cross_entropy", bce, (int)c->v[0].i, 0, c->in[2]);
}
static pc_status kl_div_forward(pc_call *c)
{
    return pointwise(c, "kl_div", kl_div, (int)c->v[0].i, (double)c->v[1].i, NULL);
}

/* ---- binary cross entropy of logits: weight and pos_weight are broadcast --------------------------------- */

static pc_status expanded(const pc_tensor *t, const pc_tensor *like, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *full = NULL;
    PC_TRY(pc_tensor_new(like->dtype, like->ndim, like->shape, &full));
    PC_TRY(pc_copy(full, t));
    *out = full;
    full = NULL;
done:
    pc_release(full);
    return status;
}

static pc_status bce_logits_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *x = NULL, *y = NULL, *w = NULL, *pw = NULL, *in = c->in[0], *target = c->in[1], *out;
    int reduction = (int)c->v[0].i;
    char ta[200], tb[200];
    PC_TRY(need_float("binary_cross_entropy_with_logits", in));
    PC_CHECK(pc_same_shape(in, target), PC_EVALUE, "Target size (%s) must be the same as input size (%s)",
             pc_shape_text(target, ta), pc_shape_text(in, tb));
    PC_CHECK(in->dtype == target->dtype, PC_ESHAPE, "Found dtype %s but expected %s", pc_dtype_type_name(target->dtype),
             pc_dtype_type_name(in->dtype));
    PC_TRY(pc_contiguous(in, &x));
    PC_TRY(pc_contiguous(target, &y));
    if (c->in[2] != NULL) PC_TRY(expanded(c->in[2], in, &w));
    if (c->in[3] != NULL) PC_TRY(expanded(c->in[3], in, &pw));
    PC_TRY(pc_out(c, 0, in->dtype, reduction == NONE ? in->ndim : 0, in->shape, &out));
    for (int k = 0; k < 2; k++)
        if (c->need[k]) PC_TRY(pc_tensor_new(in->dtype, in->ndim, in->shape, &c->aux[k]));
    double total = 0, scale = reduction == MEAN ? 1 / (double)in->numel : 1;
    for (int64_t k = 0; k < in->numel; k++) {
        double v = get(x, k), t = get(y, k), factor = w != NULL ? get(w, k) : 1, p = pw != NULL ? get(pw, k) : 1;
        double l = 1 + (p - 1) * t, softplus = log1p(exp(-fabs(v))) + (v < 0 ? -v : 0); /* of -v */
        double sigmoid_neg = v < 0 ? 1 / (1 + exp(v)) : exp(-v) / (1 + exp(-v));
        double loss = factor * ((1 - t) * v + l * softplus);
        if (reduction == NONE) set(out, k, loss);
        total += loss;
        if (c->aux[0] != NULL) set(c->aux[0], k, factor * ((1 - t) - l * sigmoid_neg) * scale);
        if (c->aux[1] != NULL) set(c->aux[1], k, factor * (-v + (p - 1) * softplus) * scale);
    }
    if (reduction != NONE) set(out, 0, reduction == MEAN ? total / (double)in->numel : total);
done:
    pc_release(x);
    pc_release(y);
    pc_release(w);
    pc_release(pw);
    return status;
}

static const pc_op table[] = {
    { "cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, "
      "float label_smoothing=0.0) -> Tensor", cross_entropy_forward, classes_backward, PC_NN,
      "Cross entropy of scores and class indices or probabilities." },
    { "nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor",
      nll_loss_forward, classes_backward, PC_NN, "Negative log likelihood of class indices under log-probabilities." },
    { "mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", mse_loss_forward, pointwise_backward, PC_NN,
      "Squared difference." },
    { "l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", l1_loss_forward, pointwise_backward, PC_NN,
      "Absolute difference." },
    { "smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.0) -> Tensor", smooth_l1_forward,
      pointwise_backward, PC_NN, "Absolute difference, squared where it is below beta." },
    { "huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.0) -> Tensor", huber_forward,
      pointwise_backward, PC_NN, "Squared difference, absolute where it is above delta." },
    { "binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor", bce_forward,
      pointwise_backward, PC_NN, "Cross entropy of probabilities and targets in [0, 1]." },
    { "binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, "
      "int reduction=1) -> Tensor", bce_logits_forward, pointwise_backward, PC_NN,
      "Cross entropy of logits and targets in [0, 1]." },
    { "kl_div(Tensor self, Tensor target, int reduction=1, bool log_target=False) -> Tensor", kl_div_forward,
      pointwise_backward, PC_NN, "Kullback-Leibler divergence of a target distribution from log-probabilities." },
};
PC_FAMILY(loss, table);
