/* augment_draw.c -- torchvision's random transforms, both versions: what is drawn, in which order, with which
   rounding. */
#include "augment_steps.h"
#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* ---- single draws, as torch makes them ------------------------------------------------------------ */

static float uniform01(pc_generator *g)
{
    return (float)(pc_draw32(g) & 0xFFFFFF) * 0x1p-24f;
}

/* torch.empty(1).uniform_(lo, hi) */
static pc_status uniform(pc_generator *g, double from, double to, double *out)
{
    float lo = (float)from, hi = (float)to;
    *out = lo;
    if (!(from <= to))
        return pc_fail(PC_ESHAPE, "uniform_ expects to return a [from, to) range, but found from=%g > to=%g", from, to);
    float v = fmaf(uniform01(g), hi - lo, lo);
    *out = v == hi ? lo : v;
    return PC_OK;
}

/* torch.randint(0, n, (1,)), n >= 1 */
static int64_t below(pc_generator *g, int64_t n)
{
    return n < (int64_t)1 << 28 ? (int64_t)(pc_draw32(g) % (uint32_t)n) : (int64_t)(pc_draw64(g) % (uint64_t)n);
}

/* ---- the plan being written ----------------------------------------------------------------------- */

typedef struct writer {
    const pc_pipeline *p;
    plan *pl;
    pc_generator *g;
    pc_image_shape shape;
    bool is_float;
    int at;           /* the step being drawn */
} writer;

/* Append a fixed step; its numbers follow. */
static pc_status put(writer *w, step_kind kind, int n, const double *v)
{
    drawn *d = &plan_entries(w->pl)[w->pl->n++];
    d->kind = kind;
    d->step = w->at;
    d->n = n;
    d->noise = -1;
    memcpy(d->v, v, (size_t)n * sizeof *v);
    return fixed_step(&w->p->steps[w->at], kind, d->v, &w->shape, &w->is_float, &w->pl->need);
}

static pc_status put1(writer *w, step_kind kind, double v)
{
    return put(w, kind, 1, &v);
}

static pc_status draw_crop(writer *w, const step *s)
{
    int h = w->shape.h, wd = w->shape.w, th = (int)s->v[0], tw = (int)s->v[1];
    if (h < th || wd < tw)
        return pc_fail(PC_EVALUE, "Required crop size (%d, %d) is larger than %sinput image size (%d, %d)", th, tw,
                       s->v[2] == 2 && s->v[3] != 0 ? "padded " : "", h, wd);
    double v[4] = { 0, 0, th, tw };
    bool both = s->v[2] == 1 && (h != th || wd != tw); /* the second version leaves out what there is no choice of */
    if (both || h != th) v[0] = (double)below(w->g, h - th + 1);
    if (both || wd != tw) v[1] = (double)below(w->g, wd - tw + 1);
    return put(w, STEP_CROP, 4, v);
}

/* logf and expf, correctly rounded but for a few in 10^9. */
static double log_f32(double v) { return (float)log((float)v); }
static double exp_f32(double v) { return (float)exp(v); }

/* A box of random area and ratio in an h x w image: up to ten tries. */
static pc_status draw_box(writer *w, const double *scale, const double *ratio, double *bh, double *bw)
{
    pc_status status = PC_OK;
    double share, log_ratio;
    PC_TRY(uniform(w->g, scale[0], scale[1], &share));
    PC_TRY(uniform(w->g, log_f32(ratio[0]), log_f32(ratio[1]), &log_ratio));
    double area = (double)w->shape.h * w->shape.w * share, aspect = exp_f32(log_ratio);
    *bh = rint(sqrt(area / aspect)); /* aspect is width over height */
    *bw = rint(sqrt(area * aspect));
done:
    return status;
}

static pc_status draw_resized_crop(writer *w, const step *s)
{
    pc_status status = PC_OK;
    int h = w->shape.h, wd = w->shape.w;
    const double *scale = s->v + 2, *ratio = s->v + 4;
    double box[4] = { 0 }, bh, bw;
    bool found = false;
    for (int k = 0; k < 10 && !found; k++) {
        PC_TRY(draw_box(w, scale, ratio, &bh, &bw));
        if (!(0 < bw && bw <= wd && 0 < bh && bh <= h)) continue;
        box[0] = (double)below(w->g, h - (int)bh + 1);
        box[1] = (double)below(w->g, wd - (int)bw + 1);
        box[2] = bh;
        box[3] = bw;
        found = true;
    }
    if (!found) { /* the largest centred box whose ratio is allowed */
        double in_ratio = (double)wd / h, lo = fmin(ratio[0], ratio[1]), hi = fmax(ratio[0], ratio[1]);
        bw = wd;
        bh = h;
        if (in_ratio < lo)
            bh = rint(wd / lo);
        else if (in_ratio > hi)
            bw = rint(h * hi);
        box[0] = floor((h - bh) / 2);
        box[1] = floor((wd - bw) / 2);
        box[2] = bh;
        box[3] = bw;
    }
    PC_TRY(put(w, STEP_CROP, 4, box));
    PC_TRY(put(w, STEP_RESIZE, 2, s->v));
done:
    return status;
}

static pc_status draw_jitter(writer *w, const step *s)
{
    static const step_kind kinds[2][4] = {
        { STEP_BRIGHTNESS, STEP_CONTRAST, STEP_SATURATION, STEP_HUE },
        { STEP_TENSOR_BRIGHTNESS, STEP_TENSOR_CONTRAST, STEP_TENSOR_SATURATION, STEP_TENSOR_HUE },
    };
    const factor_range *ranges = (const factor_range *)s->v;
    pc_status status = PC_OK;
    int order[4] = { 0, 1, 2, 3 };
    double factor[4];
    for (int i = 0; i < 3; i++) { /* torch.randperm(4) */
        int j = i + (int)below(w->g, 4 - i), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (int k = 0; k < 4; k++)
        if (ranges[k].used != 0) PC_TRY(uniform(w->g, ranges[k].range[0], ranges[k].range[1], &factor[k]));
    for (int i = 0; i < 4; i++)
        if (ranges[order[i]].used != 0) PC_TRY(put1(w, kinds[s->v[OF_TENSOR] != 0][order[i]], factor[order[i]]));
done:
    return status;
}

static pc_status draw_affine(writer *w, const step *s)
{
    const affine_ranges *r = (const affine_ranges *)s->v;
    pc_status status = PC_OK;
    double angle, shift[2] = { 0, 0 }, scale = 1, shear[2] = { 0, 0 };
    PC_TRY(uniform(w->g, r->angle[0], r->angle[1], &angle));
    if (r->shifted != 0) {
        double most[2] = { r->fraction[0] * w->shape.w, r->fraction[1] * w->shape.h };
        for (int k = 0; k < 2; k++) PC_TRY(uniform(w->g, -most[k], most[k], &shift[k]));
    }
    if (r->scaled != 0) PC_TRY(uniform(w->g, r->scale[0], r->scale[1], &scale));
    for (int k = 0; k < (int)r->shear_bounds / 2; k++)
        PC_TRY(uniform(w->g, r->shear[k][0], r->shear[k][1], &shear[k]));
    double map[8] = { angle, rint(shift[0]), rint(shift[1]), scale, shear[0], shear[1], 0, r->version };
    PC_TRY(put(w, STEP_AFFINE, 8, map));
done:
    return status;
}

/* ---- random erasing ------------------------------------------------------------------------------- */

static pc_status draw_erasing(writer *w, const step *s)
{
    pc_status status = PC_OK;
    int c = w->shape.c, h = w->shape.h, wd = w->shape.w;
    PC_CHECK(s->nfill <= 1 || s->nfill == c, PC_EVALUE,
             "If value is a sequence, it should have either a single value or %d (number of input channels)", c);
    for (int k = 0; k < 10; k++) {
        double bh, bw;
        PC_TRY(draw_box(w, s->v, s->v + 2, &bw, &bh)); /* here the aspect is height over width */
        if (!(bh < h && bw < wd)) continue;
        int64_t n = (int64_t)c * (int64_t)bh * (int64_t)bw;
        snapshot *noise = s->nfill == 0 && n > 0 ? &plan_snapshots(w->pl)[w->pl->nnoise] : NULL;
        if (noise != NULL) save_and_skip_noise(w->g, n, noise);
        double box[4];
        box[0] = (double)below(w->g, h - (int)bh + 1);
        box[1] = (double)below(w->g, wd - (int)bw + 1);
        box[2] = bh;
        box[3] = bw;
        if (n == 0) break;
        PC_TRY(put(w, STEP_ERASE, 4, box));
        if (noise == NULL) break;
        plan_entries(w->pl)[w->pl->n - 1].noise = w->pl->nnoise++;
        if ((size_t)n > w->pl->need.noise) w->pl->need.noise = (size_t)n;
        break;
    }
done:
    return status;
}

/* ---- automatic augmentation ----------------------------------------------------------------------- */

/* In the order of RandAugment's table; the last is AutoAugment's alone. */
enum { IDENTITY, SHEAR_X, SHEAR_Y, TRANSLATE_X, TRANSLATE_Y, ROTATE, BRIGHTNESS, COLOR, CONTRAST, SHARPNESS, POSTERIZE,
       SOLARIZE, AUTOCONTRAST, EQUALIZE, INVERT, TABLE_OPS = INVERT };

/* The largest magnitudes: RandAugment's and AutoAugment's, or TrivialAugmentWide's. */
typedef struct space {
    double shear, translate_x, translate_y, rotate, enhance, posterize;
    int bins, version;
} space;

static space space_of(pc_image_shape shape, bool wide, int bins, double version)
{
    if (wide) return (space){ 0.99, 32.0, 32.0, 135.0, 0.99, 6, bins, (int)version };
    return (space){ 0.3, 150.0 / 331.0 * shape.w, 150.0 / 331.0 * shape.h, 30.0, 0.9, 4, bins, (int)version };
}

static bool is_signed(int op) { return op >= SHEAR_X && op <= SHARPNESS; }
static bool has_magnitude(int op) { return op >= SHEAR_X && op <= SOLARIZE; }

/* torch.linspace(from, to, n)[i] */
static double linspace(double from, double to, int n, int i)
{
    float lo = (float)from, hi = (float)to, step = (hi - lo) / (float)(n - 1);
    return i < n / 2 ? fmaf(step, (float)i, lo) : fmaf(-step, (float)(n - 1 - i), hi);
}

static double magnitude_of(const space *sp, int op, int i)
{
    switch (op) {
    case SHEAR_X: case SHEAR_Y: return linspace(0, sp->shear, sp->bins, i);
    case TRANSLATE_X: return linspace(0, sp->translate_x, sp->bins, i);
    case TRANSLATE_Y: return linspace(0, sp->translate_y, sp->bins, i);
    case ROTATE: return linspace(0, sp->rotate, sp->bins, i);
    case BRIGHTNESS: case COLOR: case CONTRAST: case SHARPNESS: return linspace(0, sp->enhance, sp->bins, i);
    case POSTERIZE: {
        float lost = (float)i / (float)((sp->bins - 1) / sp->posterize);
        return sp->version == 1 ? 8 - rintf(lost) : rintf(8 - lost);
    }
    case SOLARIZE:
        return sp->version == 1 ? linspace(255, 0, sp->bins, i) : 255 * linspace(1, 0, sp->bins, i);
    default: return 0;
    }
}

static bool draw_negative(writer *w, const space *sp)
{
    return sp->version == 1 ? below(w->g, 2) != 0 : uniform01(w->g) <= 0.5f;
}

static pc_status put_op(writer *w, const space *sp, int op, double m)
{
    double affine[8] = { 0, 0, 0, 1.0, 0, 0, 0, sp->version };
    switch (op) {
    case SHEAR_X: affine[4] = atan(m) * (180.0 / PI), affine[6] = 1; return put(w, STEP_AFFINE, 8, affine);
    case SHEAR_Y: affine[5] = atan(m) * (180.0 / PI), affine[6] = 1; return put(w, STEP_AFFINE, 8, affine);
    case TRANSLATE_X: affine[1] = trunc(m); return put(w, STEP_AFFINE, 8, affine);
    case TRANSLATE_Y: affine[2] = trunc(m); return put(w, STEP_AFFINE, 8, affine);
    case ROTATE: return put1(w, STEP_ROTATE, m);
    case BRIGHTNESS: return put1(w, STEP_BRIGHTNESS, 1.0 + m);
    case COLOR: return put1(w, STEP_SATURATION, 1.0 + m);
    case CONTRAST: return put1(w, STEP_CONTRAST, 1.0 + m);
    case SHARPNESS: return put1(w, STEP_SHARPNESS, 1.0 + m);
    case POSTERIZE: return put1(w, STEP_POSTERIZE, m);
    case SOLARIZE: return put1(w, STEP_SOLARIZE, m);
    case AUTOCONTRAST: return put(w, STEP_AUTOCONTRAST, 0, &m);
    case EQUALIZE: return put(w, STEP_EQUALIZE, 0, &m);
    case INVERT: return put(w, STEP_INVERT, 0, &m);
    default: return PC_OK;
    }
}

static pc_status draw_rand_augment(writer *w, const step *s)
{
    pc_status status = PC_OK;
    int bins = (int)s->v[2], at = (int)s->v[1];
    space sp = space_of(w->shape, false, bins, s->v[3]);
    for (int k = 0; k < (int)s->v[0]; k++) {
        int op = (int)below(w->g, TABLE_OPS);
        double m = magnitude_of(&sp, op, at < 0 ? at + bins : at);
        if (is_signed(op) && draw_negative(w, &sp)) m *= -1.0;
        PC_TRY(put_op(w, &sp, op, m));
    }
done:
    return status;
}

static pc_status draw_trivial_augment(writer *w, const step *s)
{
    space sp = space_of(w->shape, true, (int)s->v[0], s->v[1]);
    int op = (int)below(w->g, TABLE_OPS);
    double m = has_magnitude(op) ? magnitude_of(&sp, op, (int)below(w->g, sp.bins)) : 0.0;
    if (is_signed(op) && draw_negative(w, &sp)) m *= -1.0;
    return put_op(w, &sp, op, m);
}

static pc_status draw_auto_augment(writer *w, const step *s)
{
    pc_status status = PC_OK;
    space sp = space_of(w->shape, false, 10, s->v[0]);
    const double *policy = s->v + POLICIES + 6 * below(w->g, (s->n - POLICIES) / 6);
    float r[2] = { 0 };
    bool positive[2] = { 0 };
    if (sp.version == 1) { /* which draws it all beforehand */
        for (int k = 0; k < 2; k++) r[k] = uniform01(w->g);
        for (int k = 0; k < 2; k++) positive[k] = below(w->g, 2) != 0;
    }
    for (int k = 0; k < 2; k++, policy += 3) {
        int op = (int)policy[0];
        if ((sp.version == 1 ? r[k] : uniform01(w->g)) > (float)policy[1]) continue;
        double m = policy[2] >= 0 ? magnitude_of(&sp, op, (int)policy[2]) : 0.0;
        if (is_signed(op) && (sp.version == 1 ? !positive[k] : draw_negative(w, &sp))) m *= -1.0;
        PC_TRY(put_op(w, &sp, op, m));
    }
done:
    return status;
}

/* ---- the whole chain ------------------------------------------------------------------------------ */

static bool draw_chance(pc_generator *g, const step *s)
{
    float r = uniform01(g), p = (float)s->v[1];
    switch ((int)s->v[0]) {
    case CHANCE_BELOW_F32: return r < p;
    case CHANCE_BELOW_F64: return r < s->v[1];
    default: return !(p < r);
    }
}

pc_status pc_pipeline_draw_for(const pc_pipeline *p, pc_generator *g, pc_image_shape in, bool is_float, void *given)
{
    pc_status status = PC_OK;
    plan *pl = given;
    memset(pl, 0, sizeof *pl);
    pl->p = p;
    writer w = { p, pl, g, in, is_float, 0 };
    PC_TRY(check_extent(in.h, in.w));
    pl->need.image = (size_t)in.h * in.w * in.c;
    for (; w.at < p->n; w.at++) {
        const step *s = &p->steps[w.at];
        drawn fixed;
        int n;
        double angle;
        switch (s->kind) {
        case STEP_CHANCE:
            if (!draw_chance(g, s)) w.at += s->span;
            break;
        case STEP_RANDOM_CROP: PC_TRY(draw_crop(&w, s)); break;
        case STEP_RANDOM_RESIZED_CROP: PC_TRY(draw_resized_crop(&w, s)); break;
        case STEP_COLOR_JITTER: PC_TRY(draw_jitter(&w, s)); break;
        case STEP_RANDOM_ROTATION:
            PC_TRY(uniform(g, s->v[0], s->v[1], &angle));
            PC_TRY(put1(&w, STEP_ROTATE, angle));
            break;
        case STEP_RANDOM_AFFINE: PC_TRY(draw_affine(&w, s)); break;
        case STEP_RANDOM_ERASING: PC_TRY(draw_erasing(&w, s)); break;
        case STEP_RAND_AUGMENT: PC_TRY(draw_rand_augment(&w, s)); break;
        case STEP_TRIVIAL_AUGMENT: PC_TRY(draw_trivial_augment(&w, s)); break;
        case STEP_AUTO_AUGMENT: PC_TRY(draw_auto_augment(&w, s)); break;
        default:
            PC_TRY(settle_step(s, w.shape, &fixed, &n));
            if (n > 0) PC_TRY(put(&w, fixed.kind, fixed.n, fixed.v));
            break;
        }
    }
    pl->out = w.shape;
    pl->is_float = w.is_float;
done:
    return status;
}

pc_status pc_pipeline_draw(const pc_pipeline *p, pc_generator *g, pc_image_shape in, void *plan)
{
    pc_status status = check_input(in);
    return status == PC_OK ? pc_pipeline_draw_for(p, g, in, false, plan) : status;
}
