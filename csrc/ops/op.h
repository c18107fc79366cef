/* op.h -- what an operator is: one pc_op row in its family's file. */
#ifndef PC_OP_H
#define PC_OP_H
#include "../core/rng.h"
#include "../core/tensor.h"

#define PC_MAX_PARAMS 16 /* of a schema */

/* An argument that is no tensor. */
typedef struct pc_value {
    enum { PC_NONE = 0, PC_BOOLEAN, PC_INT, PC_FLOAT, PC_INTS, PC_DTYPE, PC_GENERATOR } kind;
    union {
        int64_t i;        /* PC_BOOLEAN, PC_INT, PC_DTYPE */
        double f;         /* PC_FLOAT */
        struct { int n; int64_t v[PC_MAX_DIMS]; } ints;
        pc_generator *generator;
    };
} pc_value;

/* One call of an operator. Forward fills out and aux; a copy of it, with aliases for tensors, is what backward
   reads: in[k] and out[k] then have a storage only where saved, their shape and dtype always. */
typedef struct pc_call {
    const struct pc_op *op;
    int nin, nout, naux;
    pc_tensor **in;           /* in schema order; NULL where an optional tensor is absent; a Tensor[] is spread out */
    bool *need;               /* need[k]: is a gradient of in[k] wanted? */
    pc_tensor **out;          /* forward: owned by the call */
    pc_tensor *aux[3];        /* whatever else backward reads; owned */
    pc_value v[PC_MAX_PARAMS]; /* the other arguments, in schema order */
    bool grad;                /* some need[k] is set: backward may follow */
    bool inplace;             /* the result goes into in[0]; pc_out() gives it */
    bool relu_folded;         /* forward read in[0] through its pending ReLU; in backward: apply its mask too */
    bool takes_relu;          /* forward: backward can take the gradient of relu(out[0]) and apply the mask itself */
    bool relu_after;          /* in backward, if takes_relu: it has been given that */
    uint32_t save;            /* PC_SAVE_* of the row; forward may clear bits that the wanted gradients do not read */
    void *user;               /* of a row whose backward is somebody else's function; released with the call */
    void (*user_release)(void *user);
} pc_call;

/* Forward allocates c->out[k] (pc_out or pc_tensor_new*); for a Tensor[] there is room for as many as a view of
   in[0] can need. What it has put into out and aux is released by the caller on failure. */
typedef pc_status (*pc_forward_fn)(pc_call *c);
/* gout[k] is NULL where no gradient reached out[k], and settled unless the row has PC_PRIVATE. Set gin[k] (owned
   by the caller afterwards, also on failure) for each k with c->need[k]; NULL there means zero.
   Of an operator that folds relu, relu_folded is false in backward when the gradient of relu's output is itself wanted:
   then relu's own node applies the mask. */
typedef pc_status (*pc_backward_fn)(pc_call *c, pc_tensor *const *gout, pc_tensor **gin);

enum {
    PC_SAVE_IN0 = 1 << 0, PC_SAVE_IN1 = 1 << 1, PC_SAVE_IN2 = 1 << 2, PC_SAVE_IN3 = 1 << 3, PC_SAVE_IN4 = 1 << 4,
    PC_SAVE_OUT0 = 1 << 8, PC_SAVE_OUT1 = 1 << 9,
    PC_SAVE_MASK = 0xffff,
    PC_FUNCTION = 1 << 16, /* pycnn.NAME */
    PC_METHOD = 1 << 17,   /* Tensor.NAME */
    PC_NN = 1 << 18,       /* pycnn.nn.functional.NAME */
    PC_INPLACE = 1 << 19,  /* NAME_ exists too, wherever NAME does */
    PC_VIEW = 1 << 20,     /* out[0..] share in[0]'s storage, or may: inputs are not settled */
    PC_PRIVATE = 1 << 21,  /* forward and backward look at private layouts themselves: nothing is settled */
    PC_NOGRAD = 1 << 22,   /* the result is a constant (comparisons, indices, random numbers) */
    PC_WRITES = 1 << 23,   /* in-place alone, no NAME_ beside it (zero_, copy_): schema's name ends in _ */
    PC_FACTORY = 1 << 24,  /* makes a tensor from nothing: the caller adds device=, requires_grad=, ... */
    PC_PRIVATE_WRITE = 1 << 25, /* in place, in[0] may have private values alone: see pc_tensor_begin_private_write */
    PC_FILLS = 1 << 26,    /* in place, one value everywhere: elements of in[0] may overlap */
    PC_MASK = 1 << 27      /* backward zeroes the gradient where out[0] is not positive: see takes_relu */
};

typedef struct pc_op {
    const char *schema; /* torch's mini-language: see schema.h */
    pc_forward_fn forward;
    pc_backward_fn backward; /* NULL without PC_NOGRAD: backward() raises an error that names the operator */
    uint32_t flags;
    const char *doc;    /* a sentence; lines behind it are what op_doc.c asks for */
} pc_op;

typedef struct pc_family {
    const char *name;
    const pc_op *ops;
    int count;
} pc_family;
#define PC_FAMILY(id, table)                                                                       \
    const pc_family pc_family_##id = { #id, table, (int)(sizeof(table) / sizeof((table)[0])) }

/* Before anything else, once: schemas, instruction set. Fails if a row, PYCNN_ISA or PYCNN_WINOGRAD is malformed. */
pc_status pc_init(void);
/* "base", "v3", "v4"; NULL: the best that the processor has. For tests and bug reports; not while work is going on. */
pc_status pc_use_isa(const char *name);

/* Which of Winograd's algorithms convolutions may use: "off"; "f2": F(2x2); "f4": that and F(4x4). */
pc_status pc_set_winograd(const char *mode);
const char *pc_winograd(void);
/* Ask for one algorithm wherever it can do a convolution, be it slow there; NULL: none. For tests. */
pc_status pc_force_convolution(const char *name);

/* All rows, in the order of families.def. */
int pc_op_count(void);
const pc_op *pc_op_at(int index);
const pc_op *pc_op_find(const char *name); /* "max.dim"; NULL if there is none */

/* The destination of out[k]: a new contiguous tensor, or in[0] itself for an in-place call, after a check
   that shape and dtype fit. Sets and returns c->out[k] through *out (borrowed). */
pc_status pc_out(pc_call *c, int k, pc_dtype dtype, int ndim, const int64_t *shape, pc_tensor **out);

/* The operator's name without its overload, for messages: valid until the thread's next call. */
const char *pc_op_name(const pc_op *op);

/* Run an operator of the table: settle inputs, forward, record for gradients. in, v as in pc_call: v holds as many as
   the schema has, or is NULL for none given; out has room for max_out tensors, owned by the caller on PC_OK. */
pc_status pc_op_apply(const pc_op *op, int nin, pc_tensor **in, const pc_value *v, bool inplace, int max_out,
                      pc_tensor **out, int *nout);

/* Somebody who writes down the calls of one thread (graph/record.c). before: with the arguments as they are given,
   ahead of any write to them; after: with the results, or nout < 0 where the call failed. Calls that operators make of
   each other come in between. */
typedef struct pc_recorder {
    pc_status (*before)(struct pc_recorder *r, const pc_op *op, int nin, pc_tensor **in, const pc_value *v,
                        bool inplace);
    pc_status (*after)(struct pc_recorder *r, int nout, pc_tensor **out);
} pc_recorder;
extern _Atomic(pc_recorder *) pc_recorder_anywhere;
pc_recorder *pc_recorder_here(void);
/* Of this thread; NULL: nobody does. */
static inline pc_recorder *pc_recording(void)
{
    return atomic_load_explicit(&pc_recorder_anywhere, memory_order_relaxed) == NULL ? NULL : pc_recorder_here();
}
/* PC_ESHAPE if there is one already, on whichever thread. */
pc_status pc_recording_begin(pc_recorder *r);
void pc_recording_end(void);

#endif
