/* view.h -- what operators share whose results are windows onto their input's memory. */
#ifndef PC_VIEW_H
#define PC_VIEW_H
#include "op.h"

/* out[k] = the window w onto in[0]. */
pc_status pc_emit_view(pc_call *c, int k, const pc_tensor *w);
/* Room for n results, and their number. */
pc_status pc_expect(pc_call *c, int64_t n);
/* Gradient of a window: zeros but there. place narrows w, a window onto a tensor of in[0]'s shape, to what out[k] is;
   it is called for each k in turn, and *start, 0 at first, is its own. */
typedef void (*pc_place_fn)(const pc_call *c, int k, int64_t *start, pc_tensor *w);
pc_status pc_windows_backward(pc_call *c, pc_tensor *const *gout, pc_tensor **gin, pc_place_fn place);

#endif
