/* test_graph.c -- a network traced, written as TorchScript, read and run again, all without Python; every failed
   allocation on the way; and archives whose source or pickle is mutated, by the thousand (10,000 by default; argv[1]
   sets it). */
#include "../graph/record.h"
#include "../graph/torchscript.h"
#include "../core/alloc.h"
#undef NDEBUG
#include "memory_sink.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pc_tensor *ramp(int ndim, const int64_t *shape)
{
    pc_tensor *t;
    assert(pc_tensor_new(PC_F32, ndim, shape, &t) == PC_OK);
    for (int64_t k = 0; k < t->numel; k++) pc_f32(t)[k] = (float)((k * 37) % 101) / 50 - 1;
    return t;
}

/* ---- a network ------------------------------------------------------------------------------------- */

static pc_status apply(const char *name, int nin, pc_tensor **in, const pc_value *v, bool inplace, pc_tensor **out)
{
    int n;
    return pc_op_apply(pc_op_find(name), nin, in, v, inplace, 1, out, &n);
}

#define INTS(...)                                                                                  \
    { .kind = PC_INTS, .ints = { .n = sizeof((int64_t[]){ __VA_ARGS__ }) / 8, .v = { __VA_ARGS__ } } }

/* view(relu(conv(x)) * 2, [batch, -1]) */
static pc_status network(pc_tensor *x, pc_tensor *weight, pc_trace *trace, pc_tensor **out)
{
    pc_status status = PC_OK;
    pc_tensor *a = NULL, *b = NULL;
    int32_t size;
    pc_value conv[] = { INTS(1, 1), INTS(1, 1), INTS(1, 1), { .kind = PC_INT, .i = 1 } }, view = INTS(x->shape[0], -1);
    pc_value one = { .kind = PC_INT, .i = 1 };
    PC_TRY(apply("conv2d", 3, (pc_tensor *[]){ x, weight, NULL }, conv, false, &a));
    if (trace != NULL) PC_TRY(pc_graph_enter(pc_trace_graph(trace), 1));
    PC_TRY(apply("relu", 1, &a, NULL, true, &b));
    if (trace != NULL) pc_graph_leave(pc_trace_graph(trace));
    pc_release(b);
    b = NULL;
    PC_TRY(apply("add", 2, (pc_tensor *[]){ a, a }, &one, false, &b));
    if (trace != NULL) {
        PC_TRY(pc_trace_size(trace, x, 0, &size));
        pc_trace_note(trace, false, 0, 0, size);
    }
    PC_TRY(apply("view", 1, &b, &view, false, out));
done:
    pc_release(a);
    pc_release(b);
    return status;
}

/* The graph of the network: a module with a weight and a child without any. */
static pc_status trace(pc_tensor *x, pc_tensor *weight, pc_graph **out)
{
    pc_status status = PC_OK;
    pc_graph *g = NULL;
    pc_trace *t = NULL;
    pc_tensor *y = NULL;
    pc_module *m = NULL;
    int32_t var;
    PC_TRY(pc_graph_new(&g));
    PC_TRY(pc_graph_alloc(g, 2 * sizeof *m, &m));
    m[0] = (pc_module){ .type = "__torch__.Net", .nattributes = 1, .nchildren = 1 };
    m[1] = (pc_module){ .type = "__torch__.torch.nn.modules.activation.ReLU" };
    PC_TRY(pc_graph_alloc(g, sizeof *m[0].attributes, &m[0].attributes));
    PC_TRY(pc_graph_alloc(g, sizeof *m[0].children, &m[0].children));
    m[0].attributes[0] = (pc_attribute){ "weight", 0, true };
    m[0].children[0] = (pc_child){ "class", 1 };
    PC_TRY(pc_graph_set_modules(g, 2, m, 1));
    PC_TRY(pc_graph_set_inputs(g, 1, (const char *[]){ "x" }));
    PC_TRY(pc_graph_enter(g, 0));
    PC_TRY(pc_trace_begin(g, &weight, &x, &t));
    PC_TRY(network(x, weight, t, &y));
    PC_TRY(pc_trace_var(t, y, &var));
    PC_TRY(pc_graph_finish(g, pc_arg_var(var)));
    *out = g;
    g = NULL;
done:
    pc_trace_end(t);
    pc_release(y);
    pc_graph_free(g);
    return status;
}

/* The only result of a graph. */
static pc_status run(const pc_graph *g, pc_tensor *x, pc_tensor *const *tensors, pc_tensor **out)
{
    pc_result *results = pc_calloc((size_t)g->nvars + 1, sizeof *results);
    if (results == NULL) return pc_fail(PC_ENOMEM, "out of memory");
    pc_status status = g->ninputs == 1 ? pc_graph_run(g, &x, tensors, results) : pc_fail(PC_EFORMAT, "another model");
    if (status == PC_OK) {
        bool tensor = g->output.kind == PC_ARG_VAR && g->vars[g->output.i].type == PC_VAR_TENSOR;
        *out = tensor ? pc_retain(results[g->output.i].t) : NULL;
        pc_results_free(g, results);
    }
    pc_free(results);
    return status;
}

static pc_status save(const pc_graph *g, pc_tensor *weight, memory_sink *m)
{
    static const bool training[2] = { false };
    pc_extra_file extra = { "classes", "a b", 3 };
    return pc_torchscript_save(g, &m->sink, "net", &weight, training, &extra, 1);
}

static pc_status load(const uint8_t *p, int64_t n, pc_loaded *out)
{
    pc_source s;
    pc_zip *z = NULL;
    pc_source_from_memory(p, n, "net.pt", &s);
    pc_status status = pc_zip_open(&s, &z);
    if (status == PC_OK) status = pc_torchscript_load(z, out);
    pc_zip_close(z);
    return status;
}

static pc_status check(pc_tensor *a, pc_tensor *b)
{
    pc_status status = pc_tensor_settle(a);
    if (status == PC_OK) status = pc_tensor_settle(b);
    if (status == PC_OK) assert(pc_same_shape(a, b) && memcmp(pc_f32(a), pc_f32(b), (size_t)a->numel * 4) == 0);
    return status;
}

/* Trace, save, load, run: at another batch. */
static pc_status all(pc_tensor *x, pc_tensor *more, pc_tensor *weight, pc_tensor *want)
{
    pc_status status = PC_OK;
    pc_graph *g = NULL;
    pc_loaded l = { NULL };
    pc_tensor *y = NULL;
    memory_sink m = { { .write = memory_write }, NULL, 0, 0 };
    PC_TRY(trace(x, weight, &g));
    PC_TRY(run(g, more, &weight, &y));
    PC_TRY(check(y, want));
    pc_release(y);
    y = NULL;
    PC_TRY(save(g, weight, &m));
    PC_TRY(load(m.p, m.n, &l));
    PC_TRY(run(l.graph, more, l.tensors, &y));
    PC_TRY(check(y, want));
done:
    assert(pc_recording() == NULL);
    pc_release(y);
    pc_graph_free(g);
    if (l.graph != NULL) pc_loaded_free(&l);
    free(m.p);
    return status;
}

static void test_allocations(pc_tensor *x, pc_tensor *more, pc_tensor *weight, pc_tensor *want)
{
    assert(all(x, more, weight, want) == PC_OK); /* what convolutions keep for later is there */
    int64_t before = pc_alloc_stats().live_blocks;
    for (int n = 0;; n++) {
        pc_alloc_fail_after(n);
        pc_status status = all(x, more, weight, want);
        pc_alloc_fail_after(-1);
        assert(pc_alloc_stats().live_blocks == before);
        if (status == PC_OK) {
            assert(n > 100);
            break;
        }
        assert(status == PC_ENOMEM);
    }
}

/* ---- mutated archives ------------------------------------------------------------------------------ */

static uint32_t draw(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* A few bytes replaced, by pieces of source where it is source; behind the archive's checksums. */
static void mutate(uint8_t *p, int64_t n, uint32_t *state)
{
    static const char pieces[] = "()[]{}.,:=-+\"'_ \n0123456789torch.relu(self)CONSTANTS.c0getattr";
    for (uint32_t k = draw(state) % 4 + 1; k > 0; k--) {
        int64_t at = draw(state) % n, from = draw(state) % n;
        if (draw(state) % 4 == 0) p[at] = (uint8_t)draw(state);
        else if (draw(state) % 3 == 0) memmove(p + at, p + from, (size_t)(n - (at > from ? at : from)) / 8);
        else p[at] = (uint8_t)pieces[draw(state) % (sizeof pieces - 1)];
    }
}

static void test_mutations(pc_tensor *x, pc_tensor *weight, int count)
{
    static const char *const names[] = { "data.pkl", "data/0", "code/__torch__.py",
                                         "code/__torch__/torch/nn/modules/activation.py", "constants.pkl", "version" };
    pc_graph *g;
    memory_sink m = { { .write = memory_write }, NULL, 0, 0 };
    pc_source s;
    pc_zip *z;
    uint32_t state = 1;
    int loaded = 0, ran = 0;
    assert(trace(x, weight, &g) == PC_OK && save(g, weight, &m) == PC_OK);
    pc_source_from_memory(m.p, m.n, "net.pt", &s);
    assert(pc_zip_open(&s, &z) == PC_OK);
    int64_t before = pc_alloc_stats().live_blocks;
    for (int k = 0; k < count; k++) {
        memory_sink other = { { .write = memory_write }, NULL, 0, 0 };
        pc_zip_writer *w;
        pc_loaded l = { NULL };
        pc_tensor *y = NULL;
        int victim = (int)(draw(&state) % 5);
        assert(pc_zip_writer_new(&other.sink, "net", &w) == PC_OK);
        for (int j = 0; j < 6; j++) {
            const pc_zip_record *r = pc_zip_find(z, names[j]);
            uint8_t *p = malloc((size_t)r->size + 1);
            assert(pc_zip_read(z, r, p) == PC_OK);
            if (j == victim) mutate(p, r->size, &state);
            assert(pc_zip_add(w, names[j], p, r->size) == PC_OK);
            free(p);
        }
        assert(pc_zip_finish(w) == PC_OK);
        pc_zip_writer_free(w);
        if (load(other.p, other.n, &l) == PC_OK) {
            loaded++;
            ran += run(l.graph, x, l.tensors, &y) == PC_OK;
            pc_release(y);
            pc_loaded_free(&l);
        }
        assert(pc_alloc_stats().live_blocks == before);
        free(other.p);
    }
    printf("  %d mutated archives loaded, %d of them ran\n", loaded, ran);
    pc_zip_close(z);
    pc_graph_free(g);
    free(m.p);
}

int main(int argc, char **argv)
{
    assert(pc_init() == PC_OK);
    pc_tensor *x = ramp(4, (int64_t[]){ 2, 3, 5, 4 }), *more = ramp(4, (int64_t[]){ 7, 3, 5, 4 }), *want = NULL;
    pc_tensor *weight = ramp(4, (int64_t[]){ 4, 3, 3, 3 });
    weight->requires_grad = false;
    assert(network(more, weight, NULL, &want) == PC_OK);
    test_allocations(x, more, weight, want);
    test_mutations(x, weight, argc > 1 ? atoi(argv[1]) : 10000);
    pc_release(x);
    pc_release(more);
    pc_release(want);
    pc_release(weight);
    return 0;
}
