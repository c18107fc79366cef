/* metrics.c -- counting for pycnn.metrics: how often classes stand together, and at which place a label comes. */
#include "../core/parallel.h"
#include "copy.h"
#include <inttypes.h>
#include <string.h>

#define POLL_EVERY 65536 /* elements between two checks for Ctrl-C */

/* *out = t as a contiguous tensor of that dtype. */
static pc_status plain(pc_tensor *t, pc_dtype dtype, pc_tensor **out)
{
    pc_status status = PC_OK;
    PC_TRY(pc_tensor_new(dtype, t->ndim, t->shape, out));
    PC_TRY(pc_copy(*out, t));
done:
    return status;
}

static pc_status check_classes(const pc_tensor *t, int64_t n, const char *what)
{
    pc_status status = PC_OK;
    const int64_t *v = pc_data(t);
    for (int64_t i = 0; i < t->numel; i++)
        PC_CHECK(v[i] >= 0 && v[i] < n, PC_EVALUE, "%s[%" PRId64 "] is class %" PRId64 ", but with %" PRId64
                 " classes only 0 to %" PRId64 " exist", what, i, v[i], n, n - 1);
done:
    return status;
}

static pc_status confusion_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *truth = NULL, *guess = NULL, *weight = NULL, *given = c->in[2];
    int64_t n = c->v[0].i, shape[2] = { n, n };

    for (int k = 0; k < 2; k++)
        PC_CHECK(!pc_dtype_is_float(c->in[k]->dtype) && c->in[k]->ndim == 1, PC_EVALUE,
                 "classes are given as one integer for each image, got %d dimensions of %s", c->in[k]->ndim,
                 pc_dtype_name(c->in[k]->dtype));
    PC_CHECK(c->in[0]->numel == c->in[1]->numel, PC_EVALUE, "y_true has %" PRId64 " classes, y_pred %" PRId64,
             c->in[0]->numel, c->in[1]->numel);
    PC_CHECK(given == NULL || (given->ndim == 1 && given->numel == c->in[0]->numel), PC_EVALUE,
             "weights are given as one number for each of %" PRId64 " images", c->in[0]->numel);
    PC_TRY(plain(c->in[0], PC_I64, &truth));
    PC_TRY(plain(c->in[1], PC_I64, &guess));
    if (given != NULL) PC_TRY(plain(given, PC_F64, &weight));
    PC_TRY(check_classes(truth, n, "y_true"));
    PC_TRY(check_classes(guess, n, "y_pred"));
    PC_TRY(pc_tensor_new(weight != NULL ? PC_F64 : PC_I64, 2, shape, &c->out[0]));
    const int64_t *row = pc_data(truth), *column = pc_data(guess);
    int64_t *counts = pc_data(c->out[0]);
    double *sums = pc_data(c->out[0]);
    memset(counts, 0, (size_t)(n * n) * 8);
    for (int64_t i = 0; i < truth->numel; i++) {
        if (weight == NULL) counts[row[i] * n + column[i]]++;
        else sums[row[i] * n + column[i]] += ((const double *)pc_data(weight))[i];
        if (i % POLL_EVERY == POLL_EVERY - 1) PC_TRY(pc_poll());
    }
done:
    pc_release(truth);
    pc_release(guess);
    pc_release(weight);
    return status;
}

static pc_status places_forward(pc_call *c)
{
    pc_status status = PC_OK;
    pc_tensor *scores = NULL, *labels = NULL;
    const pc_tensor *s = c->in[0], *l = c->in[1];
    int64_t n = s->ndim == 2 ? s->shape[1] : 0;

    PC_CHECK(s->ndim == 2, PC_EVALUE, "scores have two dimensions, images and classes; got %d", s->ndim);
    PC_CHECK(!pc_dtype_is_float(l->dtype) && l->ndim == 1 && l->numel == s->shape[0], PC_EVALUE,
             "scores of %" PRId64 " images need as many integer labels", s->shape[0]);
    PC_TRY(plain(c->in[0], PC_F64, &scores));
    PC_TRY(plain(c->in[1], PC_I64, &labels));
    PC_TRY(check_classes(labels, n, "y_true"));
    PC_TRY(pc_tensor_new(PC_I64, 1, labels->shape, &c->out[0]));
    for (int64_t i = 0; i < labels->numel; i++) {
        const double *score = (const double *)pc_data(scores) + i * n;
        int64_t label = ((const int64_t *)pc_data(labels))[i], above = 0;
        for (int64_t k = 0; k < n; k++) /* NaN stands above all; where the label's own score is NaN, all do */
            above += !(score[k] < score[label] || (score[k] == score[label] && k <= label));
        ((int64_t *)pc_data(c->out[0]))[i] = above;
        if (i % 256 == 255) PC_TRY(pc_poll());
    }
done:
    pc_release(scores);
    pc_release(labels);
    return status;
}

static const pc_op ops[] = {
    { "_confusion(Tensor y_true, Tensor y_pred, int classes, Tensor? weight=None) -> Tensor", confusion_forward, NULL,
      PC_FUNCTION | PC_NOGRAD, "How often an image of class i was taken for class j, or the sum of their weights." },
    { "_places(Tensor scores, Tensor labels) -> Tensor", places_forward, NULL, PC_FUNCTION | PC_NOGRAD,
      "How many classes have a higher score than the label; of equal scores the later class comes first." },
};
PC_FAMILY(metrics, ops);
