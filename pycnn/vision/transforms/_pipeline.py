"""Trees of transforms as one C pipeline.

`compile` serves the loader, which asks whether a data set's transform can run without Python; `run_all` serves
Compose, which runs neighbours in one pass where it can.
"""

from pycnn import _C
from pycnn._default_dtype import get_default_dtype
from pycnn.vision.transforms import _images

# What an image is between two transforms.
PICTURE, BYTES, FLOATS = "picture", "uint8 tensor", "float tensor"


def replaced(transform, name):
    """Return True if a subclass, or the object itself, has its own `name`."""
    if name in vars(transform):
        return True
    for cls in type(transform).__mro__:
        if name in vars(cls):
            return not cls.__module__.startswith("pycnn.vision.transforms.")
    return False


# Where the classes are whose steps say all that they do.
_STATED = {f"pycnn.vision.transforms.{name}"
           for name in ("_colour", "_composition", "_conversion", "_geometry", "autoaugment")}


def _is_ours(transform):
    """True if calling the object does what its class in this package says, and nothing else."""
    if type(transform).__module__ not in _STATED:
        return False
    own = vars(transform)
    return not ("forward" in own or own.get("_forward_hooks") or own.get("_forward_pre_hooks"))


def _normalize_steps(t):
    mean, std = ([float(v) for v in (x if hasattr(x, "__len__") else [x])] for x in (t.mean, t.std))
    if len(mean) != len(std) or len(mean) not in (1, 3):
        return None
    return (("normalize", *mean, *std),)


def steps_of(transform, domain):
    """Return the steps of a transform and what the image is afterwards, or None if it needs Python."""
    from pycnn.nn import Sequential
    from pycnn.vision.transforms import _base
    from pycnn.vision.transforms import transforms as T

    if type(transform) in (Sequential, T.Compose):
        if type(transform) is T.Compose:
            children = transform.transforms
        else:
            children = list(transform)
        return _steps_of_list(children, domain)
    if not _is_ours(transform):
        return None
    if isinstance(transform, T.RandomApply):
        inner = _steps_of_list(transform.transforms, domain)
        if inner is None or inner[1] != domain:
            return None
        return (("chance", _base.ABOVE_F32, transform.p, len(inner[0])), *inner[0]), domain
    if isinstance(transform, T.ToTensor):
        fits = domain == PICTURE and get_default_dtype() == _C.float32
        return ((("to_tensor",),), FLOATS) if fits else None
    if isinstance(transform, T.PILToTensor):
        return ((), BYTES) if domain == PICTURE else None
    if isinstance(transform, T.ConvertImageDtype):
        if transform.dtype != _C.float32 or domain == PICTURE:
            return None
        return ((("to_tensor",),) if domain == BYTES else ()), FLOATS
    if isinstance(transform, T.Normalize):
        steps = _normalize_steps(transform) if domain == FLOATS else None
        return (steps, FLOATS) if steps is not None else None
    if isinstance(transform, T.RandomErasing):
        return (transform._steps(), FLOATS) if domain == FLOATS and not replaced(transform, "get_params") else None
    if isinstance(transform, _base.Step) and (domain == PICTURE or transform._on_tensors):
        return transform._steps(), domain
    return None


def _steps_of_list(transforms, domain):
    steps = []
    for t in transforms:
        found = steps_of(t, domain)
        if found is None:
            return None
        steps.extend(found[0])
        domain = found[1]
    return tuple(steps), domain


def compile(transform):
    """Return the `_C.Pipeline` of a transform that turns pictures into Tensors, or None if it needs Python.

    Parameters
    ----------
    transform : callable
        Any tree of Compose, RandomApply, Sequential and this package's transforms. A user's own callable or subclass,
        a hook, or a transform of the Python module `random` in it makes the result None.

    Returns
    -------
    _C.Pipeline or None
    """
    found = steps_of(transform, PICTURE)
    if found is None or found[1] == PICTURE:
        return None
    return _C.Pipeline(found[0])


def _is_plain_picture(img):
    return _images.is_pil(img) and _images.is_plain(img)


def run_all(transforms, img):
    """Apply transforms one after the other; a run of ours on a plain picture is one pass."""
    steps, domain = (), PICTURE
    for t in transforms:
        found = steps_of(t, domain) if steps or _is_plain_picture(img) else None
        if found is None and steps:
            img, steps, domain = _finish(steps, domain, img), (), PICTURE
            found = steps_of(t, domain) if _is_plain_picture(img) else None
        if found is None:
            img = t(img)
        else:
            steps, domain = steps + found[0], found[1]
    return _finish(steps, domain, img) if steps else img


def _finish(steps, domain, img):
    w, h = img.size
    result = _images.pipeline_of(steps)(img.tobytes(), h, w, 3 if img.mode == "RGB" else 1, domain != PICTURE)
    return _images.pil_from_bytes(*result) if isinstance(result, tuple) else result
