/* norm.h -- what normalisations share: fields of channels, passes over them, and tensors opened as fields. */
#ifndef PC_NORM_H
#define PC_NORM_H
#include "../core/parallel.h"
#include "nhwc.h"

static inline int64_t pc_most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t pc_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Values in a chunk: 128 KiB, read twice from the second-level cache. */
#define PC_NORM_CHUNK 32768

/* Where the channels of an activation stand: rows, [n * s][c], or planes, [n][c][s]. */
typedef struct pc_field {
    bool wide; /* float64; otherwise float32 */
    bool rows;
    int64_t n, c, s;
} pc_field;

/* One pass: which of the members are used depends on the task. Planes have statistics by plane, [n][c]. */
typedef struct pc_pass {
    pc_field f;
    const char *x, *g;
    char *y;
    char *parts;                /* of rows: two vectors of c values for each chunk */
    const void *coefficients;   /* of rows, c of each: those of the kernel, in the field's type */
    double *first, *second;     /* of planes: results by plane */
    const double *scale, *mean, *slope, *shift;     /* of planes: coefficients */
    const double *bias;         /* of planes; in rows it is among the coefficients. Not NULL: g is of a ReLU's output */
    int64_t grain;
} pc_pass;

/* Rows or planes that make a chunk. */
int64_t pc_field_grain(const pc_field *f);
/* Tasks of pc_parallel_for over a pc_pass: means and sums of squared differences; sums of g and of g * (x - mean);
   the affine map; its gradient. */
pc_status pc_moments_task(void *ctx, int64_t begin, int64_t end);
pc_status pc_sums_task(void *ctx, int64_t begin, int64_t end);
pc_status pc_affine_task(void *ctx, int64_t begin, int64_t end);
pc_status pc_grad_task(void *ctx, int64_t begin, int64_t end);
void pc_f64_moments_run(const double *x, int64_t n, double *mean, double *m2);

/* Run one of the two statistics: partial results of rows or planes. The caller frees *parts. */
pc_status pc_field_statistics(pc_pass *p, pc_range_fn task, char **parts);
/* Mean and sum of squared differences from it, by channel. */
pc_status pc_channel_moments(const pc_field *f, const void *x, double *mean, double *m2);
/* What passes over channels read: vectors by channel. bias not NULL, float32 alone: g is the gradient of
   relu((x - mean) * scale + bias), and 0 where that is not positive. */
typedef struct pc_coefficients {
    const double *scale, *mean, *slope, *shift, *bias;
} pc_coefficients;
/* Sums of g and of g * (x - mean), by channel. */
pc_status pc_channel_sums(const pc_field *f, const void *g, const void *x, const pc_coefficients *by, double *sum,
                          double *dot);
/* y = (x - mean) * scale + shift, or with g: y = g * scale + (x - mean) * slope + shift. */
pc_status pc_apply_channels(const pc_field *f, const void *g, const void *x, void *y, const pc_coefficients *by);

/* A tensor [n, c, ...] opened where it stands, or as a copy. */
typedef struct pc_activation {
    pc_field f;
    const void *p;
    pc_nhwc image;
    pc_tensor *held; /* owned */
} pc_activation;

/* images: a float32 image keeps its layout. Otherwise, and for other shapes, the values are contiguous. */
pc_status pc_activation_open(pc_tensor *t, bool images, pc_activation *a);
/* A gradient in the layout of x. */
pc_status pc_activation_open_like(pc_tensor *t, const pc_activation *x, pc_activation *a);
void pc_activation_close(pc_activation *a);
/* Memory for results that belong to tensor t, in the layout of x and the dtype that is computed in. */
pc_status pc_activation_new(const pc_tensor *t, const pc_activation *x, pc_tensor **out, void **p);

/* n numbers of t, or `otherwise` where there is no t. */
pc_status pc_read_vector(pc_tensor *t, int64_t n, double otherwise, double *to);
/* The numbers as a tensor of like's shape: in float64, or in like's dtype. */
pc_status pc_vector_tensor(const double *from, const pc_tensor *like, pc_tensor **out);
pc_status pc_vector_gradient(const double *from, const pc_tensor *like, pc_tensor **out);

/* Parameters have the input's dtype; those of a half may be float32. */
pc_status pc_check_norm_dtypes(const char *kernel, const pc_tensor *x, int n, pc_tensor *const *parameters);

#endif
