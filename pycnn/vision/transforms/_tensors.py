"""What steps do to Tensors: torchvision's arithmetic on them, by pycnn's operators.

It is not Pillow's: results on a Tensor and on a picture differ by a rounding here and there, as they do in torchvision.
"""

from pycnn import _C
from pycnn._from_data import tensor
from pycnn.nn import functional as NF

_fn = _C.fn
_MODES = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


# ---- windows and simple colours

def _window(img, top, left, h, w):
    """The window of the last two dimensions, zero outside."""
    top, left, h, w = int(top), int(left), int(h), int(w)
    height, width = img.shape[-2:]
    y0, y1, x0, x1 = max(top, 0), min(top + h, height), max(left, 0), min(left + w, width)
    if (y0, x0, y1, x1) == (top, left, top + h, left + w):
        return img[..., y0:y1, x0:x1]
    out = img.new_zeros((*img.shape[:-2], h, w))
    if y1 > y0 and x1 > x0:
        out[..., y0 - top:y1 - top, x0 - left:x1 - left] = img[..., y0:y1, x0:x1]
    return out


def _mirrored(n, before, after, mode):
    """Where each index of a padded axis of length n reads."""
    period = 2 * (n - 1) if mode == 2 else 2 * n
    for i in range(-before, n + after):
        if mode == 1 or n == 1:
            yield min(max(i, 0), n - 1)
        else:
            i %= period
            yield i if i < n else (period - i if mode == 2 else period - 1 - i)


def _tensor_pad(img, left, top, right, bottom, mode, *fill):
    left, top, right, bottom = int(left), int(top), int(right), int(bottom)
    h, w = img.shape[-2:]
    if mode == 0:
        if len(fill) != 1:
            raise TypeError("Got inappropriate fill arg")
        out = img.new_full((*img.shape[:-2], h + top + bottom, w + left + right), fill[0])
        inner = _window(img, max(-top, 0), max(-left, 0), h + min(top, 0) + min(bottom, 0),
                        w + min(left, 0) + min(right, 0))
        out[..., max(top, 0):max(top, 0) + inner.shape[-2], max(left, 0):max(left, 0) + inner.shape[-1]] = inner
        return out
    img = _window(img, max(-top, 0), max(-left, 0), h + min(top, 0) + min(bottom, 0), w + min(left, 0) + min(right, 0))
    rows = tensor(list(_mirrored(img.shape[-2], max(top, 0), max(bottom, 0), mode)))
    columns = tensor(list(_mirrored(img.shape[-1], max(left, 0), max(right, 0), mode)))
    return img.index_select(-2, rows).index_select(-1, columns)


def _channels(img, permitted):
    c = 1 if img.ndim == 2 else img.shape[-3]
    if c not in permitted:
        raise TypeError(f"Input image tensor permitted channel values are {permitted}, but found {c}")
    return c


def _bound(img):
    return 1.0 if img.is_floating_point() else 255.0


def _blend(img, other, ratio):
    return (ratio * img + (1.0 - ratio) * other).clamp(0, _bound(img)).to(img.dtype)


def _tensor_grey(img, channels):
    if img.ndim < 3:
        raise TypeError(f"Input image tensor should have at least 3 dimensions, but found {img.ndim}")
    if _channels(img, [1, 3]) == 3:
        r, g, b = img.unbind(-3)
        grey = (0.2989 * r + 0.587 * g + 0.114 * b).to(img.dtype).unsqueeze(-3)
    else:
        grey = img.clone()
    return grey.expand(img.shape) if channels == 3 or (channels == 0 and img.shape[-3] == 3) else grey


def _tensor_contrast(img, factor):
    grey = _tensor_grey(img, 1) if _channels(img, [3, 1]) == 3 else img
    mean = (grey if img.is_floating_point() else grey.float()).mean((-3, -2, -1), keepdim=True)
    return _blend(img, mean, factor)


def _tensor_brightness(img, factor):
    _channels(img, [1, 3])
    return _blend(img, img.new_zeros(img.shape), factor)


def _tensor_saturation(img, factor):
    return img if _channels(img, [1, 3]) == 1 else _blend(img, _tensor_grey(img, 1), factor)


def _tensor_invert(img):
    _channels(img, [1, 3])
    return (1 if img.is_floating_point() else 255) - img


# ---- through float images [N, C, H, W]

def _in_floats(img, change):
    """change(img as a batch of floats), rounded to the dtype and shape of `img`."""
    batch = img if img.ndim >= 4 else img[(None,) * (4 - img.ndim)]
    result = change(batch if img.is_floating_point() else batch.float())
    if img.ndim < 4:
        result = result.reshape(*img.shape[:-2], *result.shape[-2:])
    return result if img.is_floating_point() else result.round().to(img.dtype)


def resize(img, h, w, mode="bilinear", antialias=True):
    """Resize a Tensor to h x w."""
    smooth = mode in ("bilinear", "bicubic")

    def change(x):
        x = NF.interpolate(x, [h, w], mode=mode, align_corners=False if smooth else None, antialias=antialias
                           and smooth)
        return x.clamp(0, 255) if mode == "bicubic" and img.dtype is _C.uint8 else x
    return _in_floats(img, change)


def gaussian_blur(img, kernel_size, sigma):
    """Blur a Tensor; sizes and deviations are (x, y)."""
    weights = []
    for k, s in zip(kernel_size, sigma):
        x = _fn.linspace(-(k - 1) * 0.5, (k - 1) * 0.5, k, dtype=img.dtype if img.is_floating_point() else _C.float32)
        pdf = (-0.5 * (x / s).pow(2)).exp()
        weights.append(pdf / pdf.sum())

    def change(x):
        kernel = (weights[1][:, None] * weights[0][None, :]).expand(x.shape[1], 1, kernel_size[1], kernel_size[0])
        x = NF.pad(x, [kernel_size[0] // 2] * 2 + [kernel_size[1] // 2] * 2, "reflect")
        return NF.conv2d(x, kernel.contiguous(), groups=x.shape[1])
    return _in_floats(img, change)


def _sharpness(img, factor):
    _channels(img, [1, 3])
    if min(img.shape[-2:]) <= 2:
        return img
    kernel = tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]],
                    dtype=img.dtype if img.is_floating_point() else _C.float32) / 13

    smooth = _in_floats(img, lambda x: NF.conv2d(x, kernel.expand(x.shape[1], 1, 3, 3).contiguous(), groups=x.shape[1]))
    other = img.clone()
    other[..., 1:-1, 1:-1] = smooth
    return _blend(img, other, factor)


# ---- other places

def _read_at(img, grid, mode, fill):
    """The image at the places of a grid; `fill` outside, None: black."""
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"Interpolation mode '{mode}' is unsupported with Tensor input")
    channels = 1 if img.ndim == 2 else img.shape[-3]
    if fill is not None and len(fill) not in (1, channels):
        raise ValueError("The number of elements in 'fill' cannot broadcast to match the number of channels of the "
                         f"image ({len(fill)} != {channels})")

    def change(x):
        places = grid.to(x.dtype).expand(x.shape[0], *grid.shape[1:])
        if fill is None:
            return NF.grid_sample(x, places, mode=mode, padding_mode="zeros", align_corners=False)
        x = NF.grid_sample(_fn.cat([x, _fn.ones_like(x[:, :1])], 1), places, mode=mode, padding_mode="zeros",
                           align_corners=False)
        x, mask = x[:, :-1], x[:, -1:]
        outside = tensor(list(fill), dtype=x.dtype)[:, None, None].expand(x.shape)
        return _fn.where(mask < 0.5, outside, x) if mode == "nearest" else x * mask + (1.0 - mask) * outside
    return _in_floats(img, change)


def _base(w, h, first_x, first_y, dtype):
    x, y = (_fn.linspace(first, first + n - 1, n, dtype=dtype) for first, n in ((first_x, w), (first_y, h)))
    return _fn.stack([x.expand(h, w), y[:, None].expand(h, w), _fn.ones((h, w), dtype=dtype)], -1).view(1, h * w, 3)


def _dtype(img):
    return img.dtype if img.is_floating_point() else _C.float32


def warp(img, matrix, mode, fill, expand=False):
    """An affine map, given as its inverse about the middle: six numbers."""
    h, w = img.shape[-2:]
    ow, oh = _expanded(matrix, w, h) if expand else (w, h)
    theta = tensor(matrix, dtype=_dtype(img)).view(1, 2, 3)
    theta = theta.transpose(1, 2) / tensor([0.5 * w, 0.5 * h], dtype=theta.dtype)
    grid = _fn.bmm(_base(ow, oh, -ow * 0.5 + 0.5, -oh * 0.5 + 0.5, theta.dtype), theta).view(1, oh, ow, 2)
    return _read_at(img, grid, mode, fill)


def _expanded(matrix, w, h):
    """Width and height that hold all of the result."""
    corners = tensor([[-0.5 * w, -0.5 * h, 1.0], [-0.5 * w, 0.5 * h, 1.0], [0.5 * w, 0.5 * h, 1.0],
                      [0.5 * w, -0.5 * h, 1.0]])
    places = _fn.matmul(corners, tensor(matrix).view(2, 3).t()) + tensor([w * 0.5, h * 0.5])
    low, high = ((v / 1e-4).trunc() * 1e-4 for v in (places.amin(0), places.amax(0)))  # no ceiling of 1e-15
    return tuple(int(v) for v in (high.ceil() - low.floor()).tolist())


def perspective(img, coefficients, mode, fill):
    """A perspective map, given by the eight numbers of its inverse."""
    h, w = img.shape[-2:]
    a, b = (tensor(rows, dtype=_dtype(img)).t()[None] for rows in ([coefficients[:3], coefficients[3:6]],
                                                                  [[*coefficients[6:], 1.0]] * 2))
    base = _base(w, h, 0.5, 0.5, a.dtype)
    grid = _fn.bmm(base, a / tensor([0.5 * w, 0.5 * h], dtype=a.dtype)) / _fn.bmm(base, b) - 1.0
    return _read_at(img, grid.view(1, h, w, 2), mode, fill)


def displaced(img, displacement, mode, fill):
    """Every pixel from where a grid of displacements says, in parts of half the image."""
    h, w = img.shape[-2:]
    if h == 0 or w == 0:
        raise ValueError(f"elastic_transform: an image of {h} x {w} pixels has nothing to displace")
    y, x = (_fn.linspace((1 - n) / n, (n - 1) / n, n) for n in (h, w))
    return _read_at(img, _fn.stack([x.expand(h, w), y[:, None].expand(h, w)], -1)[None] + displacement, mode, fill)


def _middle(img, center):
    h, w = img.shape[-2:]
    return (0.0, 0.0) if center is None else (center[0] - w * 0.5, center[1] - h * 0.5)


def rotate(img, angle, mode, expand, center, fill):
    """Turn counterclockwise by degrees."""
    return warp(img, _C.affine_matrix(1, -angle, 0.0, 0.0, 1.0, 0.0, 0.0, *_middle(img, center)), mode, fill, expand)


def affine(img, version, angle, translate, scale, shear, mode, center, fill):
    """Turn clockwise, shift, scale and shear."""
    return warp(img, _C.affine_matrix(version, angle, *translate, scale, *shear, *_middle(img, center)), mode, fill)


def _sampling(filter, expand, has_center, x, y, *fill):
    """Of steps, which know no fill of None: black outside is what it means."""
    return _MODES[int(filter)], bool(expand), (x, y) if has_center else None, fill if any(fill) else None


def _rotate_step(img, angle, *sampling):
    return rotate(img, angle, *_sampling(*sampling))


def _affine_step(img, angle, tx, ty, scale, shear_x, shear_y, origin, version, *sampling):
    mode, _, center, fill = _sampling(*sampling)
    return affine(img, int(version), angle, (tx, ty), scale, (shear_x, shear_y), mode, (0.0, 0.0) if origin else center,
                  fill)


# ---- colours

def _to_floats(img):
    return img if img.is_floating_point() else img.float() / 255.0


def _from_floats(x, img):
    """Back to the dtype of `img`, as convert_image_dtype does it."""
    return x.to(img.dtype) if img.is_floating_point() else (x * (256.0 - 1e-3)).to(img.dtype)


def _hue(img, shift):
    if _channels(img, [1, 3]) == 1:
        return img
    x = _to_floats(img)
    r, g, b = x.unbind(-3)
    high, low = x.amax(-3), x.amin(-3)
    span, grey = high - low, high == low
    ones = _fn.ones_like(high)
    s = span / _fn.where(grey, ones, high)
    rc, gc, bc = ((high - v) / _fn.where(grey, ones, span) for v in (r, g, b))
    red, green = high == r, (high == g).logical_and(high != r)
    blue = (high != g).logical_and(high != r)
    h = red.to(x.dtype) * (bc - gc) + green.to(x.dtype) * (2.0 + rc - bc) + blue.to(x.dtype) * (4.0 + gc - rc)
    h = ((h / 6.0 + 1.0).fmod(1.0) + shift) % 1.0
    sector = (h * 6.0).floor()
    f, sector = h * 6.0 - sector, sector.to(_C.int32) % 6
    p, q, t = ((high * (1.0 - v)).clamp(0.0, 1.0) for v in (s, s * f, s * (1.0 - f)))
    planes = []
    for choices in ((high, q, p, p, t, high), (t, high, high, q, p, p), (p, p, t, high, high, q)):
        plane = choices[5]
        for k in range(5):
            plane = _fn.where(sector == k, choices[k], plane)
        planes.append(plane)
    return _from_floats(_fn.stack(planes, -3), img)


def _gamma(img, gamma, gain):
    _channels(img, [1, 3])
    return _from_floats((gain * _to_floats(img).pow(gamma)).clamp(0, 1), img)


def _bytes_alone(img):
    if img.dtype is not _C.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    _channels(img, [1, 3])


def _posterize(img, bits):
    _bytes_alone(img)
    return img.bitwise_and(256 - (1 << (8 - int(bits))))


def _solarize(img, threshold):
    _channels(img, [1, 3])
    if threshold > _bound(img):
        raise TypeError("Threshold should be less than bound of img.")
    return _fn.where(img >= threshold, _tensor_invert(img), img)


def _autocontrast(img):
    _channels(img, [1, 3])
    x = img if img.is_floating_point() else img.float()
    low, high = x.amin((-2, -1), keepdim=True), x.amax((-2, -1), keepdim=True)
    flat = high == low
    scale = _fn.where(flat, _fn.ones_like(low), _bound(img) / _fn.where(flat, _fn.ones_like(low), high - low))
    return ((x - _fn.where(flat, _fn.zeros_like(low), low)) * scale).clamp(0, _bound(img)).to(img.dtype)


def _equalize_channel(x):
    counts = x.reshape(-1).bincount(minlength=256)
    used = counts[counts != 0]
    step = int(used[:-1].sum()) // 255
    if step == 0:
        return x
    table = (counts.cumsum(0) + step // 2).div(step, rounding_mode="floor")
    return NF.pad(table, [1, 0])[:-1].clamp(0, 255).to(_C.uint8)[x.long()]


def _equalize(img):
    _bytes_alone(img)
    planes = img.reshape(-1, *img.shape[-2:])
    return _fn.stack([_equalize_channel(x) for x in planes]).view(img.shape)


_TENSOR = {
    "hflip": lambda img: img.flip(-1),
    "vflip": lambda img: img.flip(-2),
    "crop": _window,
    "pad": _tensor_pad,
    "grey": _tensor_grey,
    "brightness": _tensor_brightness,
    "contrast": _tensor_contrast,
    "saturation": _tensor_saturation,
    "invert": _tensor_invert,
    "resize": lambda img, h, w, filter: resize(img, int(h), int(w), _MODES[int(filter)]),
    "rotate": _rotate_step,
    "affine": _affine_step,
    "sharpness": _sharpness,
    "hue": _hue,
    "gamma": _gamma,
    "posterize": _posterize,
    "solarize": _solarize,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
}


def apply_tensor(step, img):
    """Apply one fixed step by pycnn's operators."""
    return _TENSOR[step[0]](img, *step[1:])
