"""Between kinds of images and dtypes; normalisation, blur, noise."""

import sys
from collections.abc import Sequence

import warnings

from pycnn import _C
from pycnn._tensor import Tensor
from pycnn.vision import tv_tensors
from pycnn.vision.transforms import _conversion as T
from pycnn.vision.transforms import _images, _pipeline
from pycnn.vision.transforms._base import MULTIPLIED, UNSCALED
from pycnn.vision.transforms._parameters import pair
from pycnn.vision.transforms.v2 import functional as F
from pycnn.vision.transforms.v2._transform import Transform, uniform


def _is_array(obj):
    numpy = sys.modules["numpy"]
    return isinstance(obj, numpy.ndarray)


def _floats(domain, scaling):
    """The steps that make float32 of such an image, and what it is then."""
    if domain not in _pipeline.TO_FLOATS:
        return (), domain
    return (("to_tensor", scaling),), _pipeline.TO_FLOATS[domain]


class Identity(Transform):
    """Return samples as they are."""

    def _steps_in(self, domain):
        return (), domain

    def transform(self, inpt, params):
        """Return the image."""
        return inpt


class Lambda(Transform):
    """A function as a transform, applied to every part of a sample.

    Parameters
    ----------
    lambd : callable
    *types : type
        Of the parts that it is for; all by default.
    """

    _transformed_types = (object,)

    def __init__(self, lambd, *types):
        super().__init__()
        self.lambd, self.types = lambd, types or self._transformed_types

    def _chosen(self, leaves):
        return [True] * len(leaves)

    def transform(self, inpt, params):
        """Return what the function makes of a part."""
        return self.lambd(inpt) if isinstance(inpt, self.types) else inpt

    def extra_repr(self):
        """Return the function's name and the types."""
        name = getattr(self.lambd, "__name__", None)
        return ", ".join([name] * bool(name) + [f"types={[t.__name__ for t in self.types]}"])


class ToImage(Transform):
    """Turn PIL images, Tensors and arrays (H, W, C) into :class:`pycnn.vision.tv_tensors.Image`, values as they are."""

    _transformed_types = (F.is_pure_tensor, _images.is_pil, _is_array)

    def _steps_in(self, domain):
        return (), _pipeline.TO_IMAGE.get(domain, domain)

    def transform(self, inpt, params):
        """Convert one image."""
        return F.to_image(inpt)


class PILToTensor(Transform):
    """Turn PIL images into Tensors of the same type, unscaled."""

    _transformed_types = (_images.is_pil,)

    def _steps_in(self, domain):
        return (), _pipeline.BYTES if domain == _pipeline.PICTURE else domain

    def transform(self, inpt, params):
        """Convert one image."""
        return F.pil_to_tensor(inpt)


class ToPILImage(Transform):
    """Turn Tensors [C, H, W] and arrays (H, W, C) into PIL images.

    Parameters
    ----------
    mode : str, optional
        Pillow's name of the colour space.
    """

    _transformed_types = (F.is_pure_tensor, tv_tensors.Image, _is_array)

    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def transform(self, inpt, params):
        """Convert one image."""
        return F.to_pil_image(inpt, self.mode)


class ToPureTensor(Transform):
    """Turn a :class:`pycnn.vision.tv_tensors.Image` into a plain Tensor."""

    _transformed_types = (tv_tensors.TVTensor,)

    def _steps_in(self, domain):
        return (), _pipeline.TO_PURE.get(domain, domain)

    def transform(self, inpt, params):
        """Convert one image."""
        return Tensor._make_subclass(Tensor, inpt, inpt.requires_grad)


class ToTensor(Transform):
    """Turn PIL images and arrays into Tensors; bytes become floats from 0 to 1.

    torchvision calls it deprecated: ``Compose([ToImage(), ToDtype(float32, scale=True)])`` takes its place.
    """

    _transformed_types = (_images.is_pil, _is_array)

    def _steps_in(self, domain):
        return T.ToTensor._steps_in(self, domain) if domain == _pipeline.PICTURE else ((), domain)

    def __init__(self):
        warnings.warn("The transform `ToTensor()` is deprecated and will be removed in a future release. Instead, "
                      "please use `v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])`.Output is "
                      "equivalent up to float precision.", stacklevel=2)
        super().__init__()

    def transform(self, inpt, params):
        """Convert one image."""
        return F.to_tensor(inpt)


class ToDtype(Transform):
    """Convert Tensors to a dtype.

    Parameters
    ----------
    dtype : dtype or dict
        Or one for each class, with "others" for those that are not named; None leaves them alone.
    scale : bool, default False
        Scale images to the range of the dtype: 0 to 1 for floats.

    Raises
    ------
    ValueError
        If `dtype` is something else, or names no class that a sample has.
    """

    _transformed_types = (Tensor,)

    def __init__(self, dtype, scale=False):
        super().__init__()
        if not isinstance(dtype, (dict, _C.dtype)):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        self.dtype, self.scale = dtype, scale

    def _steps_in(self, domain):
        if domain == _pipeline.PICTURE:
            return (), domain
        dtype = self._dtype_of(tv_tensors.Image if domain in _pipeline.TO_PURE else Tensor)
        if dtype is None or dtype is _C.uint8 and domain in _pipeline.TO_FLOATS:
            return (), domain
        return _floats(domain, MULTIPLIED if self.scale else UNSCALED) if dtype is _C.float32 else None

    def _dtype_of(self, kind):
        if not isinstance(self.dtype, dict):
            return self.dtype
        if kind not in self.dtype and "others" not in self.dtype:
            raise ValueError(f"No dtype was specified for type {kind}. If you only need to convert the dtype of images "
                             "or videos, you can just pass e.g. dtype=torch.float32.")
        return self.dtype[kind] if kind in self.dtype else self.dtype["others"]

    def transform(self, inpt, params):
        """Convert one Tensor."""
        dtype = self._dtype_of(type(inpt))
        return inpt if dtype is None else F.to_dtype(inpt, dtype, self.scale)


class ConvertImageDtype(Transform):
    """Convert Tensors to a dtype and scale them to its range.

    Parameters
    ----------
    dtype : dtype, default float32
    """

    def __init__(self, dtype=_C.float32):
        super().__init__()
        self.dtype = dtype

    def _steps_in(self, domain):
        fits = domain != _pipeline.PICTURE and self.dtype is _C.float32
        return _floats(domain, MULTIPLIED) if fits else None

    def transform(self, inpt, params):
        """Convert one Tensor."""
        return F.to_dtype(inpt, self.dtype, True)


class Normalize(Transform):
    """Subtract a mean from every channel and divide by a deviation.

    Parameters
    ----------
    mean, std : sequence of float
        One value per channel.
    inplace : bool, default False
        Change the given Tensor.
    """

    _first = T.Normalize

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = list(mean), list(std), inplace

    def check_inputs(self, flat_inputs):
        """Raise TypeError for a PIL image.

        Parameters
        ----------
        flat_inputs : list

        Raises
        ------
        TypeError
            If there is one.
        """
        if any(map(_images.is_pil, flat_inputs)):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")

    def transform(self, inpt, params):
        """Normalise one Tensor [..., C, H, W]."""
        return F.normalize(inpt, self.mean, self.std, self.inplace)


class GaussianBlur(Transform):
    """Blur images by a Gaussian of random width.

    Parameters
    ----------
    kernel_size : int or sequence of int
        Odd.
    sigma : float or sequence of 2 floats, default (0.1, 2.0)
        Or its bounds.

    Raises
    ------
    ValueError
        If sizes are not odd or bounds not positive.
    """

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = pair(kernel_size, "Kernel size should be a tuple/list of two integers")
        if any(k <= 0 or k % 2 == 0 for k in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        sigma = sigma if isinstance(sigma, Sequence) else [sigma, sigma]
        self.sigma = [float(sigma[0]), float(sigma[-1])]
        if not 0.0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"sigma values should be positive and of the form (min, max). Got {self.sigma}")

    def make_params(self, flat_inputs):
        """Draw the width."""
        return {"sigma": [uniform(*self.sigma)] * 2}

    def transform(self, inpt, params):
        """Blur one image."""
        return F.gaussian_blur(inpt, self.kernel_size, **params)


class GaussianNoise(Transform):
    """Add normal noise to Tensors.

    Parameters
    ----------
    mean, sigma : float, default 0.0, 0.1
        In parts of the full range.
    clip : bool, default True
        Cut to the range.
    """

    def __init__(self, mean=0.0, sigma=0.1, clip=True):
        super().__init__()
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def transform(self, inpt, params):
        """Add noise to one Tensor."""
        return F.gaussian_noise(inpt, self.mean, self.sigma, self.clip)
