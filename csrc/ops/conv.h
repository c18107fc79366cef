/* conv.h -- what the algorithms of a convolution's three passes are given. */
#ifndef PC_CONV_H
#define PC_CONV_H
#include "nhwc.h"

/* A convolution as its forward pass sees it. In one dimension h, r and oh are 1. */
typedef struct pc_conv {
    int64_t n, c, h, w;              /* input */
    int64_t k, r, s;                 /* output channels; filter rows and columns */
    int64_t oh, ow;                  /* output */
    int64_t sh, sw, ph, pw, dh, dw;  /* stride, padding, dilation */
    int64_t groups;
} pc_conv;

/* The operands of a float32 pass. Activations are written as pixels: [n, h, w, c]. */
typedef struct pc_conv_pass {
    pc_conv p;
    const pc_nhwc *x;        /* forward and weight gradient: input, any layout */
    const pc_nhwc *g;        /* gradients: of the output; weight gradient: gathered */
    const pc_tensor *weight; /* [k, c / groups, r, s], settled, any strides; not in the weight gradient */
    bool keep;               /* no gradient of the weight is wanted: what is made of it may serve the next call */
    const float *bias;       /* added to what is written, or NULL; not in the weight gradient */
    float *out;              /* forward: the output; input gradient: that */
    float *gw;               /* weight gradient: [k, c / groups, r, s] contiguous; NULL: not wanted */
    float *gb;               /* weight gradient: of the bias, [k]; NULL: not wanted */
} pc_conv_pass;

/* One way of doing a pass. */
typedef struct pc_conv_algorithm {
    const char *name;
    const char *(*refuse)(const pc_conv_pass *c); /* why it cannot; NULL: it can */
    const char *(*avoid)(const pc_conv_pass *c);  /* of what it can do: why another one is faster; NULL: none is */
    pc_status (*run)(const pc_conv_pass *c);
} pc_conv_algorithm;

/* Channels that are stored for a panel of them: the last one is half as wide as the others if that suffices. */
static inline int64_t pc_panel_lanes(int64_t channels, int64_t panel, int64_t width)
{
    return channels - panel * width > width / 2 ? width : width / 2;
}

/* conv_panels.c. Weights of any strides to panels of `width` lanes in each group; lanes and inner of a group. */
typedef struct pc_panels {
    const float *w;
    float *to;
    int64_t groups, lanes, inner, rows, cols;
    int64_t group_stride, lane_stride, inner_stride, row_stride, col_stride;
    int64_t width, panels;
} pc_panels;
pc_status pc_panels_pack(const pc_panels *p);
/* Floats of a group. depth: taps times inner channels. */
int64_t pc_panel_group_floats(int64_t lanes, int64_t panels, int64_t width, int64_t depth);
/* One panel of `stored` lanes to `lanes` rows [inner][tap], which are `stride` floats apart. */
void pc_panel_unpack(const float *from, int64_t stored, int64_t lanes, int64_t inner, int64_t taps, float *to,
                     int64_t stride);

/* Is what a pass makes of its weight, so many floats, kept for the next one? */
bool pc_conv_keeps(const pc_conv_pass *c, int64_t floats);
/* What a pass makes of its weight once, of so many floats: pc_derived's values; NULL when memory is short. *found: they
   are filled already. own: what they depend on beside the instruction set and the weight's shape, the algorithm first.
   pc_derived_release afterwards. */
#define PC_CONV_KEY 7
pc_derived *pc_conv_derived(const pc_conv_pass *c, int64_t floats, const int64_t *own, bool *found);
/* Its values are filled: the next call may find them. */
void pc_conv_keep(const pc_conv_pass *c, int64_t floats, pc_derived *d);

/* conv_winograd.c: for 3x3 filters of stride 1, and of stride 2. */
extern const pc_conv_algorithm pc_conv_winograd4_forward, pc_conv_winograd4_input, pc_conv_winograd4_weight;
extern const pc_conv_algorithm pc_conv_winograd2_forward, pc_conv_winograd2_input, pc_conv_winograd2_weight;
extern const pc_conv_algorithm pc_conv_winograd_strided_forward, pc_conv_winograd_strided_input,
    pc_conv_winograd_strided_weight;
/* Why none can do it with that stride; why one should not: F(m x m), or for stride 2 any, is switched off. */
const char *pc_winograd_refuse(const pc_conv *p, int stride);
const char *pc_winograd_avoid(int m);

/* conv_thin.c: for 3x3 filters of stride 1, where few channels are read. */
extern const pc_conv_algorithm pc_conv_thin_forward, pc_conv_thin_input, pc_conv_thin_weight;

/* conv_phases.c: for a stride, and few channels or depthwise filters. */
extern const pc_conv_algorithm pc_conv_phases_input, pc_conv_depthwise_phases_input;

/* conv_direct.c: first those for special shapes, last one that accepts all. */
extern const pc_conv_algorithm pc_conv_pointwise_forward, pc_conv_depthwise_forward, pc_conv_direct_forward;
extern const pc_conv_algorithm pc_conv_pointwise_input, pc_conv_depthwise_input, pc_conv_direct_input;
/* conv_weight.c: likewise. */
extern const pc_conv_algorithm pc_conv_pointwise_weight, pc_conv_depthwise_weight, pc_conv_direct_weight;

/* Sums of g over all but channels. g is gathered. */
pc_status pc_conv_bias_gradient(const pc_nhwc *g, float *gb);

/* conv_plain.c: float64 and int64 (b may be NULL); contiguous NCHW and OIHW. */
pc_status pc_conv_plain_forward(const pc_conv *p, pc_dtype dtype, const void *x, const void *w, const void *b, void *y);
/* gx = the input gradient + b. */
pc_status pc_conv_plain_input(const pc_conv *p, pc_dtype dtype, const void *w, const void *b, const void *g, void *gx);
pc_status pc_conv_plain_weight(const pc_conv *p, const double *x, const double *g, double *gw);
/* gb[c] = sums of g, [n, c, area]. */
void pc_conv_plain_bias(int64_t n, int64_t c, int64_t area, const double *g, double *gb);

#endif
