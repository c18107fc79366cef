/* augment_steps.c -- compiling a list of steps, and how each changes an image's shape. */
#include "augment_steps.h"
#include "../core/alloc.h"
#include <math.h>
#include <string.h>

enum tail {
    TAIL_NONE,
    TAIL_FILL,   /* fill values: one, or one per channel */
    TAIL_FILTER, /* filter */
    TAIL_SAMPLE, /* filter, expand, has_center, center x, center y, fill values */
    TAIL_ANY     /* any count of numbers of its own */
};

/* What each kind of step is given: numbers, then the tail. Sizes are (height, width); ranges (low, high); version is
   that of torchvision's transforms (1 or 2) where the two draw or round differently. */
static const struct row {
    const char *name;
    int numbers;
    unsigned integers; /* bit k: number k is an integer */
    enum tail tail;
    int entries;       /* of a plan, at most; AS_FIRST_NUMBER: as many as the first number says */
} rows[STEP_KINDS] = {
#define FIRST(n) ((1u << (n)) - 1)
#define AS_FIRST_NUMBER (-1)
    [STEP_HFLIP] = { "hflip", 0, 0, TAIL_NONE, 1 },
    [STEP_VFLIP] = { "vflip", 0, 0, TAIL_NONE, 1 },
    /* top, left, height, width */
    [STEP_CROP] = { "crop", 4, FIRST(4), TAIL_NONE, 1 },
    /* left, top, right, bottom, mode */
    [STEP_PAD] = { "pad", 5, FIRST(5), TAIL_FILL, 1 },
    /* height, width */
    [STEP_RESIZE] = { "resize", 2, FIRST(2), TAIL_FILTER, 1 },
    /* angle */
    [STEP_ROTATE] = { "rotate", 1, 0, TAIL_SAMPLE, 1 },
    /* angle, x and y shift, scale, x and y shear, about the origin?, version */
    [STEP_AFFINE] = { "affine", 8, 0, TAIL_SAMPLE, 1 },
    /* factor */
    [STEP_BRIGHTNESS] = { "brightness", 1, 0, TAIL_NONE, 1 },
    [STEP_CONTRAST] = { "contrast", 1, 0, TAIL_NONE, 1 },
    [STEP_SATURATION] = { "saturation", 1, 0, TAIL_NONE, 1 },
    [STEP_HUE] = { "hue", 1, 0, TAIL_NONE, 1 },
    [STEP_SHARPNESS] = { "sharpness", 1, 0, TAIL_NONE, 1 },
    /* gamma, gain */
    [STEP_GAMMA] = { "gamma", 2, 0, TAIL_NONE, 1 },
    /* channels: 1, 3 or 0 (as many as before) */
    [STEP_GREY] = { "grey", 1, FIRST(1), TAIL_NONE, 1 },
    [STEP_INVERT] = { "invert", 0, 0, TAIL_NONE, 1 },
    /* bits */
    [STEP_POSTERIZE] = { "posterize", 1, FIRST(1), TAIL_NONE, 1 },
    /* threshold */
    [STEP_SOLARIZE] = { "solarize", 1, 0, TAIL_NONE, 1 },
    [STEP_AUTOCONTRAST] = { "autocontrast", 0, 0, TAIL_NONE, 1 },
    [STEP_EQUALIZE] = { "equalize", 0, 0, TAIL_NONE, 1 },
    /* factor */
    [STEP_TENSOR_BRIGHTNESS] = { "tensor_brightness", 1, 0, TAIL_NONE, 1 },
    [STEP_TENSOR_CONTRAST] = { "tensor_contrast", 1, 0, TAIL_NONE, 1 },
    [STEP_TENSOR_SATURATION] = { "tensor_saturation", 1, 0, TAIL_NONE, 1 },
    [STEP_TENSOR_HUE] = { "tensor_hue", 1, 0, TAIL_NONE, 1 },
    /* channels: 1, 3 or 0 (as many as before) */
    [STEP_TENSOR_GREY] = { "tensor_grey", 1, FIRST(1), TAIL_NONE, 1 },
    /* pc_scaling */
    [STEP_TO_TENSOR] = { "to_tensor", 1, FIRST(1), TAIL_NONE, 1 },
    /* means, then as many deviations */
    [STEP_NORMALIZE] = { "normalize", 0, 0, TAIL_ANY, 1 },
    /* top, left, height, width */
    [STEP_ERASE] = { "erase", 4, FIRST(4), TAIL_FILL, 1 },
    /* height, width */
    [STEP_CENTER_CROP] = { "center_crop", 2, FIRST(2), TAIL_NONE, 1 },
    /* height or 0, width or 0, mode */
    [STEP_PAD_TO] = { "pad_to", 3, FIRST(3), TAIL_FILL, 1 },
    /* size, largest longer side or 0 */
    [STEP_RESIZE_SHORTER] = { "resize_shorter", 2, FIRST(2), TAIL_FILTER, 1 },
    /* three equal channels, of one */
    [STEP_RGB] = { "rgb", 0, 0, TAIL_NONE, 1 },
    /* comparison, p, how many of the next steps it governs */
    [STEP_CHANCE] = { "chance", 3, 1u << 0 | 1u << 2, TAIL_NONE, 0 },
    /* height, width, version, has it been padded? (which the second version says in its error) */
    [STEP_RANDOM_CROP] = { "random_crop", 4, FIRST(4), TAIL_NONE, 1 },
    /* height, width, ranges of scale and ratio */
    [STEP_RANDOM_RESIZED_CROP] = { "random_resized_crop", 6, FIRST(2), TAIL_FILTER, 2 },
    /* four factor_range, of a Tensor? */
    [STEP_COLOR_JITTER] = { "color_jitter", OF_TENSOR + 1, 0, TAIL_NONE, 4 },
    /* range of angles */
    [STEP_RANDOM_ROTATION] = { "random_rotation", 2, 0, TAIL_SAMPLE, 1 },
    /* affine_ranges */
    [STEP_RANDOM_AFFINE] = { "random_affine", sizeof(affine_ranges) / sizeof(double), 0, TAIL_SAMPLE, 1 },
    /* ranges of scale and ratio; no fill values: normal noise */
    [STEP_RANDOM_ERASING] = { "random_erasing", 4, 0, TAIL_FILL, 1 },
    /* operations, magnitude, bins, version */
    [STEP_RAND_AUGMENT] = { "rand_augment", 4, FIRST(4), TAIL_SAMPLE, AS_FIRST_NUMBER },
    /* bins, version */
    [STEP_TRIVIAL_AUGMENT] = { "trivial_augment", 2, FIRST(2), TAIL_SAMPLE, 1 },
    /* version, filter, count of fill values, four of them; per policy twice: operation, p, magnitude or -1 */
    [STEP_AUTO_AUGMENT] = { "auto_augment", POLICIES, 0, TAIL_ANY, 2 },
};

/* May the step follow to_tensor? */
static bool takes_floats(step_kind kind)
{
    switch (kind) {
    case STEP_HFLIP: case STEP_VFLIP: case STEP_CROP: case STEP_PAD: case STEP_NORMALIZE: case STEP_ERASE: return true;
    default: return false;
    }
}

static pc_status to_filter(double v, bool sampling, pc_filter *out)
{
    if (!(v >= 0 && v < PC_FILTER_COUNT) || v != floor(v))
        return pc_fail(PC_EVALUE, "Unknown resampling filter (%g).", v);
    *out = (pc_filter)v;
    if (sampling && *out != PC_NEAREST && *out != PC_BILINEAR && *out != PC_BICUBIC)
        return pc_fail(PC_EVALUE, "resampling filter %d cannot be used for rotations and affine maps; "
                                  "use nearest, bilinear or bicubic", (int)*out);
    return PC_OK;
}

static pc_status parse_tail(const struct row *row, const double *v, int n, step *s)
{
    pc_status status = PC_OK;
    switch (row->tail) {
    case TAIL_NONE:
        PC_CHECK(n == 0, PC_EVALUE, "%s: too many numbers", row->name);
        break;
    case TAIL_FILTER:
        PC_CHECK(n == 1, PC_EVALUE, "%s: a filter was expected", row->name);
        PC_TRY(to_filter(v[0], false, &s->filter));
        break;
    case TAIL_SAMPLE:
        PC_CHECK(n >= 6, PC_EVALUE, "%s: filter, expand, center and fill were expected", row->name);
        PC_TRY(to_filter(v[0], true, &s->filter));
        s->expand = v[1] != 0;
        s->has_center = v[2] != 0;
        s->center[0] = v[3];
        s->center[1] = v[4];
        v += 5;
        n -= 5;
        __attribute__((fallthrough));
    case TAIL_FILL:
        PC_CHECK(n <= 4 && (n >= 1 || s->kind == STEP_RANDOM_ERASING), PC_EVALUE,
                 "%s: 1 to 4 fill values were expected", row->name);
        s->nfill = n;
        for (int k = 0; k < n; k++) s->fill[k] = v[k];
        break;
    case TAIL_ANY:
        break;
    }
done:
    return status;
}

/* What parse_tail does not see: numbers that must be integers in a range, counts that belong together. */
static pc_status check_numbers(const step *s, const char *name, int steps_left)
{
    pc_status status = PC_OK;
    const double *v = s->v;
    for (int k = 0; k < s->n; k++) PC_CHECK(isfinite(v[k]), PC_EVALUE, "%s: number %d is not finite", name, k);
    for (int k = 0; k < s->nfill; k++) PC_CHECK(isfinite(s->fill[k]), PC_EVALUE, "%s: fill is not finite", name);
    PC_CHECK(isfinite(s->center[0]) && isfinite(s->center[1]), PC_EVALUE, "%s: center is not finite", name);
    for (int k = 0; k < rows[s->kind].numbers; k++)
        PC_CHECK(!(rows[s->kind].integers >> k & 1) || (v[k] == floor(v[k]) && fabs(v[k]) < 1 << 24), PC_EVALUE,
                 "%s: number %d must be an integer below 2^24, got %g", name, k, v[k]);
    switch (s->kind) {
    case STEP_PAD: PC_CHECK(v[4] >= 0 && v[4] <= 3, PC_EVALUE, "%s: unknown mode", name); break;
    case STEP_PAD_TO: PC_CHECK(v[2] >= 0 && v[2] <= 3, PC_EVALUE, "%s: unknown mode", name); break;
    case STEP_GREY: case STEP_TENSOR_GREY:
        PC_CHECK(v[0] == 0 || v[0] == 1 || v[0] == 3, PC_EVALUE, "num_output_channels should be either 1 or 3");
        break;
    case STEP_HUE: case STEP_TENSOR_HUE:
        PC_CHECK(fabs(v[0]) <= 0.5, PC_EVALUE, "hue_factor (%g) is not in [-0.5, 0.5].", v[0]);
        break;
    case STEP_COLOR_JITTER: {
        const factor_range *hue = (const factor_range *)v + 3;
        PC_CHECK(hue->used == 0 || (hue->range[0] >= -0.5 && hue->range[1] <= 0.5), PC_EVALUE,
                 "hue values should be between (-0.5, 0.5), but got [%g, %g].", hue->range[0], hue->range[1]);
        break;
    }
    case STEP_POSTERIZE: PC_CHECK(v[0] >= 1 && v[0] <= 8, PC_EVALUE, "bits must be between or equal to 1 and 8"); break;
    case STEP_TO_TENSOR:
        PC_CHECK(v[0] >= 0 && v[0] < PC_SCALING_COUNT, PC_EVALUE, "%s: unknown scaling", name);
        break;
    case STEP_CHANCE:
        PC_CHECK(v[0] >= 0 && v[0] <= 2 && v[2] >= 0 && v[2] <= steps_left, PC_EVALUE, "%s: bad comparison or count",
                 name);
        break;
    case STEP_NORMALIZE:
        PC_CHECK(s->n == 2 || s->n == 6, PC_EVALUE, "%s: 1 or 3 means and as many deviations were expected", name);
        for (int k = s->n / 2; k < s->n; k++)
            PC_CHECK((float)v[k] != 0, PC_EVALUE,
                     "std evaluated to zero after conversion to torch.float32, leading to division by zero.");
        break;
    case STEP_RAND_AUGMENT:
        PC_CHECK(v[0] >= 0 && v[0] <= 64, PC_EVALUE, "%s: num_ops must be between 0 and 64", name);
        PC_CHECK(v[2] >= 2 && v[1] >= -v[2] && v[1] < v[2], PC_EINDEX,
                 "index %d is out of bounds for dimension 0 with size %d", (int)v[1], (int)v[2]);
        break;
    case STEP_TRIVIAL_AUGMENT: PC_CHECK(v[0] >= 2, PC_EVALUE, "%s: at least 2 bins are needed", name); break;
    case STEP_AUTO_AUGMENT:
        PC_CHECK(s->n > POLICIES && (s->n - POLICIES) % 6 == 0, PC_EVALUE, "%s: bad policies", name);
        break;
    case STEP_RANDOM_AFFINE: {
        double n = ((const affine_ranges *)v)->shear_bounds;
        PC_CHECK(n == 0 || n == 2 || n == 4, PC_EVALUE, "%s: 0, 2 or 4 shear bounds were expected", name);
        break;
    }
    default: break;
    }
done:
    return status;
}

/* auto_augment states its sampling among its own numbers. */
static pc_status auto_augment_sampling(step *s)
{
    pc_status status = PC_OK;
    PC_TRY(to_filter(s->v[1], true, &s->filter));
    PC_CHECK(s->v[2] >= 1 && s->v[2] <= 4, PC_EVALUE, "auto_augment: 1 to 4 fill values were expected");
    s->nfill = (int)s->v[2];
    for (int k = 0; k < s->nfill; k++) s->fill[k] = s->v[3 + k];
    for (int k = POLICIES; k < s->n; k += 3)
        PC_CHECK(s->v[k] >= 0 && s->v[k] <= 14 && s->v[k + 2] >= -1 && s->v[k + 2] <= 9, PC_EVALUE,
                 "auto_augment: bad policy");
done:
    return status;
}

/* The table of a to_tensor, with the normalize that stands behind it, which must not be governed by a chance. */
static void build_table(step *s, const step *next, float (*table)[256])
{
    s->table = table;
    s->ntable = next != NULL ? next->n / 2 : 1;
    for (int k = 0; k < s->ntable; k++) {
        pc_float_table(table[k], (pc_scaling)s->v[0]);
        if (next != NULL) pc_normalize_table(table[k], (float)next->v[k], (float)next->v[next->n / 2 + k]);
    }
}

pc_status pc_pipeline_new(const pc_step *given, int count, pc_pipeline **out)
{
    pc_status status = PC_OK;
    pc_pipeline *p = NULL;
    size_t numbers = 0, tables = 0;
    for (int i = 0; i < count; i++) {
        numbers += (size_t)given[i].n;
        tables += strcmp(given[i].name, "to_tensor") == 0;
    }
    size_t head = (sizeof *p + 63) & ~(size_t)63, steps = (size_t)count * sizeof(step);
    p = pc_calloc(1, head + steps + numbers * sizeof(double) + tables * 3 * 256 * sizeof(float));
    PC_CHECK(p != NULL, PC_ENOMEM, "no memory for a transform of %d steps", count);
    p->steps = (step *)((char *)p + head);
    p->n = count;
    double *v = (double *)((char *)p->steps + steps);
    float(*table)[256] = (float(*)[256])(v + numbers);
    for (int i = 0; i < count; i++) {
        step *s = &p->steps[i];
        step_kind kind = 0;
        while (kind < STEP_KINDS && strcmp(rows[kind].name, given[i].name) != 0) kind++;
        PC_CHECK(kind < STEP_KINDS, PC_EVALUE, "unknown image step '%s'", given[i].name);
        const struct row *row = &rows[kind];
        PC_CHECK(given[i].n >= row->numbers, PC_EVALUE, "%s: at least %d numbers were expected, got %d", row->name,
                 row->numbers, given[i].n);
        s->kind = kind;
        s->v = v;
        s->n = row->tail == TAIL_ANY ? given[i].n : row->numbers;
        for (int k = 0; k < given[i].n; k++) v[k] = given[i].v[k];
        v += given[i].n;
        PC_TRY(parse_tail(row, s->v + row->numbers, given[i].n - row->numbers, s));
        PC_TRY(check_numbers(s, row->name, count - i - 1));
        if (s->kind == STEP_CHANCE) s->span = (int)s->v[2];
        if (s->kind == STEP_AUTO_AUGMENT) PC_TRY(auto_augment_sampling(s));
        p->max_drawn += row->entries == AS_FIRST_NUMBER ? (int)s->v[0] : row->entries;
        p->max_noise += s->kind == STEP_RANDOM_ERASING && s->nfill == 0;
    }
    int governed_until = 0;
    for (int i = 0; i < count; i++) {
        step *s = &p->steps[i];
        if (s->kind == STEP_CHANCE && i + 1 + s->span > governed_until) governed_until = i + 1 + s->span;
        if (s->kind != STEP_TO_TENSOR) continue;
        bool fuse = i + 1 < count && p->steps[i + 1].kind == STEP_NORMALIZE && i + 1 >= governed_until;
        build_table(s, fuse ? &p->steps[i + 1] : NULL, table);
        table += 3;
        if (fuse) p->steps[i + 1].span = -1; /* done by its predecessor */
    }
    *out = p;
    p = NULL;
done:
    pc_free(p);
    return status;
}

void pc_pipeline_free(pc_pipeline *p) { pc_free(p); }

/* ---- shapes --------------------------------------------------------------------------------------- */

pc_status check_extent(int64_t h, int64_t w)
{
    if (h < 1 || w < 1) return pc_fail(PC_EVALUE, "height and width must be > 0, got (%lld, %lld)", (long long)h,
                                       (long long)w);
    if (h >= 1 << 24 || w >= 1 << 24 || h * w > (int64_t)1 << 34)
        return pc_fail(PC_EVALUE, "an image of %lld x %lld pixels is too large", (long long)h, (long long)w);
    return PC_OK;
}

pc_status fill_bytes(const step *s, int c, uint8_t fill[4])
{
    if (s->nfill != 1 && s->nfill != c)
        return pc_fail(PC_EVALUE, "The number of elements in 'fill' does not match the number of channels of the "
                                  "image (%d != %d)", s->nfill, c);
    for (int k = 0; k < c && k < 4; k++) {
        double v = trunc(s->fill[s->nfill == 1 ? 0 : k]);
        fill[k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    return PC_OK;
}

static void grow(size_t *most, size_t v)
{
    if (v > *most) *most = v;
}

pc_status fixed_step(const step *s, step_kind kind, const double *v, pc_image_shape *shape, bool *is_float,
                     extent *need)
{
    pc_status status = PC_OK;
    int h = shape->h, w = shape->w, c = shape->c;
    int64_t oh = h, ow = w;
    uint8_t fill[4];
    PC_CHECK(*is_float ? takes_floats(kind) : kind != STEP_NORMALIZE && kind != STEP_ERASE, PC_ETYPE,
             *is_float ? "%s must come before ToTensor" : "%s must come after ToTensor", rows[kind].name);
    switch (kind) {
    case STEP_CROP: oh = (int64_t)v[2], ow = (int64_t)v[3]; break;
    case STEP_PAD:
        oh += (int64_t)(v[1] + v[3]);
        ow += (int64_t)(v[0] + v[2]);
        if (v[4] == PC_PAD_CONSTANT)
            PC_TRY(fill_bytes(s, c, fill));
        else /* what is left after negative sides were cut */
            PC_TRY(check_extent(h + (int64_t)(fmin(v[1], 0) + fmin(v[3], 0)),
                                w + (int64_t)(fmin(v[0], 0) + fmin(v[2], 0))));
        PC_CHECK(!*is_float || (v[4] == PC_PAD_CONSTANT && s->nfill == 1), PC_ENOTIMPL,
                 "pad after ToTensor takes one constant");
        break;
    case STEP_RESIZE:
        oh = (int64_t)v[0], ow = (int64_t)v[1];
        PC_TRY(check_extent(oh, ow));
        grow(&need->work, resize_work(h, w, c, (int)oh, (int)ow, s->filter));
        break;
    case STEP_ROTATE:
        PC_TRY(fill_bytes(s, c, fill));
        if (s->expand) {
            int quarters = pc_rotate_quarters(h, w, v[0], true, s->has_center ? s->center : NULL), rh, rw;
            double m[6];
            pc_rotate_matrix(h, w, v[0], true, s->has_center ? s->center : NULL, m, &rh, &rw);
            oh = quarters < 0 ? rh : quarters % 2 ? w : h;
            ow = quarters < 0 ? rw : quarters % 2 ? h : w;
        }
        break;
    case STEP_AFFINE: PC_TRY(fill_bytes(s, c, fill)); break;
    case STEP_GREY: case STEP_TENSOR_GREY: shape->c = v[0] == 0 ? c : (int)v[0]; break;
    case STEP_TO_TENSOR:
        PC_CHECK(s->ntable == 1 || s->ntable == c, PC_ESHAPE,
                 "output with shape [%d, %d, %d] doesn't match the broadcast shape [%d, %d, %d]", c, h, w, s->ntable, h,
                 w);
        *is_float = true;
        break;
    case STEP_NORMALIZE:
        PC_CHECK(s->n / 2 == 1 || s->n / 2 == c, PC_ESHAPE,
                 "output with shape [%d, %d, %d] doesn't match the broadcast shape [%d, %d, %d]", c, h, w, s->n / 2, h,
                 w);
        break;
    default: break;
    }
    PC_TRY(check_extent(oh, ow));
    shape->h = (int)oh;
    shape->w = (int)ow;
    size_t pixels = (size_t)oh * (size_t)ow, before = (size_t)h * (size_t)w;
    grow(&need->image, (pixels > before ? pixels : before) * (size_t)(c > shape->c ? c : shape->c));
    if (*is_float && kind != STEP_TO_TENSOR) grow(&need->floats, (pixels > before ? pixels : before) * (size_t)c);
done:
    return status;
}

pc_status settle_step(const step *s, pc_image_shape shape, drawn *out, int *n)
{
    pc_status status = PC_OK;
    *n = 1;
    switch (s->kind) {
    case STEP_CENTER_CROP: {
        /* torchvision pads with zeros what is too small, (missing + 1) / 2 of it right and below, then crops: one
           window with zeros outside. */
        int h = (int)s->v[0], w = (int)s->v[1];
        int64_t dh = h > shape.h ? h - shape.h : 0, dw = w > shape.w ? w - shape.w : 0;
        out->kind = STEP_CROP;
        out->n = 4;
        out->v[0] = rint((shape.h + dh - h) / 2.0) - dh / 2;
        out->v[1] = rint((shape.w + dw - w) / 2.0) - dw / 2;
        out->v[2] = h;
        out->v[3] = w;
        break;
    }
    case STEP_PAD_TO: { /* RandomCrop(pad_if_needed): the missing pixels on both sides */
        double dh = fmax(s->v[0] - shape.h, 0), dw = fmax(s->v[1] - shape.w, 0);
        *n = dh > 0 || dw > 0;
        out->kind = STEP_PAD;
        out->n = 5;
        out->v[0] = out->v[2] = dw;
        out->v[1] = out->v[3] = dh;
        out->v[4] = s->v[2];
        break;
    }
    case STEP_RESIZE_SHORTER: {
        int64_t oh, ow;
        PC_CHECK(s->v[1] == 0 || s->v[1] > s->v[0], PC_EVALUE,
                 "max_size = %d must be strictly greater than the requested size for the smaller edge size = %d",
                 (int)s->v[1], (int)s->v[0]);
        pc_resize_shorter(shape.h, shape.w, (int64_t)s->v[0], (int64_t)s->v[1], &oh, &ow);
        PC_TRY(check_extent(oh, ow));
        out->kind = STEP_RESIZE;
        out->n = 2;
        out->v[0] = (double)oh;
        out->v[1] = (double)ow;
        break;
    }
    case STEP_RGB:
        *n = shape.c == 1;
        out->kind = STEP_GREY;
        out->n = 1;
        out->v[0] = 3;
        break;
    default:
        out->kind = s->kind;
        out->n = s->kind == STEP_NORMALIZE ? 0 : s->n;
        for (int k = 0; k < out->n; k++) out->v[k] = s->v[k];
        break;
    }
done:
    return status;
}

static size_t aligned(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

static size_t extent_bytes(const extent *need)
{
    return 2 * aligned(need->image) + aligned(need->work) + 2 * aligned(need->floats * sizeof(float)) +
           aligned(need->noise * sizeof(float)) + 64;
}

/* Shape after steps [begin, end) when nothing depends on chance. */
static pc_status walk(const pc_pipeline *p, int begin, int end, pc_image_shape *shape, bool *is_float, extent *need)
{
    pc_status status = PC_OK;
    for (int i = begin; i < end; i++) {
        const step *s = &p->steps[i];
        drawn d = { 0 };
        int n = 1;
        switch (s->kind) {
        case STEP_CHANCE: {
            pc_image_shape before = *shape;
            bool before_float = *is_float;
            PC_TRY(walk(p, i + 1, i + 1 + s->span, shape, is_float, need));
            PC_CHECK(shape->h == before.h && shape->w == before.w && shape->c == before.c && *is_float == before_float,
                     PC_EVALUE, "the size of the result depends on chance");
            i += s->span;
            continue;
        }
        case STEP_RANDOM_CROP:
            PC_CHECK(s->v[0] <= shape->h && s->v[1] <= shape->w, PC_EVALUE,
                     "Required crop size (%d, %d) is larger than input image size (%d, %d)", (int)s->v[0], (int)s->v[1],
                     shape->h, shape->w);
            d.kind = STEP_CROP;
            d.v[2] = s->v[0];
            d.v[3] = s->v[1];
            break;
        case STEP_RANDOM_RESIZED_CROP:
            d.kind = STEP_RESIZE;
            d.v[0] = s->v[0];
            d.v[1] = s->v[1];
            break;
        case STEP_RANDOM_ROTATION:
            PC_CHECK(!s->expand || s->v[0] == s->v[1], PC_EVALUE, "the size of the result depends on chance");
            d.kind = STEP_ROTATE;
            d.v[0] = s->v[0];
            break;
        case STEP_COLOR_JITTER: d.kind = STEP_BRIGHTNESS; break;
        case STEP_RANDOM_AFFINE: case STEP_RAND_AUGMENT: case STEP_TRIVIAL_AUGMENT: case STEP_AUTO_AUGMENT:
            d.kind = STEP_AFFINE;
            break;
        case STEP_RANDOM_ERASING:
            d.kind = STEP_ERASE;
            if (s->nfill == 0) grow(&need->noise, (size_t)shape->h * shape->w * shape->c);
            break;
        default: PC_TRY(settle_step(s, *shape, &d, &n)); break;
        }
        if (n > 0) PC_TRY(fixed_step(s, d.kind, d.v, shape, is_float, need));
    }
done:
    return status;
}

pc_status check_input(pc_image_shape in)
{
    if (in.c != 1 && in.c != 3)
        return pc_fail(PC_EVALUE, "images of %d channels are not supported here, only 1 and 3", in.c);
    return check_extent(in.h, in.w);
}

pc_status pc_pipeline_output(const pc_pipeline *p, pc_image_shape in, pc_image_shape *out, bool *is_float)
{
    pc_status status = PC_OK;
    extent need = { 0 };
    pc_image_shape shape = in;
    bool floats = false;
    PC_TRY(check_input(in));
    PC_TRY(walk(p, 0, p->n, &shape, &floats, &need));
    *out = shape;
    *is_float = floats;
done:
    return status;
}

size_t pc_pipeline_scratch_bytes(const pc_pipeline *p, pc_image_shape in)
{
    extent need = { .image = (size_t)in.h * (size_t)in.w * (size_t)in.c };
    bool floats = false;
    if (check_input(in) != PC_OK || walk(p, 0, p->n, &in, &floats, &need) != PC_OK) return 0;
    return extent_bytes(&need);
}

size_t pc_pipeline_plan_bytes(const pc_pipeline *p)
{
    return aligned(sizeof(plan)) + (size_t)p->max_drawn * sizeof(drawn) + (size_t)p->max_noise * sizeof(snapshot);
}

/* ---- reading a plan ------------------------------------------------------------------------------- */

void pc_plan_output(const void *given, pc_image_shape *out, bool *is_float)
{
    const plan *pl = given;
    *out = pl->out;
    *is_float = pl->is_float;
}

size_t pc_plan_scratch_bytes(const void *given)
{
    return extent_bytes(&((const plan *)given)->need);
}

int pc_plan_count(const void *given)
{
    return ((const plan *)given)->n;
}

const char *pc_plan_step(const void *given, int index, int *n, double *v)
{
    const drawn *d = &plan_entries(given)[index];
    const step *s = &((const plan *)given)->p->steps[d->step];
    const struct row *row = &rows[d->kind];
    int count = d->n;
    memcpy(v, d->v, (size_t)count * sizeof *v);
    if (d->kind == STEP_NORMALIZE) {
        memcpy(v, s->v, (size_t)s->n * sizeof *v);
        count = s->n;
    }
    if (row->tail == TAIL_FILTER || row->tail == TAIL_SAMPLE) v[count++] = s->filter;
    if (row->tail == TAIL_SAMPLE) {
        v[count++] = s->expand;
        v[count++] = s->has_center;
        v[count++] = s->center[0];
        v[count++] = s->center[1];
    }
    if (row->tail == TAIL_SAMPLE || row->tail == TAIL_FILL)
        for (int k = 0; k < s->nfill; k++) v[count++] = s->fill[k];
    *n = count;
    return row->name;
}
