/* script_read.h -- the source text in a TorchScript archive: classes, and the straight-line code of their methods,
   which is followed with variables in the place of values. Every byte is untrusted. */
#ifndef PC_SCRIPT_READ_H
#define PC_SCRIPT_READ_H
#include "../io/zip.h"
#include "graph.h"

typedef struct pc_script_attribute {
    const char *name, *type; /* type: "Tensor", "__torch__.M", "Optional[bool]" */
    bool parameter, buffer;
} pc_script_attribute;

typedef struct pc_script_class {
    const char *type;        /* "__torch__.torch.nn.modules.conv.Conv2d" */
    int32_t nattributes, nmethods;
    pc_script_attribute *attributes;
    struct pc_script_method *methods;
    struct pc_script_class *next;
} pc_script_class;

typedef struct pc_script {
    const pc_zip *z;
    int version;             /* of the archive's format */
    pc_arena arena;          /* owns everything */
    struct pc_script_file *files;
    pc_script_class *classes;
} pc_script;

/* Read and parsed when first asked for. */
pc_status pc_script_find_class(pc_script *s, const char *type, const pc_script_class **out);
void pc_script_free(pc_script *s);

/* What a run of forward needs to know of the modules of g. */
typedef struct pc_script_modules {
    const pc_script_class *const *classes; /* of each module of g */
    const pc_item *const *states;          /* its other attributes */
    const int32_t *constants;              /* variables of CONSTANTS.c0, c1, ... */
    int32_t nconstants;
} pc_script_modules;

/* The root's forward becomes the nodes of g, which has its modules and constants and nothing else. */
pc_status pc_script_follow(pc_script *s, const pc_script_modules *m, pc_graph *g);

#endif
