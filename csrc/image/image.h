/* image.h -- Pillow's arithmetic on 8-bit images, bit for bit. Images are views of interleaved bytes; results are
   written densely. Knows no tensors, no generator and no threads. */
#ifndef PC_IMAGE_H
#define PC_IMAGE_H
#include "../core/status.h"
#include <stddef.h>
#include <stdint.h>

/* Pixel (y, x) stands at px + y * sy + x * sx, its c channels (1 to 4) next to each other. Strides may be negative. */
typedef struct pc_image {
    const uint8_t *px;
    int h, w, c;
    int64_t sy, sx;
} pc_image;

/* Pillow's numbers; then those of resizing alone that torch's weights are for, which have 16 bits. */
typedef enum pc_filter {
    PC_NEAREST = 0, PC_LANCZOS, PC_BILINEAR, PC_BICUBIC, PC_BOX, PC_HAMMING, PC_TORCH_BILINEAR, PC_TORCH_BICUBIC,
    PC_FILTER_COUNT
} pc_filter;

typedef enum pc_pad_mode { PC_PAD_CONSTANT = 0, PC_PAD_EDGE, PC_PAD_REFLECT, PC_PAD_SYMMETRIC } pc_pad_mode;

/* One table for all channels, or one each. */
typedef struct pc_lut {
    int n; /* 1 or 3 */
    uint8_t t[3][256];
} pc_lut;

/* ---- views.c: nothing is copied ---- */
pc_image pc_image_dense(const uint8_t *px, int h, int w, int c);
pc_image pc_image_flip_x(pc_image a);
pc_image pc_image_flip_y(pc_image a);
/* Counterclockwise, quarters in 0..3. */
pc_image pc_image_turn(pc_image a, int quarters);
/* A window that lies inside. */
pc_image pc_image_window(pc_image a, int64_t top, int64_t left, int h, int w);

/* ---- geometry.c ---- */
void pc_image_copy(pc_image a, uint8_t *dst);
/* Window (top, left, h, w), zero outside the image. */
void pc_image_crop(pc_image a, int64_t top, int64_t left, int h, int w, uint8_t *dst);
/* Sides are counts of pixels; negative ones cut off. fill: a byte per channel. The image must not be empty unless mode
   is PC_PAD_CONSTANT. */
void pc_image_pad(pc_image a, int left, int top, int right, int bottom, pc_pad_mode mode, const uint8_t *fill,
                  uint8_t *dst);

/* ---- affine.c ---- */
/* Quarter turns that Pillow's rotate makes exactly (0 to 3), or -1. */
int pc_rotate_quarters(int h, int w, double angle, int expand, const double *center);
/* Output to input: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5]. center: (x, y) or NULL. */
void pc_rotate_matrix(int h, int w, double angle, int expand, const double *center, double m[6], int *oh, int *ow);
/* version: of torchvision's transforms, 1 or 2, which round in other places. */
void pc_affine_matrix(int version, int h, int w, double angle, double tx, double ty, double scale, double shear_x,
                      double shear_y, const double *center, double m[6]);
/* filter: PC_NEAREST, PC_BILINEAR or PC_BICUBIC. */
void pc_image_affine(pc_image a, const double m[6], pc_filter filter, const uint8_t *fill, int oh, int ow,
                     uint8_t *dst);

/* ---- resample.c ---- */
/* One axis: output i is the sum over k < taps of weight[i * taps + k] * input[first[i] + k], all inside the input;
   22 bits of a weight stand behind the point. */
typedef struct pc_axis {
    int n, taps;
    const int32_t *first, *weight; /* in the memory that pc_axis_init was given */
} pc_axis;
/* Any filter but PC_NEAREST. memory: pc_axis_bytes, aligned to 8. */
size_t pc_axis_bytes(int in, int out, pc_filter filter);
void pc_axis_init(pc_axis *ax, int in, int out, pc_filter filter, void *memory);
/* Does the vertical pass come first (Pillow 13)? It matters, since its result is rounded to bytes. */
int pc_resize_vertical_first(int h, int w, int oh, int ow, pc_filter filter);
void pc_image_resize_nearest(pc_image a, int oh, int ow, uint8_t *dst);
/* Shorter side becomes size, the longer one at most max_size (0: no limit): torchvision's rule. */
void pc_resize_shorter(int h, int w, int64_t size, int64_t max_size, int64_t *oh, int64_t *ow);

/* ---- lut.c: operations that map every byte by itself ---- */
void pc_lut_identity(pc_lut *l);
/* l := next(l(v)) */
void pc_lut_then(pc_lut *l, const pc_lut *next);
void pc_lut_apply(const pc_lut *l, pc_image a, uint8_t *dst);
/* t[v] = blend of the constant byte with v. */
void pc_lut_blend(uint8_t t[256], int constant, double factor);
/* t[v] = factor * v + (1 - factor) * constant, as torch rounds it in floats; cut off. */
void pc_lut_mix(uint8_t t[256], float constant, double factor);
void pc_lut_posterize(uint8_t t[256], int bits);
void pc_lut_solarize(uint8_t t[256], double threshold);
void pc_lut_invert(uint8_t t[256]);
void pc_lut_gamma(uint8_t t[256], double gamma, double gain);
/* From the histograms of the image as l shows it. */
void pc_lut_autocontrast(pc_image a, const pc_lut *l, pc_lut *out);
void pc_lut_equalize(pc_image a, const pc_lut *l, pc_lut *out);

/* ---- grey.c ---- */
/* To c channels (1 or 3) that are equal. */
void pc_image_grey(pc_image a, int c, uint8_t *dst);
/* int(mean of the grey image + 0.5), of the image as l shows it. */
int pc_image_grey_mean(pc_image a, const pc_lut *l);

/* ---- totensor.c ---- */
/* How bytes become floats: divided by 255 (ToTensor), multiplied by its inverse (ToDtype), or as they are. */
typedef enum pc_scaling { PC_DIVIDED = 0, PC_MULTIPLIED, PC_UNSCALED, PC_SCALING_COUNT } pc_scaling;
void pc_float_table(float t[256], pc_scaling scaling);
/* t[v] = (t[v] - mean) / std in float32, two roundings. */
void pc_normalize_table(float t[256], float mean, float std);
/* dst[ch * dc + y * dy + x * dx] = t[ch][byte] (t[0] for all channels where nt is 1). */
void pc_image_lookup(pc_image a, const float (*t)[256], int nt, float *dst, int64_t dc, int64_t dy, int64_t dx);

#endif
