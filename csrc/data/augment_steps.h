/* augment_steps.h -- how augment_*.c hold a pipeline and a plan; private to them. */
#ifndef PC_AUGMENT_STEPS_H
#define PC_AUGMENT_STEPS_H
#include "../image/image.h"
#include "augment.h"

typedef enum step_kind {
    /* Fixed: what plans consist of. */
    STEP_HFLIP, STEP_VFLIP, STEP_CROP, STEP_PAD, STEP_RESIZE, STEP_ROTATE, STEP_AFFINE, STEP_BRIGHTNESS, STEP_CONTRAST,
    STEP_SATURATION, STEP_HUE, STEP_SHARPNESS, STEP_GAMMA, STEP_GREY, STEP_INVERT, STEP_POSTERIZE, STEP_SOLARIZE,
    STEP_AUTOCONTRAST, STEP_EQUALIZE,
    /* Fixed: what torchvision's second version does to bytes of a Tensor. */
    STEP_TENSOR_BRIGHTNESS, STEP_TENSOR_CONTRAST, STEP_TENSOR_SATURATION, STEP_TENSOR_HUE, STEP_TENSOR_GREY,
    /* Fixed: to floats, and what they alone have. */
    STEP_TO_TENSOR, STEP_NORMALIZE, STEP_ERASE,
    /* Fixed, but numbers depend on the image's shape: become some of the above. */
    STEP_CENTER_CROP, STEP_PAD_TO, STEP_RESIZE_SHORTER, STEP_RGB,
    /* Drawn. */
    STEP_CHANCE, STEP_RANDOM_CROP, STEP_RANDOM_RESIZED_CROP, STEP_COLOR_JITTER, STEP_RANDOM_ROTATION,
    STEP_RANDOM_AFFINE, STEP_RANDOM_ERASING, STEP_RAND_AUGMENT, STEP_TRIVIAL_AUGMENT, STEP_AUTO_AUGMENT,
    STEP_KINDS
} step_kind;

/* The first number of a chance: how a uniform R is compared with p. */
enum {
    CHANCE_BELOW_F32 = 0, /* apply if R < float32(p) */
    CHANCE_BELOW_F64 = 1, /* apply if R < p */
    CHANCE_ABOVE_F32 = 2  /* skip if float32(p) < R: RandomApply */
};

/* The numbers of steps that have many. */
typedef struct factor_range {
    double used; /* of color_jitter: 0 leaves this change out */
    double range[2];
} factor_range;

typedef struct affine_ranges {
    double angle[2];
    double shifted, fraction[2]; /* 0: no shift; of width and height */
    double scaled, scale[2];     /* 0: no scaling */
    double shear_bounds;         /* 0, 2 (along x) or 4 (along y, too) of the next */
    double shear[2][2];
    double version;
} affine_ranges;

typedef struct step {
    step_kind kind;
    int n;            /* numbers in v */
    double *v;        /* in the pipeline's block */
    pc_filter filter; /* of steps that sample */
    bool expand, has_center;
    double center[2];
    int nfill;
    double fill[4];
    int span;         /* of a chance: how many steps it governs */
    int ntable;       /* of to_tensor: its table, normalised where normalize follows directly */
    float (*table)[256];
} step;

struct pc_pipeline {
    int n;          /* steps */
    int max_drawn;  /* entries of a plan */
    int max_noise;  /* snapshots of a plan */
    step *steps;
};

/* Of a color_jitter, where it says whether it is of a Tensor. */
#define OF_TENSOR (4 * (int)(sizeof(factor_range) / sizeof(double)))

/* Of an auto_augment, where the policies begin. */
#define POLICIES 7

/* Of any fixed step, its tail apart. */
#define FIXED_NUMBERS 8

typedef struct drawn {
    step_kind kind;   /* fixed */
    int step;         /* whose filter, fill and table it uses */
    int n;            /* numbers in v */
    int noise;        /* of an erase: its snapshot, or -1 */
    double v[FIXED_NUMBERS];
} drawn;

/* A generator as it was when values were drawn that apply makes again. */
typedef struct snapshot {
    int64_t n; /* how many values */
    uint32_t mt[624];
    int left;
    uint32_t next;
    bool has_normal;
    double normal;
} snapshot;

/* The most memory that any step of a chain needs. */
typedef struct extent {
    size_t image;  /* bytes of the largest image in between */
    size_t work;   /* of resizing */
    size_t floats; /* elements of the largest float image in between */
    size_t noise;  /* elements */
} extent;

typedef struct plan {
    pc_image_shape out;
    bool is_float;
    int n, nnoise;
    const pc_pipeline *p; /* borrowed */
    extent need;
} plan;

static inline drawn *plan_entries(const plan *pl) { return (drawn *)((char *)pl + ((sizeof *pl + 63) & ~(size_t)63)); }
static inline snapshot *plan_snapshots(const plan *pl) { return (snapshot *)(plan_entries(pl) + pl->p->max_drawn); }

/* PC_EVALUE if h or w is below 1 or absurd. */
pc_status check_extent(int64_t h, int64_t w);
/* PC_EVALUE unless h, w and c are what pc_pipeline_apply takes. */
pc_status check_input(pc_image_shape in);
/* Shape after a fixed step with numbers v; grows *need. */
pc_status fixed_step(const step *s, step_kind kind, const double *v, pc_image_shape *shape, bool *is_float,
                     extent *need);
/* Numbers of the fixed steps that a size-dependent one becomes: at most 1. *n is how many. */
pc_status settle_step(const step *s, pc_image_shape shape, drawn *out, int *n);

/* augment_rows.c: images whose pixels stand side by side in each row. */
void sharpen_rows(pc_image a, double factor, uint8_t *dst);
void saturate_rows(pc_image a, double factor, uint8_t *dst); /* 3 channels; also the next four */
void hue_rows(pc_image a, int shift, uint8_t *dst);
void tensor_saturate_rows(pc_image a, double factor, uint8_t *dst);
void tensor_hue_rows(pc_image a, double factor, uint8_t *dst);
void tensor_grey_rows(pc_image a, int c, uint8_t *dst); /* to c equal channels */
/* Mean of the grey image as float32, of 1 or 3 channels. */
float tensor_grey_mean(pc_image a);
/* Bytes of work space for resize_rows, whose filter is not PC_NEAREST and whose size changes. */
size_t resize_work(int h, int w, int c, int oh, int ow, pc_filter filter);
void resize_rows(pc_image a, int oh, int ow, pc_filter filter, uint8_t *dst, void *work);

/* Keep the state that n normal values start from, and leave g as if they had been drawn. */
void save_and_skip_noise(pc_generator *g, int64_t n, snapshot *s);
/* A byte per channel; PC_EVALUE if the counts differ. */
pc_status fill_bytes(const step *s, int c, uint8_t fill[4]);

#endif
