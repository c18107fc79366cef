/* schema.h -- an operator's signature, parsed from its row's text.

   name[.overload](TYPE name[=default], ..., *, keyword-only...) -> RETURNS
   TYPE     Tensor  Tensor?  Tensor[]  Operand (a Tensor or a number)  int  int?  int[]  int[2]  int[2]?  float
            float?  bool  bool?  Scalar  Scalar?  ScalarType?  Generator?
   default  None True False 1 0.5 [] [1, 1]; one number given for int[N] stands for N of them
   RETURNS  Tensor | Tensor[] | (Tensor values, Tensor indices)

   A Tensor[] is the only tensor parameter. Tensors are numbered in pc_call.in, all others in pc_call.v. */
#ifndef PC_SCHEMA_H
#define PC_SCHEMA_H
#include "op.h"

typedef enum pc_type {
    PC_T_TENSOR, PC_T_TENSORS, PC_T_OPERAND, PC_T_INT, PC_T_INTS, PC_T_FLOAT, PC_T_BOOL, PC_T_SCALAR, PC_T_DTYPE,
    PC_T_GENERATOR
} pc_type;

typedef struct pc_param {
    char name[28];
    pc_type type;
    bool optional;     /* None is accepted */
    bool has_gaps;     /* of Tensor?[]: None is accepted among them */
    bool keyword_only;
    bool has_default;
    int length;        /* N of int[N]; 0: any */
    int slot;          /* index in pc_call.in or pc_call.v */
    pc_value dflt;
} pc_param;

typedef struct pc_schema {
    char name[40];     /* without the overload */
    int nparams, ntensors, nvalues;
    bool list;         /* in is a Tensor[] */
    pc_param params[PC_MAX_PARAMS];
    int nreturns;      /* 0: Tensor[] */
    char returns[2][16]; /* names, where there are two */
} pc_schema;

/* Fails with PC_EVALUE and the position if the text is malformed. */
pc_status pc_schema_parse(const char *text, pc_schema *out);
/* Parsed once per row, at start-up. */
const pc_schema *pc_op_schema(int index);
/* Of a row of the table; NULL for any other. */
const pc_schema *pc_schema_of(const pc_op *op);

#endif
