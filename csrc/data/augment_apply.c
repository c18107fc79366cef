/* augment_apply.c -- carrying out one image's plan. Byte operations are gathered into one table and flips, turns and
   crops into strides, so a chain touches the pixels as seldom as its values allow. */
#include "augment_steps.h"
#include <math.h>
#include <string.h>

/* Float values in any layout. */
typedef struct planes {
    float *p;
    int h, w, c;
    int64_t dc, dy, dx;
} planes;

/* An image half way. Until `floats`, its values are lut (or table, once ToTensor was met) of img's bytes. */
typedef struct canvas {
    pc_image img;
    uint8_t *buffer[2];       /* img stands in buffer[!spare] or in the source */
    int spare;
    void *work;
    bool has_lut;
    pc_lut lut;
    int ntable;               /* 0: still bytes */
    const float (*table)[256];
    float own_table[3][256];
    bool floats;
    planes f;
    float *float_buffer[2];
    int float_spare;
    float *noise;
} canvas;

static size_t aligned(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

static void canvas_init(canvas *cv, const extent *need, pc_image_shape in, const uint8_t *src, void *scratch)
{
    uint8_t *next = (uint8_t *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    cv->img = pc_image_dense(src, in.h, in.w, in.c);
    for (int k = 0; k < 2; k++, next += aligned(need->image)) cv->buffer[k] = next;
    cv->work = next;
    next += aligned(need->work);
    for (int k = 0; k < 2; k++, next += aligned(need->floats * sizeof(float))) cv->float_buffer[k] = (float *)next;
    cv->noise = (float *)next;
    cv->spare = cv->float_spare = 0;
    cv->has_lut = cv->floats = false;
    cv->ntable = 0;
}

/* ---- bytes ---------------------------------------------------------------------------------------- */

static uint8_t *spare_bytes(canvas *cv)
{
    return cv->buffer[cv->spare];
}

/* The spare buffer now holds the image. */
static void took_spare(canvas *cv, int h, int w, int c)
{
    cv->img = pc_image_dense(spare_bytes(cv), h, w, c);
    cv->spare = !cv->spare;
}

/* Make img's bytes the values. */
static void settle_lut(canvas *cv)
{
    if (!cv->has_lut) return;
    pc_lut_apply(&cv->lut, cv->img, spare_bytes(cv));
    took_spare(cv, cv->img.h, cv->img.w, cv->img.c);
    cv->has_lut = false;
}

/* The same, with pixels side by side in each row. */
static void settle_rows(canvas *cv)
{
    settle_lut(cv);
    if (cv->img.sx == cv->img.c) return;
    pc_image_copy(cv->img, spare_bytes(cv));
    took_spare(cv, cv->img.h, cv->img.w, cv->img.c);
}

static void then_lut(canvas *cv, const pc_lut *next)
{
    if (cv->has_lut)
        pc_lut_then(&cv->lut, next);
    else
        cv->lut = *next;
    cv->has_lut = true;
}

static bool inside(const pc_image *a, const double *v)
{
    return v[0] >= 0 && v[1] >= 0 && v[0] + v[2] <= a->h && v[1] + v[3] <= a->w;
}

static pc_status pad_bytes(canvas *cv, const step *s, const double *v)
{
    pc_status status = PC_OK;
    uint8_t fill[4] = { 0 };
    if (v[4] == PC_PAD_CONSTANT) {
        PC_TRY(fill_bytes(s, cv->img.c, fill));
        settle_lut(cv);
    }
    pc_image_pad(cv->img, (int)v[0], (int)v[1], (int)v[2], (int)v[3], (pc_pad_mode)v[4], fill, spare_bytes(cv));
    took_spare(cv, cv->img.h + (int)(v[1] + v[3]), cv->img.w + (int)(v[0] + v[2]), cv->img.c);
done:
    return status;
}

static pc_status map_bytes(canvas *cv, const step *s, const drawn *d)
{
    pc_status status = PC_OK;
    const double *v = d->v, *center = s->has_center ? s->center : NULL;
    static const double origin[2] = { 0, 0 };
    uint8_t fill[4];
    double m[6];
    int h = cv->img.h, w = cv->img.w;
    if (d->kind == STEP_ROTATE) {
        int quarters = pc_rotate_quarters(h, w, v[0], s->expand, center);
        if (quarters >= 0) {
            cv->img = pc_image_turn(cv->img, quarters);
            goto done;
        }
        pc_rotate_matrix(h, w, v[0], s->expand, center, m, &h, &w);
    } else {
        pc_affine_matrix((int)v[7], h, w, v[0], v[1], v[2], v[3], v[4], v[5], v[6] != 0 ? origin : center, m);
    }
    PC_TRY(fill_bytes(s, cv->img.c, fill));
    settle_lut(cv);
    pc_image_affine(cv->img, m, s->filter, fill, h, w, spare_bytes(cv));
    took_spare(cv, h, w, cv->img.c);
done:
    return status;
}

static void to_tensor(canvas *cv, const step *s)
{
    cv->ntable = s->ntable;
    cv->table = (const float(*)[256])s->table;
    if (!cv->has_lut) return;
    int n = cv->lut.n > s->ntable ? cv->lut.n : s->ntable;
    for (int k = 0; k < n; k++) {
        const uint8_t *lut = cv->lut.t[cv->lut.n == 1 ? 0 : k];
        const float *table = s->table[s->ntable == 1 ? 0 : k];
        for (int b = 0; b < 256; b++) cv->own_table[k][b] = table[lut[b]];
    }
    cv->ntable = n;
    cv->table = (const float(*)[256])cv->own_table;
    cv->has_lut = false;
}

/* Steps that map single bytes: *next says how. False: this is none. */
static bool lut_step(canvas *cv, const drawn *d, pc_lut *next)
{
    const double *v = d->v;
    uint8_t *to = next->t[0];
    next->n = 1;
    switch (d->kind) {
    case STEP_BRIGHTNESS: pc_lut_blend(to, 0, v[0]); break;
    case STEP_CONTRAST:
        if (!cv->has_lut) pc_lut_identity(&cv->lut);
        pc_lut_blend(to, pc_image_grey_mean(cv->img, &cv->lut), v[0]);
        break;
    case STEP_GAMMA: pc_lut_gamma(to, v[0], v[1]); break;
    case STEP_INVERT: pc_lut_invert(to); break;
    case STEP_POSTERIZE: pc_lut_posterize(to, (int)v[0]); break;
    case STEP_SOLARIZE: pc_lut_solarize(to, v[0]); break;
    case STEP_AUTOCONTRAST: case STEP_EQUALIZE:
        if (!cv->has_lut) pc_lut_identity(&cv->lut);
        (d->kind == STEP_AUTOCONTRAST ? pc_lut_autocontrast : pc_lut_equalize)(cv->img, &cv->lut, next);
        break;
    case STEP_TENSOR_BRIGHTNESS: pc_lut_mix(to, 0, v[0]); break;
    case STEP_TENSOR_CONTRAST:
        settle_rows(cv);
        pc_lut_mix(to, tensor_grey_mean(cv->img), v[0]);
        break;
    default: return false;
    }
    return true;
}

static pc_status byte_step(canvas *cv, const step *s, const drawn *d)
{
    pc_status status = PC_OK;
    const double *v = d->v;
    int h = cv->img.h, w = cv->img.w, c = cv->img.c;
    pc_lut next;
    if (lut_step(cv, d, &next)) {
        then_lut(cv, &next);
        goto done;
    }
    switch (d->kind) {
    case STEP_HFLIP: cv->img = pc_image_flip_x(cv->img); break;
    case STEP_VFLIP: cv->img = pc_image_flip_y(cv->img); break;
    case STEP_CROP:
        if (inside(&cv->img, v)) {
            cv->img = pc_image_window(cv->img, (int64_t)v[0], (int64_t)v[1], (int)v[2], (int)v[3]);
        } else {
            settle_lut(cv);
            pc_image_crop(cv->img, (int64_t)v[0], (int64_t)v[1], (int)v[2], (int)v[3], spare_bytes(cv));
            took_spare(cv, (int)v[2], (int)v[3], c);
        }
        break;
    case STEP_PAD: PC_TRY(pad_bytes(cv, s, v)); break;
    case STEP_RESIZE:
        if (h == (int)v[0] && w == (int)v[1]) break;
        if (s->filter == PC_NEAREST) {
            pc_image_resize_nearest(cv->img, (int)v[0], (int)v[1], spare_bytes(cv));
        } else {
            settle_rows(cv);
            resize_rows(cv->img, (int)v[0], (int)v[1], s->filter, spare_bytes(cv), cv->work);
        }
        took_spare(cv, (int)v[0], (int)v[1], c);
        break;
    case STEP_ROTATE: case STEP_AFFINE: PC_TRY(map_bytes(cv, s, d)); break;
    case STEP_SATURATION:
        if (c == 1) break;
        settle_rows(cv);
        saturate_rows(cv->img, v[0], spare_bytes(cv));
        took_spare(cv, h, w, c);
        break;
    case STEP_HUE:
        if (c == 1) break;
        settle_rows(cv);
        hue_rows(cv->img, (int)(v[0] * 255), spare_bytes(cv));
        took_spare(cv, h, w, c);
        break;
    case STEP_SHARPNESS:
        settle_rows(cv);
        sharpen_rows(cv->img, v[0], spare_bytes(cv));
        took_spare(cv, h, w, c);
        break;
    case STEP_GREY: case STEP_TENSOR_GREY:
        settle_rows(cv);
        c = v[0] == 0 ? c : (int)v[0];
        if (d->kind == STEP_TENSOR_GREY && cv->img.c == 3)
            tensor_grey_rows(cv->img, c, spare_bytes(cv));
        else
            pc_image_grey(cv->img, c, spare_bytes(cv));
        took_spare(cv, h, w, c);
        break;
    case STEP_TENSOR_SATURATION: case STEP_TENSOR_HUE:
        if (c == 1) break;
        settle_rows(cv);
        (d->kind == STEP_TENSOR_HUE ? tensor_hue_rows : tensor_saturate_rows)(cv->img, v[0], spare_bytes(cv));
        took_spare(cv, h, w, c);
        break;
    case STEP_TO_TENSOR: to_tensor(cv, s); break;
    default: break;
    }
done:
    return status;
}

/* ---- floats --------------------------------------------------------------------------------------- */

static planes planes_in(float *p, int h, int w, int c, bool nhwc)
{
    if (nhwc) return (planes){ p, h, w, c, 1, (int64_t)w * c, c };
    return (planes){ p, h, w, c, (int64_t)h * w, w, 1 };
}

static void look_up(canvas *cv, planes to)
{
    pc_image_lookup(cv->img, cv->table, cv->ntable, to.p, to.dc, to.dy, to.dx);
    cv->f = to;
    cv->floats = true;
}

static void copy_planes(planes from, planes to)
{
    for (int k = 0; k < to.c; k++)
        for (int y = 0; y < to.h; y++) {
            const float *s = from.p + k * from.dc + y * from.dy;
            float *d = to.p + k * to.dc + y * to.dy;
            for (int x = 0; x < to.w; x++) d[x * to.dx] = s[x * from.dx];
        }
}

/* The h x w window at (top, left) of the float image, in the spare buffer; fill outside. */
static void window_floats(canvas *cv, int64_t top, int64_t left, int h, int w, float fill)
{
    planes from = cv->f, to = planes_in(cv->float_buffer[cv->float_spare], h, w, from.c, false);
    for (int k = 0; k < to.c; k++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                int64_t sy = top + y, sx = left + x;
                bool in = sy >= 0 && sy < from.h && sx >= 0 && sx < from.w;
                to.p[k * to.dc + y * to.dy + x] = in ? from.p[k * from.dc + sy * from.dy + sx * from.dx] : fill;
            }
    cv->f = to;
    cv->float_spare = !cv->float_spare;
}

static void erase(const planes *f, const step *s, const drawn *d, const float *noise)
{
    int64_t top = (int64_t)d->v[0], left = (int64_t)d->v[1], h = (int64_t)d->v[2], w = (int64_t)d->v[3];
    for (int k = 0; k < f->c; k++) {
        float value = noise == NULL ? (float)s->fill[s->nfill == 1 ? 0 : k] : 0;
        for (int64_t y = 0; y < h; y++) {
            float *row = f->p + k * f->dc + (top + y) * f->dy + left * f->dx;
            for (int64_t x = 0; x < w; x++) row[x * f->dx] = noise == NULL ? value : *noise++;
        }
    }
}

static void float_step(canvas *cv, const void *pl, const step *s, const drawn *d)
{
    const double *v = d->v;
    planes *f = &cv->f;
    switch (d->kind) {
    case STEP_HFLIP: f->p += (f->w - 1) * f->dx; f->dx = -f->dx; break;
    case STEP_VFLIP: f->p += (f->h - 1) * f->dy; f->dy = -f->dy; break;
    case STEP_CROP: window_floats(cv, (int64_t)v[0], (int64_t)v[1], (int)v[2], (int)v[3], 0); break;
    case STEP_PAD:
        window_floats(cv, -(int64_t)v[1], -(int64_t)v[0], f->h + (int)(v[1] + v[3]), f->w + (int)(v[0] + v[2]),
                      (float)s->fill[0]);
        break;
    case STEP_NORMALIZE:
        for (int k = 0; k < f->c; k++) {
            float mean = (float)s->v[s->n == 2 ? 0 : k], std = (float)s->v[s->n / 2 + (s->n == 2 ? 0 : k)];
            for (int y = 0; y < f->h; y++)
                for (int x = 0; x < f->w; x++) {
                    float *e = f->p + k * f->dc + y * f->dy + x * f->dx, centered = *e - mean;
                    *e = centered / std;
                }
        }
        break;
    case STEP_ERASE:
        if (d->noise >= 0) pc_plan_noise(pl, (int)(d - plan_entries(pl)), cv->noise);
        erase(f, s, d, d->noise >= 0 ? cv->noise : NULL);
        break;
    default: break;
    }
}

/* A step after ToTensor while the values are still a table of bytes: true if they stay so. */
static bool table_step(canvas *cv, const step *s, const drawn *d)
{
    switch (d->kind) {
    case STEP_HFLIP: cv->img = pc_image_flip_x(cv->img); return true;
    case STEP_VFLIP: cv->img = pc_image_flip_y(cv->img); return true;
    case STEP_CROP:
        if (!inside(&cv->img, d->v)) return false;
        cv->img = pc_image_window(cv->img, (int64_t)d->v[0], (int64_t)d->v[1], (int)d->v[2], (int)d->v[3]);
        return true;
    case STEP_NORMALIZE: {
        int n = cv->ntable > s->n / 2 ? cv->ntable : s->n / 2;
        for (int k = n - 1; k >= 0; k--) {
            const float *from = cv->table[cv->ntable == 1 ? 0 : k];
            if (from != cv->own_table[k]) memcpy(cv->own_table[k], from, sizeof cv->own_table[k]);
            pc_normalize_table(cv->own_table[k], (float)s->v[s->n == 2 ? 0 : k],
                               (float)s->v[s->n / 2 + (s->n == 2 ? 0 : k)]);
        }
        cv->table = (const float(*)[256])cv->own_table;
        cv->ntable = n;
        return true;
    }
    default: return false;
    }
}

/* Do all steps from d on keep every value's place? Then they may work where the result is wanted. */
static bool in_place(const drawn *d, const drawn *end)
{
    for (; d < end; d++)
        if (d->kind != STEP_NORMALIZE && d->kind != STEP_ERASE) return false;
    return true;
}

pc_status pc_pipeline_apply(const pc_pipeline *p, const void *given, pc_image_shape in, const uint8_t *src, void *dst,
                            bool nhwc, void *scratch)
{
    pc_status status = PC_OK;
    const plan *pl = given;
    canvas cv;
    canvas_init(&cv, &pl->need, in, src, scratch);
    planes out = planes_in(dst, pl->out.h, pl->out.w, pl->out.c, nhwc);
    const drawn *d = plan_entries(pl), *end = d + pl->n;
    for (; d < end; d++) {
        const step *s = &p->steps[d->step];
        if (s->span < 0) continue; /* a normalize that to_tensor's table holds */
        if (cv.ntable == 0) {
            PC_TRY(byte_step(&cv, s, d));
            continue;
        }
        if (!cv.floats) {
            if (table_step(&cv, s, d)) continue;
            look_up(&cv, in_place(d, end)
                             ? out
                             : planes_in(cv.float_buffer[cv.float_spare], cv.img.h, cv.img.w, cv.img.c, false));
            if (cv.f.p != out.p) cv.float_spare = !cv.float_spare;
        }
        float_step(&cv, pl, s, d);
    }
    if (cv.floats) {
        if (cv.f.p != out.p) copy_planes(cv.f, out);
    } else if (cv.ntable > 0) {
        look_up(&cv, out);
    } else if (nhwc || pl->out.c == 1) {
        if (cv.has_lut)
            pc_lut_apply(&cv.lut, cv.img, dst);
        else
            pc_image_copy(cv.img, dst);
    } else {
        settle_lut(&cv);
        for (int k = 0; k < pl->out.c; k++) {
            pc_image channel = cv.img;
            channel.px += k;
            channel.c = 1;
            pc_image_copy(channel, (uint8_t *)dst + (int64_t)k * pl->out.h * pl->out.w);
        }
    }
done:
    return status;
}
