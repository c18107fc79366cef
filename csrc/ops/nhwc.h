/* nhwc.h -- how operators on images read and write the layouts that an activation may have. */
#ifndef PC_NHWC_H
#define PC_NHWC_H
#include "op.h"

/* The values of a float32 [n, c, h, w] tensor where they stand. */
typedef struct pc_nhwc {
    const float *p;
    int64_t n, c, h, w;
    bool pixels;     /* [n, h, w, c]; false: planes, [n, c, h, w] */
    bool relu;       /* the reader takes max(0, value) */
    pc_tensor *held; /* owned: a copy that p points into */
    void *memory;    /* owned: likewise */
} pc_nhwc;

/* Open t without moving its values if its layout is private, channels_last or contiguous. pc_nhwc_close afterwards,
   also on failure. */
pc_status pc_nhwc_open(pc_tensor *t, pc_nhwc *v);
/* Turn v into pixels without a pending ReLU, by a copy if need be. */
pc_status pc_nhwc_gather(pc_nhwc *v);
void pc_nhwc_close(pc_nhwc *v);

/* Do t's strides ask for channels_last, as torch decides it? Then results have such strides too. */
bool pc_wants_channels_last(const pc_tensor *t);
/* A new float32 tensor with its values in [n, h, w, c] order at *p: channels_last, or private. */
pc_status pc_nhwc_new(bool channels_last, int64_t n, int64_t c, int64_t h, int64_t w, pc_tensor **out, float **p);
/* t seen as 4-D: leading and inner dimensions of extent 1 added. ndim 4: t itself. */
pc_status pc_nhwc_expand(pc_tensor *t, bool batched, int spatial, pc_tensor **out);
/* The reverse for a fresh 4-D result: t gets the shape of an unbatched or 1-D one, settled. */
pc_status pc_nhwc_squeeze(pc_tensor *t, bool batched, int spatial);
/* A fresh 4-D result of any dtype with its memory in channels_last order. */
pc_status pc_nhwc_restride(pc_tensor **t);

#endif
