/* blis_stubs.c -- BLIS's tables of kernels that nobody here runs. The static library holds thirteen processors;
   defining these names keeps the members of nine out of the link (6 MB), and of the others the reference kernels, which
   their own table begins with and of which we call none (2 MB). They must forward: BLIS fills every table when it
   starts. */
#include <blis.h>

#define REFERENCE(arch)                                                                            \
    void bli_cntx_init_##arch##_ref(cntx_t *cntx) { bli_cntx_init_generic_ref(cntx); }             \
    void bli_cntx_init_##arch##_ind(ind_t method, cntx_t *cntx) { bli_cntx_init_generic_ind(method, cntx); }
#define FORWARD(arch, to)                                                                          \
    void bli_cntx_init_##arch(cntx_t *cntx) { bli_cntx_init_##to(cntx); }                          \
    REFERENCE(arch)

FORWARD(knl, haswell)
FORWARD(zen, haswell)
FORWARD(zen2, haswell)
FORWARD(sandybridge, generic)
FORWARD(penryn, generic)
FORWARD(excavator, generic)
FORWARD(steamroller, generic)
FORWARD(piledriver, generic)
FORWARD(bulldozer, generic)
REFERENCE(haswell)
REFERENCE(zen3)
REFERENCE(skx)
