/* tensor.h -- tensors: a view (shape, strides, offset) of reference-counted storage. Knows no operator. */
#ifndef PC_TENSOR_H
#define PC_TENSOR_H
#include "status.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PC_MAX_DIMS 8

/* Order matters: type promotion compares within a category. */
typedef enum pc_dtype {
    PC_BOOL = 0, PC_U8, PC_I8, PC_I16, PC_I32, PC_I64, PC_F16, PC_BF16, PC_F32, PC_F64, PC_DTYPE_COUNT
} pc_dtype;

static inline int64_t pc_dtype_size(pc_dtype d)
{
    static const int8_t size[PC_DTYPE_COUNT] = { 1, 1, 1, 2, 4, 8, 2, 2, 4, 8 };
    return size[d];
}
static inline bool pc_dtype_is_float(pc_dtype d) { return d >= PC_F16; }
/* What a float is where nobody says: PC_F32 unless set; PC_F32 or PC_F64. */
pc_dtype pc_default_dtype(void);
void pc_set_default_dtype(pc_dtype d);
const char *pc_dtype_name(pc_dtype d);      /* "float32": torch.float32 without its module */
const char *pc_dtype_type_name(pc_dtype d); /* "Float": how torch's messages call it */

/* A block of memory. Its values may stand in two places:
   - data: laid out as the strides of the tensors that view it say;
   - nhwc: private, float32 [N, H, W, C], of the contiguous NCHW tensor that an operator made.
   With neither, the values are max(0, relu_of's nhwc), not yet computed; or they were there once and are computed again
   by the recipe.
   Only core/ and operators flagged PC_PRIVATE look at nhwc and relu_of; everybody else is given `data`.

   A recipe says how operators that work element by element (batch norm, a sum, ReLU) made the values from those of
   other storages. When nobody but backward refers to a storage with a recipe any more, its memory is given back;
   backward gets the same bits when it asks for them. So of a convolution, batch norm and ReLU the convolution's output
   alone is kept. A recipe borrows what it reads and is forgotten when that dies or is written to; once the memory has
   been given back it owns what it reads, and a write to that, or backward, computes the values first. */
typedef struct pc_storage {
    _Atomic int64_t refs;
    _Atomic uint32_t version;         /* bumped by every write */
    int64_t bytes;
    _Atomic(void *) data;             /* NULL until settled */
    _Atomic(float *) nhwc;            /* NULL when there is none or a write has made it stale */
    float *stale_nhwc;                /* dropped by a write, freed with the storage: a reader may still hold it */
    int64_t n, c, h, w;               /* extents of nhwc */
    struct pc_storage *relu_of;       /* owned; kept until this storage dies, since readers may use its memory */
    struct pc_storage *relu_reader;   /* borrowed: the one storage that still reads this one lazily */
    _Atomic int64_t saved;            /* how many of refs backward alone may use */
    _Atomic bool linked;              /* has, had or reads a recipe or pending ReLU: refs are counted under the lock */
    bool quiet;                       /* the reference to relu_of is one of its saved ones */
    struct pc_recipe *recipe;         /* owned; NULL when there is none */
    struct pc_operand *readers;       /* borrowed: the places in recipes that read this storage */
    void (*release)(void *owner);     /* of foreign memory; NULL: data is pc_alloc's */
    void *owner;
    bool foreign;                     /* not pc_alloc's: no PC_ALLOC_TAIL */
    bool readonly;
    bool exposed;                     /* somebody knows the address of the values and may write there unseen */
    uint32_t writes;                  /* like version, but those of .data count too */
    struct pc_derived *derived;       /* owned: what operators keep that is made of the values; dropped by a write */
} pc_storage;

typedef struct pc_node pc_node;   /* autograd's; see autograd/autograd.h */
typedef struct pc_hook pc_hook;

typedef struct pc_tensor {
    _Atomic int32_t refs;
    pc_dtype dtype;
    int ndim;
    bool is_number;               /* a Python number given where a tensor may stand: weak in promotion */
    bool requires_grad;           /* of a leaf; a tensor with a producer requires it by that */
    bool retains_grad;
    bool untracked;               /* what .data gives, and views of it: writes leave the version as it is */
    int64_t numel;
    int64_t offset;               /* in elements */
    int64_t shape[PC_MAX_DIMS];
    int64_t stride[PC_MAX_DIMS];  /* in elements */
    pc_storage *storage;          /* owned; NULL in an alias kept for its shape alone */
    uint32_t saved_version;       /* of an alias that backward reads */
    uint32_t saved_writes;        /* pc_tensor_writes, of an alias of which backward asks that */
    bool saved;                   /* this is one: its reference is counted in storage->saved */
    pc_node *producer;            /* owned; NULL for leaves */
    int producer_slot;            /* which of the producer's outputs this is */
    struct pc_tensor *base;       /* owned: what this is a view of (never itself a view), or NULL */
    uint32_t history;             /* bumped when an in-place operation gives the tensor a new producer */
    uint32_t base_history;        /* base->history when this view, or its producer, was made */
    struct pc_tensor *grad;       /* owned */
    pc_hook *hooks;               /* owned by autograd */
    void *wrapper;                /* borrowed: the Python object of this tensor, while there is one */
} pc_tensor;

/* ---- making and sharing ------------------------------------------------------------------------- */

/* New contiguous tensor with undefined contents. shape is copied. On PC_OK the caller owns *out; otherwise
   *out is untouched. Fails with PC_ENOMEM or PC_ESHAPE (negative or overflowing sizes, too many dimensions). */
pc_status pc_tensor_new(pc_dtype dtype, int ndim, const int64_t *shape, pc_tensor **out);
/* The same with given strides (a dense permutation, as channels_last). */
pc_status pc_tensor_new_strided(pc_dtype dtype, int ndim, const int64_t *shape, const int64_t *stride,
                                pc_tensor **out);
/* New contiguous NCHW float32 tensor whose values stand in private NHWC memory (pc_tensor_nhwc(*out)). */
pc_status pc_tensor_new_private(int64_t n, int64_t c, int64_t h, int64_t w, pc_tensor **out);
/* Around memory that somebody else owns; release(owner) is called once, when the storage dies, also on failure. */
pc_status pc_tensor_from_memory(pc_dtype dtype, int ndim, const int64_t *shape, const int64_t *stride, void *data,
                                bool readonly, void (*release)(void *), void *owner, pc_tensor **out);
/* A view of t's storage. Not recorded for gradients; base is set. The extents are checked by the caller. */
pc_status pc_tensor_view(pc_tensor *t, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset,
                         pc_tensor **out);
/* The same values, without a graph: what detach() returns and what nodes keep. */
pc_status pc_tensor_alias(const pc_tensor *t, pc_tensor **out);
/* t's shape and dtype alone. */
pc_status pc_tensor_shape_only(const pc_tensor *t, pc_tensor **out);

static inline pc_tensor *pc_retain(pc_tensor *t)
{
    if (t != NULL) atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}
void pc_release(pc_tensor *t); /* NULL is allowed */
void pc_storage_release(pc_storage *s);
/* t, a fresh alias, is for backward to read: values that nobody else refers to may be dropped. */
void pc_tensor_mark_saved(pc_tensor *t);
/* Let go of t's storage, keeping its shape. */
void pc_tensor_drop_storage(pc_tensor *t);
/* What a dying tensor owns of a graph is freed by autograd, which core does not know: set once, by pc_init. */
void pc_set_graph_release(void (*release)(pc_tensor *t));

/* ---- reading and writing ------------------------------------------------------------------------ */

/* Make `data` hold the values as the strides say: re-lays a private storage out, computes a pending ReLU. Once. */
pc_status pc_tensor_settle(const pc_tensor *t);
/* First element. The tensor must be settled (operators without PC_PRIVATE get their inputs so). */
static inline void *pc_data(const pc_tensor *t)
{
    return (char *)atomic_load_explicit(&t->storage->data, memory_order_acquire) + t->offset * pc_dtype_size(t->dtype);
}
static inline float *pc_f32(const pc_tensor *t) { return (float *)pc_data(t); }

/* The private NHWC values of a contiguous NCHW tensor that covers its whole storage; NULL if it has none.
   Computes a pending ReLU first (NULL with *status set on failure). */
const float *pc_tensor_nhwc(const pc_tensor *t, pc_status *status);
/* The same without computing: *relu says that the reader must take max(0, value). */
const float *pc_tensor_nhwc_pending(const pc_tensor *t, bool *relu);
/* Writable private memory of a tensor fresh from pc_tensor_new_private. */
static inline float *pc_tensor_nhwc_new(const pc_tensor *t)
{
    return atomic_load_explicit(&t->storage->nhwc, memory_order_relaxed);
}
/* y = max(0, x), not yet computed: x has private values; PC_OK with *out == NULL when it cannot be pending. */
pc_status pc_tensor_pending_relu(const pc_tensor *x, pc_tensor **out);

/* The private values that an operator has just given y are (x - mean) * scale + shift, by channel; a + b, where one may
   be y itself as it was before; ReLU of y as it was before. Computed as the kernels of pc_set_recipe_kernels do. */
void pc_tensor_is_affine(const pc_tensor *y, const pc_tensor *x, const double *scale, const double *mean,
                         const double *shift);
void pc_tensor_is_sum(const pc_tensor *y, const pc_tensor *a, const pc_tensor *b);
void pc_tensor_is_relu(const pc_tensor *y);
typedef struct pc_recipe_kernels {
    void (*affine)(float *y, const float *x, int64_t n, int64_t c, const float *coefficients); /* scale, mean, shift */
    void (*accumulate)(float *y, const float *x, int64_t n);
    void (*relu)(float *y, const float *x, int64_t n); /* y may be x */
} pc_recipe_kernels;
void pc_set_recipe_kernels(const pc_recipe_kernels *k);
/* Before backward reads t: values that were dropped are computed again, and stay. */
pc_status pc_tensor_keep(const pc_tensor *t);

/* Before a write to t in place: settles t and whoever reads it lazily, drops private copies, refuses read-only
   memory and tensors whose elements overlap, bumps the version. */
pc_status pc_tensor_begin_write(pc_tensor *t);
/* The same for a writer of one value everywhere: elements may overlap. */
pc_status pc_tensor_begin_fill(pc_tensor *t);
/* The same for a writer that knows private layouts: values that stand there alone stay there (pc_tensor_nhwc(t) gives
   them, to be written), without their ReLU if one was pending. */
pc_status pc_tensor_begin_private_write(pc_tensor *t);
/* After a write in place: what another thread has derived from values that were half written is dropped. Not written:
   it was refused, and the version is what it was. */
void pc_tensor_end_write(const pc_tensor *t, bool written);
/* Before somebody else is given the address of t's values (NumPy, DLPack) and may write there unseen: the same
   without a new version. */
pc_status pc_tensor_expose(pc_tensor *t);
/* How often t's storage was written to, with a new version or without, or exposed. */
uint32_t pc_tensor_writes(const pc_tensor *t);
/* May it be written to without being counted? */
bool pc_tensor_is_exposed(const pc_tensor *t);

/* What operators make of values that stay as they are for long, such as packed weights, and keep with their storage. */
typedef struct pc_derived {
    _Atomic int64_t refs;
    struct pc_derived *next;
    int64_t key[12];        /* tells them apart */
    uint32_t writes;        /* of the storage, when it was made */
    _Alignas(64) float values[];
} pc_derived;

/* Of the values of t with this key, or NULL. pc_derived_release afterwards. */
pc_derived *pc_derived_find(const pc_tensor *t, const int64_t *key);
/* To be filled from t's values. NULL when memory is short. */
pc_derived *pc_derived_new(const pc_tensor *t, const int64_t *key, int64_t floats);
/* Filled: let others find it, unless t has been written since, or may be at any moment unseen. */
void pc_derived_keep(const pc_tensor *t, pc_derived *d);
void pc_derived_release(pc_derived *d); /* NULL is allowed */

/* ---- questions ---------------------------------------------------------------------------------- */

bool pc_is_contiguous(const pc_tensor *t);
bool pc_is_channels_last(const pc_tensor *t); /* 4-D, NHWC order in memory, dense */
/* Every element of the span is covered once, in some order of dimensions. */
bool pc_is_dense(const pc_tensor *t);
bool pc_same_shape(const pc_tensor *a, const pc_tensor *b);
/* A view of what an operation in place has given a producer since has one too: see pc_tensor_producer. */
static inline bool pc_requires_grad(const pc_tensor *t)
{
    const pc_tensor *base = t->base;
    return t->requires_grad || t->producer != NULL
           || (base != NULL && base->producer != NULL && base->history != t->base_history);
}
void pc_contiguous_strides(int ndim, const int64_t *shape, int64_t *stride);
/* "[2, 3]" into buf (at least 200 bytes); returns buf. For messages. */
char *pc_shape_text(const pc_tensor *t, char *buf);
char *pc_ints_text(int n, const int64_t *v, char *buf);

#endif
