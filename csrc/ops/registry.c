/* registry.c -- all families' rows as one list, their schemas, and the library's start. */
#include "../autograd/autograd.h"
#include "../blas/blas.h"
#include "../core/alloc.h"
#include "../core/cpu.h"
#include "../core/layout.h"
#include "../kernels/kernels.h"
#include "schema.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FAMILY(id) extern const pc_family pc_family_##id;
#include "families.def"
#undef FAMILY

static const pc_family *const families[] = {
#define FAMILY(id) &pc_family_##id,
#include "families.def"
#undef FAMILY
};
#define FAMILIES ((int)(sizeof families / sizeof families[0]))

static pc_schema *schemas;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pc_status init_status;
static char init_message[256];

int pc_op_count(void)
{
    int n = 0;
    for (int k = 0; k < FAMILIES; k++) n += families[k]->count;
    return n;
}

const pc_op *pc_op_at(int index)
{
    for (int k = 0; k < FAMILIES; k++) {
        if (index < families[k]->count) return &families[k]->ops[index];
        index -= families[k]->count;
    }
    return NULL;
}

const pc_op *pc_op_find(const char *name)
{
    size_t n = strlen(name);
    for (int k = 0; k < FAMILIES; k++)
        for (int j = 0; j < families[k]->count; j++) {
            const pc_op *op = &families[k]->ops[j];
            if (strncmp(op->schema, name, n) == 0 && op->schema[n] == '(') return op;
        }
    return NULL;
}

const pc_schema *pc_op_schema(int index)
{
    return &schemas[index];
}

const pc_schema *pc_schema_of(const pc_op *op)
{
    int first = 0;
    for (int k = 0; k < FAMILIES; k++) {
        uintptr_t at = (uintptr_t)op - (uintptr_t)families[k]->ops;
        if (at < (size_t)families[k]->count * sizeof *op) return &schemas[first + (int)(at / sizeof *op)];
        first += families[k]->count;
    }
    return NULL;
}

/* The instruction set: PYCNN_ISA if the processor has it, otherwise the best. */
pc_status pc_use_isa(const char *name)
{
    static const pc_kernels *const tables[PC_ISA_COUNT] = { &pc_kernels_base, &pc_kernels_v3, &pc_kernels_v4 };
    int isa = PC_ISA_COUNT - 1;
    if (name != NULL) {
        while (isa >= 0 && strcmp(pc_isa_name((pc_isa)isa), name) != 0) isa--;
        if (isa < 0) return pc_fail(PC_EVALUE, "unknown instruction set '%s': use base, v3 or v4", name);
        if (!pc_cpu_supports((pc_isa)isa))
            return pc_fail(PC_EVALUE, "this processor does not support the instruction set '%s'", name);
    }
    while (!pc_cpu_supports((pc_isa)isa)) isa--;
    pc_k = tables[isa];
    pc_set_layout_kernel(pc_k->f32_pixels_to_planes);
    pc_set_recipe_kernels(&(pc_recipe_kernels){ pc_k->f32_affine_rows, pc_k->f32_accumulate, pc_k->f32_relu });
    return pc_blas_init(isa);
}

static void init(void)
{
    pc_status status = PC_OK;
    int n = pc_op_count();
    const char *isa = getenv("PYCNN_ISA"), *winograd = getenv("PYCNN_WINOGRAD");
    schemas = calloc((size_t)n + 1, sizeof *schemas); /* lives as long as the process: not a tensor's memory */
    PC_CHECK(schemas != NULL, PC_ENOMEM, "out of memory for the operator table");
    for (int k = 0; k < n; k++) PC_TRY(pc_schema_parse(pc_op_at(k)->schema, &schemas[k]));
    pc_set_graph_release(pc_graph_release);
    PC_TRY(pc_use_isa(isa != NULL && *isa != 0 ? isa : NULL));
    if (winograd != NULL && *winograd != 0) PC_TRY(pc_set_winograd(winograd));
done:
    init_status = status;
    if (status != PC_OK) {
        strncpy(init_message, pc_last_error(), sizeof init_message - 1);
        init_message[sizeof init_message - 1] = 0;
    }
}

pc_status pc_init(void)
{
    pthread_once(&once, init);
    return init_status == PC_OK ? PC_OK : pc_fail(init_status, "%s", init_message);
}
