"""Trees of transforms as one C pipeline.

`compile` serves the loader, which asks whether a data set's transform can run without Python; `run_all` serves
Compose, which runs neighbours in one pass where it can. Which way an image goes never changes what comes out.
"""

from pycnn import _C
from pycnn.vision.transforms import _images

# What an image is between two transforms. A tv_tensors.Image is what the second version makes and keeps.
PICTURE, BYTES, FLOATS = "picture", "uint8 tensor", "float tensor"
IMAGE_BYTES, IMAGE_FLOATS = "uint8 Image", "float Image"

TO_IMAGE = {PICTURE: IMAGE_BYTES, BYTES: IMAGE_BYTES, FLOATS: IMAGE_FLOATS}
TO_PURE = {IMAGE_BYTES: BYTES, IMAGE_FLOATS: FLOATS}
TO_FLOATS = {BYTES: FLOATS, IMAGE_BYTES: IMAGE_FLOATS}

# What an object may have of its own to do something else than its class.
_REPLACEABLE = {"forward", "get_params", "check_inputs", "make_params", "transform"}


def replaced(transform, name):
    """Return True if a subclass, or the object itself, has its own `name`."""
    if name in vars(transform):
        return True
    for cls in type(transform).__mro__:
        if name in vars(cls):
            return not cls.__module__.startswith("pycnn.vision.transforms.")
    return False


def steps_of(transform, domain):
    """Return the steps of a transform and what the image is afterwards, or None if it needs Python."""
    from pycnn.nn import Sequential

    if type(transform) is Sequential:
        return steps_of_list(transform, domain)
    if not type(transform).__module__.startswith("pycnn.vision.transforms.") or not hasattr(transform, "_steps_in"):
        return None
    own = vars(transform)
    if own.get("_forward_hooks") or own.get("_forward_pre_hooks") or not _REPLACEABLE.isdisjoint(own):
        return None
    return transform._steps_in(domain)


def steps_of_list(transforms, domain):
    """Return the same of transforms in a row."""
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
        Any tree of Compose, RandomApply, Sequential and this package's transforms of either version. A user's own
        callable or subclass, a hook, or a transform without steps in it makes the result None.

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


def run(transform, img):
    """Return the result of a transform's steps on an image, or None if it has to go another way."""
    found = steps_of(transform, PICTURE) if _is_plain_picture(img) else None
    return None if found is None else _finish(*found, img)


def run_all(transforms, img):
    """Apply transforms one after the other; a run of ours on a plain picture is one pass."""
    steps, domain = (), PICTURE
    plain = _is_plain_picture(img)
    for t in transforms:
        found = steps_of(t, domain) if plain else None
        if found is None:
            img = t(_finish(steps, domain, img) if plain else img)
            steps, domain, plain = (), PICTURE, _is_plain_picture(img)
        else:
            steps, domain = steps + found[0], found[1]
    return _finish(steps, domain, img) if plain else img


def _finish(steps, domain, img):
    if not steps and domain == PICTURE:
        return img
    w, h = img.size
    result = _images.pipeline_of(steps)(img.tobytes(), h, w, 3 if img.mode == "RGB" else 1, domain != PICTURE)
    if domain == PICTURE:
        return _images.pil_from_bytes(*result)
    return result if domain not in TO_PURE else _image_of(result)


def _image_of(result):
    from pycnn.vision.tv_tensors import Image

    return _C.TensorBase._make_subclass(Image, result, False)
