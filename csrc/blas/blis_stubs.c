/* blis_stubs.c -- BLIS's tables of kernels for processors that another table serves as well. The static library holds
   thirteen; defining these names here keeps the members of nine of them out of the link (6 MB). They must forward: BLIS
   fills every table when it starts. */
#include <blis.h>

#define FORWARD(arch, to)                                                                          \
    void bli_cntx_init_##arch(cntx_t *cntx) { bli_cntx_init_##to(cntx); }                          \
    void bli_cntx_init_##arch##_ref(cntx_t *cntx) { bli_cntx_init_##to##_ref(cntx); }              \
    void bli_cntx_init_##arch##_ind(ind_t method, cntx_t *cntx) { bli_cntx_init_##to##_ind(method, cntx); }

FORWARD(knl, haswell)
FORWARD(zen, haswell)
FORWARD(zen2, haswell)
FORWARD(sandybridge, generic)
FORWARD(penryn, generic)
FORWARD(excavator, generic)
FORWARD(steamroller, generic)
FORWARD(piledriver, generic)
FORWARD(bulldozer, generic)
