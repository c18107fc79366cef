/* pycnn.h -- the library for a program without Python: link libpycnn.a, call pc_init() first.

   Tensors are made with tensor.h; operators are looked up by name and run with pc_op_apply (op.h), their signatures are
   the schemas that pc_op_at lists; autograd.h runs the reverse pass, optim.h a step of an optimizer. record.h writes
   down what is computed, torchscript.h reads and writes it as model.pt, pc_graph_run (graph.h) runs it. Whatever
   returns a pc_status reports failure by it alone: nothing here ends the process. The interface may change with every
   version. */
#ifndef PYCNN_H
#define PYCNN_H
#define PC_VERSION "0.1.0"

#include "autograd/autograd.h"
#include "core/alloc.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "core/status.h"
#include "core/tensor.h"
#include "graph/record.h"
#include "graph/torchscript.h"
#include "ops/copy.h"
#include "ops/op.h"
#include "ops/schema.h"
#include "optim/optim.h"

#endif
