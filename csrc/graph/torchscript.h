/* torchscript.h -- graphs as TorchScript: source text, and archives of it with the tensors, as torch.jit.save writes.
 */
#ifndef PC_TORCHSCRIPT_H
#define PC_TORCHSCRIPT_H
#include "../io/file.h"
#include "../io/zip.h"
#include "graph.h"
#include "text.h"

/* ---- writing ------------------------------------------------------------------------------------- */

typedef struct pc_code_file {
    char *module;            /* "__torch__.torch.nn.modules.conv" */
    pc_text text;
} pc_code_file;

typedef struct pc_code {
    int32_t nfiles, nmodules, room;
    pc_code_file *files;
    char **types;            /* of each module, with its place among the files; owned */
    pc_text forward;         /* the root's method, without its class */
    int version;             /* of the format that knows all calls */
} pc_code;

/* One class for equal modules. */
pc_status pc_code_write(const pc_graph *g, pc_code *out);
void pc_code_free(pc_code *c);
/* The nodes of a graph, one a line, as torch prints graphs. */
pc_status pc_graph_print(const pc_graph *g, pc_text *out);

typedef struct pc_extra_file {
    const char *name;
    const void *data;
    int64_t n;
} pc_extra_file;

/* tensors: those of the modules; training: a flag for each module. */
pc_status pc_torchscript_save(const pc_graph *g, pc_sink *sink, const char *archive, pc_tensor *const *tensors,
                              const bool *training, const pc_extra_file *extra, int nextra);

/* ---- reading ------------------------------------------------------------------------------------- */

typedef struct pc_loaded {
    pc_graph *graph;
    pc_tensor **tensors;     /* of the modules; owned */
    bool *training;          /* of each module */
} pc_loaded;

/* Nothing of an archive is run: its text is parsed, straight-line code alone. PC_EFORMAT for what is damaged or beyond
   that, PC_ENOTIMPL for operators that are missing here. */
pc_status pc_torchscript_load(const pc_zip *z, pc_loaded *out);
void pc_loaded_free(pc_loaded *l);

#endif
