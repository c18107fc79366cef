/* sampling.c -- random numbers whose distribution is given by tensors: normal, bernoulli, Dirichlet, multinomial. */
#include "../core/alloc.h"
#include "../core/parallel.h"
#include "copy.h"
#include "elementwise.h"
#include "random.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- normal: z * std + mean, each step rounded ---------------------------------------------------------- */

/* t = t op other, by the operator of that name. */
static pc_status apply_inplace(const char *name, pc_tensor *t, pc_tensor *other)
{
    pc_status status = PC_OK;
    pc_tensor *alias = NULL, *out = NULL;
    int nout;
    pc_value v[PC_MAX_PARAMS] = { { .kind = PC_INT, .i = 1 } }; /* alpha of add */
    PC_TRY(pc_tensor_alias(other, &alias));
    alias->is_number = other->is_number;
    PC_TRY(pc_op_apply(pc_op_find(name), 2, (pc_tensor *[]){ t, alias }, v, true, 1, &out, &nout));
done:
    pc_release(out);
    pc_release(alias);
    return status;
}

static pc_status check_std(const pc_tensor *std)
{
    pc_status status = PC_OK;
    pc_tensor *plain = NULL, *exact = NULL;
    PC_TRY(pc_cast((pc_tensor *)std, PC_F64, &exact));
    PC_TRY(pc_contiguous(exact, &plain));
    for (int64_t k = 0; k < plain->numel; k++) {
        double v = ((const double *)pc_data(plain))[k];
        PC_CHECK(v >= 0, PC_ESHAPE, "normal expects all elements of std >= 0.0, but found %g", v);
        PC_TRY(pc_poll_at(k));
    }
done:
    pc_release(plain);
    pc_release(exact);
    return status;
}

/* Normals of that deviation in the shape of both, in the dtype of `like`. */
static pc_status draw_normal(pc_call *c, const pc_tensor *like, int n, pc_tensor *const *operands, double std,
                             const pc_value *generator)
{
    pc_status status = PC_OK;
    pc_value v[PC_MAX_PARAMS] = { { .kind = PC_FLOAT }, { .kind = PC_FLOAT, .f = std }, *generator };
    pc_tensor *out = NULL, *same = NULL;
    int64_t shape[PC_MAX_DIMS];
    int ndim, nout;
    PC_TRY(pc_need_float("normal_kernel_cpu", like->dtype));
    PC_TRY(pc_broadcast(n, operands, &ndim, shape));
    PC_TRY(pc_tensor_new(like->dtype, ndim, shape, &out));
    PC_TRY(pc_op_apply(pc_op_find("normal_"), 1, &out, v, true, 1, &same, &nout));
    c->out[0] = out;
    out = NULL;
done:
    pc_release(same);
    pc_release(out);
    return status;
}

static pc_status normal_tensors_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_TRY(check_std(c->in[1]));
    PC_TRY(draw_normal(c, c->in[0], 2, c->in, 1, &c->v[0]));
    PC_TRY(apply_inplace("mul", c->out[0], c->in[1]));
    PC_TRY(apply_inplace("add", c->out[0], c->in[0]));
done:
    return status;
}
static pc_status normal_mean_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_TRY(draw_normal(c, c->in[0], 1, c->in, c->v[0].f, &c->v[1]));
    PC_TRY(apply_inplace("add", c->out[0], c->in[0]));
done:
    return status;
}
static pc_status normal_std_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *mean = NULL;
    PC_TRY(check_std(c->in[0]));
    PC_TRY(draw_normal(c, c->in[0], 1, c->in, 1, &c->v[1]));
    PC_TRY(apply_inplace("mul", c->out[0], c->in[0]));
    PC_TRY(pc_tensor_new(PC_F64, 0, NULL, &mean));
    *(double *)pc_data(mean) = c->v[0].f;
    PC_TRY(apply_inplace("add", c->out[0], mean));
done:
    pc_release(mean);
    return status;
}

/* ---- bernoulli ------------------------------------------------------------------------------------------ */

/* out[k] = 1 with probability p[k] (broadcast to out), in the order of out's memory: one draw an element, compared in
   the dtype of the probabilities. */
static pc_status draw_bernoulli(pc_tensor *p, pc_generator *g, pc_tensor *out)
{
    pc_status status = PC_OK;
    pc_tensor *ordered = NULL, *result = NULL;
    PC_TRY(pc_need_float("bernoulli_tensor_cpu_p_", p->dtype));
    PC_TRY(pc_new_in_order(out, p->dtype, &ordered));
    PC_TRY(pc_copy(ordered, p));
    PC_TRY(pc_new_in_order(out, out->dtype, &result));
    const float *narrow = pc_data(ordered);
    const double *exact = pc_data(ordered);
    bool wide = p->dtype == PC_F64;
    for (int64_t k = 0; k < ordered->numel; k++) {
        double v = wide ? exact[k] : (double)narrow[k];
        PC_CHECK(v >= 0 && v <= 1, PC_ESHAPE, "Expected p_in >= 0 && p_in <= 1 to be true, but got p_in=%g", v);
        PC_TRY(pc_poll_at(k));
    }
    pthread_mutex_lock(&g->lock);
    for (int64_t k = 0; k < ordered->numel && status == PC_OK; k++) {
        pc_store_integer(out->dtype, pc_data(result), k,
                         wide ? pc_draw_u53(g) < exact[k] : PC_UNIT_F32(pc_draw32(g)) < narrow[k]);
        status = pc_generator_poll_at(g, k);
    }
    pthread_mutex_unlock(&g->lock);
    PC_TRY(status);
    PC_TRY(pc_copy(out, result));
done:
    pc_release(ordered);
    pc_release(result);
    return status;
}
static pc_status bernoulli_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *p = c->in[0];
    PC_TRY(pc_tensor_new(p->dtype, p->ndim, p->shape, &c->out[0]));
    PC_TRY(draw_bernoulli(p, pc_generator_of(&c->v[0]), c->out[0]));
done:
    return status;
}
static pc_status bernoulli_inplace_forward(pc_call *c)
{
    pc_status status = PC_OK;
    PC_TRY(draw_bernoulli(c->in[1], pc_generator_of(&c->v[0]), c->in[0]));
    c->out[0] = pc_retain(c->in[0]);
done:
    return status;
}

/* ---- Dirichlet: gammas over their sum ---------------------------------------------------------------------- */

/* Marsaglia and Tsang (2000), with torch's constants: some are floats. */
static double draw_gamma(pc_generator *g, double alpha)
{
    double scale = 1;
    if (alpha < 1) {
        if (alpha == 0) return 0;
        scale = pow(1 - pc_draw_u53(g), 1 / alpha);
        alpha += 1;
    }
    const double d = alpha - (double)(1.0f / 3.0f), c = 1 / sqrt(9 * d);
    for (;;) {
        double x, y;
        do {
            x = pc_draw_normal(g);
            y = 1 + c * x;
        } while (y <= 0);
        const double v = y * y * y, u = 1 - pc_draw_u53(g), xx = x * x;
        if (u < 1 - (double)0.0331f * xx * xx || log(u) < 0.5 * xx + d * (1 - v + log(v))) return scale * d * v;
    }
}

static pc_status sample_dirichlet_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *wide = NULL, *alpha = NULL, *out;
    double *gammas = NULL;
    pc_generator *g = pc_generator_of(&c->v[0]);
    const pc_tensor *in = c->in[0];
    PC_TRY(pc_need_float("dirichlet", in->dtype));
    PC_CHECK(in->ndim > 0, PC_ESHAPE, "_sample_dirichlet: expected at least one dimension");
    const int64_t n = in->shape[in->ndim - 1];
    PC_TRY(pc_cast((pc_tensor *)in, PC_F64, &wide));
    PC_TRY(pc_contiguous(wide, &alpha));
    PC_TRY(pc_out(c, 0, in->dtype, in->ndim, in->shape, &out));
    PC_CHECK((gammas = pc_alloc((size_t)alpha->numel * sizeof *gammas)) != NULL, PC_ENOMEM,
             "out of memory for %" PRId64 " gammas", alpha->numel);
    pthread_mutex_lock(&g->lock);
    for (int64_t k = 0; k < alpha->numel && status == PC_OK; k++) {
        const double a = ((const double *)pc_data(alpha))[k];
        gammas[k] = a >= 0 && isfinite(a) ? fmax(DBL_MIN, draw_gamma(g, a)) : NAN;
        status = pc_generator_poll_at(g, k);
    }
    pthread_mutex_unlock(&g->lock);
    PC_TRY(status);
    for (int64_t k = 0; k < alpha->numel; k += n) {
        double sum = 0;
        for (int64_t j = 0; j < n; j++) sum += gammas[k + j];
        for (int64_t j = k; j < k + n; j++) {
            const double v = gammas[j] / sum;
            if (in->dtype == PC_F32) {
                ((float *)pc_data(out))[j] = fminf(fmaxf((float)v, FLT_MIN), 0x1.fffffep-1f);
            } else {
                ((double *)pc_data(out))[j] = fmin(fmax(v, DBL_MIN), 0x1.fffffffffffffp-1);
            }
        }
    }
done:
    pc_free(gammas);
    pc_release(alpha);
    pc_release(wide);
    return status;
}

/* ---- multinomial ---------------------------------------------------------------------------------------- */

/* The weights of one row as doubles that hold values of their own dtype. */
static double round_to(pc_dtype d, double v) { return d == PC_F32 ? (double)(float)v : v; }

static pc_status sample_with_replacement(pc_generator *g, pc_dtype d, double *cumulative, int64_t n, int64_t samples,
                                         int64_t *out)
{
    pc_status status = PC_OK;
    double total = 0;
    for (int64_t k = 0; k < n; k++) {
        cumulative[k] = total = round_to(d, total + cumulative[k]);
        PC_TRY(pc_generator_poll_at(g, k));
    }
    for (int64_t k = 0; k < n; k++) {
        cumulative[k] = round_to(d, cumulative[k] / total);
        PC_TRY(pc_generator_poll_at(g, k));
    }
    cumulative[n - 1] = 1;
    for (int64_t j = 0; j < samples; j++) {
        double u = pc_draw_u53(g);
        int64_t low = 0, high = n;
        while (high > low) {
            int64_t middle = low + (high - low) / 2;
            if (cumulative[middle] < u) low = middle + 1;
            else high = middle;
        }
        out[j] = low;
        PC_TRY(pc_generator_poll_at(g, j));
    }
done:
    return status;
}

typedef struct keyed {
    double key;
    int64_t index;
} keyed;

static void sift(keyed *heap, int64_t at, int64_t n)
{
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1].key > heap[child].key) child++;
        if (heap[at].key >= heap[child].key) return;
        keyed t = heap[at];
        heap[at] = heap[child];
        heap[child] = t;
    }
}

/* The indices of the largest keys, from the largest down. */
static pc_status take_largest(const double *key, int64_t n, int64_t samples, keyed *heap, int64_t *out)
{
    pc_status status = PC_OK;
    for (int64_t k = 0; k < n; k++) {
        heap[k] = (keyed){ key[k], k };
        PC_TRY(pc_poll_at(k));
    }
    for (int64_t k = n / 2 - 1; k >= 0; k--) {
        sift(heap, k, n);
        PC_TRY(pc_poll_at(k));
    }
    for (int64_t j = 0; j < samples; j++) {
        out[j] = heap[0].index;
        heap[0] = heap[--n];
        sift(heap, 0, n);
        PC_TRY(pc_poll_at(j));
    }
done:
    return status;
}

/* The weights as doubles, checked as distributions. */
static pc_status read_weights(pc_tensor *w, int64_t rows, int64_t n, double *out)
{
    pc_status status = PC_OK;
    pc_tensor *plain = NULL;
    PC_TRY(pc_contiguous(w, &plain));
    for (int64_t r = 0; r < rows; r++) {
        double total = 0;
        for (int64_t k = r * n; k < (r + 1) * n; k++) {
            double v = w->dtype == PC_F32 ? (double)pc_f32(plain)[k] : ((const double *)pc_data(plain))[k];
            PC_CHECK(v >= 0 && isfinite(v), PC_ESHAPE,
                     "probability tensor contains either `inf`, `nan` or element < 0");
            total += out[k] = v;
            PC_TRY(pc_poll_at(k));
        }
        PC_CHECK(total > 0, PC_ESHAPE, "invalid multinomial distribution (sum of probabilities <= 0)");
    }
done:
    pc_release(plain);
    return status;
}

/* w / q for an exponential q. */
static pc_status divide_by_exponentials(pc_generator *g, pc_dtype d, double *w, int64_t n)
{
    pc_status status = PC_OK;
    pthread_mutex_lock(&g->lock);
    for (int64_t k = 0; k < n && status == PC_OK; k++) {
        w[k] = round_to(d, w[k] / round_to(d, -log1p(-pc_draw_u53(g))));
        status = pc_generator_poll_at(g, k);
    }
    pthread_mutex_unlock(&g->lock);
    return status;
}

/* Without replacement (and for one sample): an exponential q is drawn for each weight w of all rows; the largest w / q
   of a row are its sample. */
static pc_status multinomial_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *in = c->in[0], *out;
    double *row = NULL;
    keyed *heap = NULL;
    int64_t samples = c->v[0].i;
    bool replacement = c->v[1].i != 0;
    pc_generator *g = pc_generator_of(&c->v[2]);
    PC_CHECK(in->ndim == 1 || in->ndim == 2, PC_ESHAPE, "prob_dist must be 1 or 2 dim");
    PC_CHECK(pc_dtype_is_float(in->dtype), PC_ESHAPE,
             "multinomial only supports floating-point dtypes for input, got: %s", pc_dtype_type_name(in->dtype));
    PC_TRY(pc_need_float("multinomial", in->dtype));
    int64_t n = in->shape[in->ndim - 1], rows = in->ndim == 2 ? in->shape[0] : 1;
    PC_CHECK(samples > 0, PC_ESHAPE, "cannot sample n_sample <= 0 samples");
    PC_CHECK(replacement || samples <= n, PC_ESHAPE,
             "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
    PC_CHECK(n <= 1 << 24, PC_ESHAPE, "number of categories cannot exceed 2^24");
    PC_TRY(pc_out(c, 0, PC_I64, in->ndim, in->ndim == 2 ? (int64_t[]){ rows, samples } : (int64_t[]){ samples }, &out));
    row = pc_alloc((size_t)(rows * n) * sizeof *row);
    heap = pc_alloc((size_t)n * sizeof *heap);
    PC_CHECK(row != NULL && heap != NULL, PC_ENOMEM, "out of memory for multinomial");
    PC_TRY(read_weights(in, rows, n, row));
    replacement = replacement && samples > 1;
    if (replacement) {
        pthread_mutex_lock(&g->lock);
        for (int64_t r = 0; r < rows && status == PC_OK; r++)
            status =
                sample_with_replacement(g, in->dtype, row + r * n, n, samples, (int64_t *)pc_data(out) + r * samples);
        pthread_mutex_unlock(&g->lock);
        PC_TRY(status);
    } else {
        PC_TRY(divide_by_exponentials(g, in->dtype, row, rows * n));
        for (int64_t r = 0; r < rows; r++)
            PC_TRY(take_largest(row + r * n, n, samples, heap, (int64_t *)pc_data(out) + r * samples));
    }
done:
    pc_free(row);
    pc_free(heap);
    return status;
}

static const pc_op table[] = {
    { "normal.tensors(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor", normal_tensors_forward, NULL,
      PC_FUNCTION | PC_NOGRAD, "Normal numbers with the given means and standard deviations.\n"
      "mean: Of each number, or of all.\n"
      "std: Of each number, or of all.\n"
      "note: The numbers are torch's bit for bit, for the same generator state." },
    { "normal.mean(Tensor mean, float std=1.0, *, Generator? generator=None) -> Tensor", normal_mean_forward, NULL,
      PC_FUNCTION | PC_NOGRAD, "Normal numbers with the given means." },
    { "normal.std(float mean, Tensor std, *, Generator? generator=None) -> Tensor", normal_std_forward, NULL,
      PC_FUNCTION | PC_NOGRAD, "Normal numbers with the given standard deviations." },
    { "bernoulli(Tensor self, *, Generator? generator=None) -> Tensor", bernoulli_forward, NULL,
      PC_FUNCTION | PC_METHOD | PC_NOGRAD, "1 with the probability that the input gives, otherwise 0.\n"
      "self: Probabilities.\n"
      "note: The numbers are torch's bit for bit, for the same generator state." },
    { "_sample_dirichlet(Tensor self, Generator? generator=None) -> Tensor", sample_dirichlet_forward, NULL,
      PC_FUNCTION | PC_NOGRAD,
      "Points of the simplex, drawn from Dirichlet distributions.\n"
      "self: Concentrations; the last dimension is that of a point.\n"
      "note: The numbers are torch's bit for bit, for the same generator state." },
    { "multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor",
      multinomial_forward, NULL, PC_FUNCTION | PC_METHOD | PC_NOGRAD,
      "Indices drawn with the probabilities that each row's weights give.\n"
      "self: Weights [n] or [rows, n]; not negative, not all 0.\n"
      "replacement: Put an index back after it was drawn.\n"
      "returns: Indices of int64: [num_samples] or [rows, num_samples].\n"
      "note: The numbers are torch's bit for bit, for the same generator state." },
    { "bernoulli_.tensor(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor",
      bernoulli_inplace_forward, NULL, PC_METHOD | PC_NOGRAD | PC_WRITES,
      "Fill with 1 with the given probabilities, otherwise 0.\n"
      "p: Probabilities: one, or a tensor that is broadcast." },
};
PC_FAMILY(sampling, table);
