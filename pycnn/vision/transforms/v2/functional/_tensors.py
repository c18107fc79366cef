"""What differs on Tensors from pycnn.vision.transforms.functional: torchvision's second version rounds elsewhere."""

from pycnn import _C
from pycnn._from_data import tensor
from pycnn.nn import functional as NF
from pycnn.vision.transforms import _tensors as v1

_fn = _C.fn
_BITS = {_C.uint8: 8, _C.int8: 7, _C.int16: 15, _C.int32: 31, _C.int64: 63}


def _largest(dtype):
    return 1.0 if dtype.is_floating_point else float((1 << _BITS[dtype]) - 1)


def to_dtype(image, dtype, scale):
    """Convert, and scale to the range of the dtype where asked to."""
    if image.dtype is dtype:
        return image
    if not scale or (image.is_floating_point() and dtype.is_floating_point):
        return image.to(dtype)
    if image.is_floating_point():
        if (image.dtype, dtype) in ((_C.float32, _C.int32), (_C.float32, _C.int64), (_C.float64, _C.int64)):
            raise RuntimeError(f"The conversion from {image.dtype} to {dtype} cannot be performed safely.")
        return image.mul(_largest(dtype) + 1.0 - 1e-3).to(dtype)
    if dtype.is_floating_point:
        return image.to(dtype).mul_(1.0 / _largest(image.dtype))
    shift = _BITS[dtype] - _BITS[image.dtype]
    if shift < 0:
        return image.div(1 << -shift, rounding_mode="floor").to(dtype)
    return image.to(dtype).mul_(1 << shift)


def grey(image, channels, whole=True):
    """Of one or three channels; whole: in the image's dtype."""
    if image.shape[-3] == 1:
        return image.clone() if channels == 1 else image.repeat_interleave(3, -3)
    r, g, b = image.unbind(-3)
    mixed = r.mul(0.2989).add_(g, alpha=0.587).add_(b, alpha=0.114).unsqueeze(-3)
    mixed = mixed.to(image.dtype) if whole else mixed
    return mixed.expand(image.shape) if channels == 3 else mixed


def _blend(image, other, ratio):
    return image.mul(ratio).add_(other, alpha=1.0 - ratio).clamp_(0, _largest(image.dtype)).to(image.dtype)


def _checked(image, factor, name):
    if factor < 0:
        raise ValueError(f"{name}_factor ({factor}) is not non-negative.")
    if image.shape[-3] not in (1, 3):
        raise TypeError(f"Input image tensor permitted channel values are 1 or 3, but found {image.shape[-3]}")
    return float(factor)


def _floor_grey(image):
    mixed = grey(image, 1, whole=False)
    return mixed if image.is_floating_point() else mixed.floor_()


def brightness(image, factor):
    """Multiply brightness."""
    factor = _checked(image, factor, "brightness")
    return image.mul(factor).clamp_(0, _largest(image.dtype)).to(image.dtype)


def contrast(image, factor):
    """Move all values away from the mean grey."""
    factor = _checked(image, factor, "contrast")
    mixed = _floor_grey(image) if image.shape[-3] == 3 else image
    if image.is_floating_point():
        return _blend(image, mixed.mean((-3, -2, -1), keepdim=True), factor)
    total = mixed.sum((-3, -2, -1), keepdim=True, dtype=_C.float64).float()  # exact, as of the C steps
    return _blend(image, total / (image.shape[-2] * image.shape[-1]), factor)


def saturation(image, factor):
    """Move all values away from their grey."""
    factor = _checked(image, factor, "saturation")
    return image if image.shape[-3] == 1 else _blend(image, _floor_grey(image), factor)


def hue(image, factor):
    """Shift the hues around their circle."""
    if image.shape[-3] == 1 or image.numel() == 0:
        return image
    x = to_dtype(image, _C.float32, True)
    low, high = x.amin(-3), x.amax(-3)
    r, g, _ = x.unbind(-3)
    flat, ones, span = high == low, _fn.ones_like(high), high - low
    s = span / _fn.where(flat, ones, high)
    rc, gc, bc = ((high.unsqueeze(-3) - x) / _fn.where(flat, ones, span).unsqueeze(-3)).unbind(-3)
    not_red, green = high != r, high == g
    h = (bc - gc) * not_red.logical_not() + (rc + 2.0 - bc) * green.logical_and(not_red)
    h = h + (gc + 4.0 - rc) * not_red.logical_and(green.logical_not())
    h = (h.mul(1.0 / 6.0).add(1.0).fmod(1.0) + factor).remainder(1.0)
    h6 = h.mul(6)
    sector = h6.floor()
    f, sector = h6 - sector, sector.to(_C.int32).remainder(6)
    q, t, p = (v.mul(high).clamp(0.0, 1.0) for v in (1.0 - s * f, s * f + (1.0 - s), 1.0 - s))
    table = _fn.stack((high, p, q, t), -3)
    select = tensor([[0, 2, 1, 1, 3, 0], [3, 0, 0, 2, 1, 1], [1, 1, 3, 0, 0, 2]])[:, sector.long()].movedim(0, -3)
    return to_dtype(table.gather(-3, select), image.dtype, True)


def sharpness(image, factor):
    """Move all values away from a smoothed image."""
    c, h, w = image.shape[-3:]
    if c not in (1, 3):
        raise TypeError(f"Input image tensor can have 1 or 3 channels, but found {c}")
    if factor < 0:
        raise ValueError(f"sharpness_factor ({factor}) is not non-negative.")
    if image.numel() == 0 or h <= 2 or w <= 2:
        return image
    x = image.reshape(-1, c, h, w).to(image.dtype if image.is_floating_point() else _C.float32)
    a, b = 1.0 / 13.0, 5.0 / 13.0
    kernel = tensor([[a, a, a], [a, b, a], [a, a, a]], dtype=x.dtype).expand(c, 1, 3, 3).contiguous()
    smooth, output = NF.conv2d(x, kernel, groups=c), x.clone()
    smooth = smooth if image.is_floating_point() else smooth.round()
    inner = output[..., 1:-1, 1:-1]
    inner.add_(smooth.sub_(inner), alpha=1.0 - factor)
    return output.clamp_(0, _largest(image.dtype)).to(image.dtype).reshape(image.shape)


def gamma(image, exponent, gain):
    """Apply a power law."""
    if exponent < 0:
        raise ValueError("Gamma should be a non-negative real number")
    x = (image if image.is_floating_point() else to_dtype(image, _C.float32, True)).pow(exponent)
    return to_dtype((x.mul(gain) if gain != 1.0 else x).clamp(0.0, 1.0), image.dtype, True)


def posterize(image, bits):
    """Keep the first bits."""
    if image.is_floating_point():
        levels = 1 << bits
        return image.mul(levels).floor_().clamp_(0, levels - 1).mul_(1.0 / levels)
    whole = _BITS[image.dtype]
    return image if bits >= whole else image.bitwise_and(((1 << bits) - 1) << (whole - bits))


def autocontrast(image):
    """Stretch each channel to the full range."""
    bound = _largest(image.dtype)
    x = image if image.is_floating_point() else image.float()
    low, high = x.amin((-2, -1), keepdim=True), x.amax((-2, -1), keepdim=True)
    flat = high == low
    scale = high.sub(low).mul(1.0 / bound).masked_fill(flat, 1.0)
    return x.sub(low.masked_fill(flat, 0.0)).div_(scale).clamp_(0, bound).to(image.dtype)


def equalize(image):
    """Spread each channel's values evenly."""
    if image.numel() == 0:
        return image
    return to_dtype(v1.apply_tensor(("equalize",), to_dtype(image, _C.uint8, True)), image.dtype, True)


def invert(image):
    """Turn values into their complements."""
    return 1.0 - image if image.is_floating_point() else int(_largest(image.dtype)) - image


def resize(image, h, w, mode, antialias):
    """Resize; bytes in 16-bit weights, as torch does it."""
    if (h, w) == tuple(image.shape[-2:]):
        return image
    if image.dtype is not _C.uint8 or mode not in ("bilinear", "bicubic") or not antialias:
        return v1.resize(image, h, w, mode, antialias)
    x = image.reshape(-1, *image.shape[-3:])
    return NF.interpolate(x, [h, w], mode=mode, align_corners=False, antialias=True).reshape(*image.shape[:-2], h, w)


def gaussian_noise(image, mean, sigma, clip):
    """Add normal noise."""
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if image.is_floating_point():
        noisy = image + (mean + _fn.randn_like(image) * sigma)
        return noisy.clamp(0, 1) if clip else noisy
    if image.dtype is not _C.uint8:
        raise ValueError(f"Input tensor is expected to be in uint8 or float dtype, got dtype={image.dtype}")
    noise = ((mean * 255) + _fn.randn_like(image, dtype=_C.float32) * (sigma * 255)).to(_C.int16)
    noisy = image + noise
    return (noisy.clamp(0, 255) if clip else noisy).to(_C.uint8)
