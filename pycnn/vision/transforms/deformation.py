"""Transforms that move or mix pixels in other ways than a camera would: perspective, elastic, blur, whitening."""

import numbers
from collections.abc import Sequence

from pycnn import _C
from pycnn._tensor import Tensor
from pycnn.vision.transforms import _parameters
from pycnn.vision.transforms import functional as F
from pycnn.vision.transforms._base import Transform
from pycnn.vision.transforms._parameters import InterpolationMode

_fn = _C.fn


def _spread(fill, img):
    """For a Tensor, a fill value for each channel."""
    if not isinstance(img, Tensor):
        return fill
    return [float(fill)] * F.get_dimensions(img)[0] if isinstance(fill, numbers.Number) else [float(f) for f in fill]


class RandomPerspective(Transform):
    """Move the corners of an image at random.

    Parameters
    ----------
    distortion_scale : float, default 0.5
        How far, from 0 to 1 (to the middle).
    p : float, default 0.5
        Probability.
    interpolation : InterpolationMode or int, default BILINEAR
    fill : number or sequence, default 0
        Value outside the image, or one per channel.
    """

    _shown = ("p",)

    def __init__(self, distortion_scale=0.5, p=0.5, interpolation=InterpolationMode.BILINEAR, fill=0):
        super().__init__()
        self.p, self.distortion_scale = p, distortion_scale
        self.interpolation, self.fill = _parameters.mode_of(interpolation), _parameters.checked_fill(fill)

    @staticmethod
    def get_params(width, height, distortion_scale):
        """Draw where the corners go.

        Parameters
        ----------
        width, height : int
        distortion_scale : float

        Returns
        -------
        tuple of two lists of four (x, y)
            Corners before and after, clockwise from top left.
        """
        dx, dy = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))

        def draw(low, high):
            return int(_fn.randint(low, high, (1,)).item())

        ends = []
        for right, below in ((False, False), (True, False), (True, True), (False, True)):
            x = draw(width - dx - 1, width) if right else draw(0, dx + 1)
            ends.append([x, draw(height - dy - 1, height) if below else draw(0, dy + 1)])
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def forward(self, img):
        """Transform one image.

        Parameters
        ----------
        img : PIL Image or Tensor of shape (..., H, W)

        Returns
        -------
        PIL Image or Tensor
        """
        _, height, width = F.get_dimensions(img)
        if _fn.rand(1).item() < _C.fn.full((1,), float(self.p)).item():
            start, end = self.get_params(width, height, self.distortion_scale)
            return F.perspective(img, start, end, self.interpolation, _spread(self.fill, img))
        return img


class GaussianBlur(Transform):
    """Blur an image, by how much is drawn.

    Parameters
    ----------
    kernel_size : int or sequence of 2 ints
        Width and height of the bell, odd.
    sigma : float or sequence of 2 floats, default (0.1, 2.0)
        Bounds of its deviation.

    Raises
    ------
    ValueError
        If a size is even, or a deviation not positive.
    """

    _shown = ("kernel_size", "sigma")

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = _parameters.pair(kernel_size, "Kernel size should be a tuple/list of two integers")
        if any(k <= 0 or k % 2 == 0 for k in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, numbers.Number):
            if sigma <= 0:
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        elif not (isinstance(sigma, Sequence) and len(sigma) == 2):
            raise ValueError("sigma should be a single number or a list/tuple with length 2.")
        elif not 0.0 < sigma[0] <= sigma[1]:
            raise ValueError("sigma values should be positive and of the form (min, max).")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """Draw a deviation.

        Parameters
        ----------
        sigma_min, sigma_max : float

        Returns
        -------
        float
        """
        return _fn.empty(1).uniform_(sigma_min, sigma_max).item()

    def forward(self, img):
        """Blur one image.

        Parameters
        ----------
        img : PIL Image or Tensor of shape (..., H, W)

        Returns
        -------
        PIL Image or Tensor
        """
        sigma = self.get_params(*self.sigma)
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])


class ElasticTransform(Transform):
    """Move every pixel a little, neighbours together. Simard et al., 2003.

    Parameters
    ----------
    alpha : float or sequence of 2 floats, default 50
        How far.
    sigma : float or sequence of 2 floats, default 5
        How smoothly.
    interpolation : InterpolationMode or int, default BILINEAR
    fill : number or sequence, default 0
        Value outside the image, or one per channel.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another type, or a sequence of another length.
    """

    _shown = ("alpha", "sigma", "interpolation", "fill")

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=InterpolationMode.BILINEAR, fill=0):
        super().__init__()
        self.alpha, self.sigma = self._two(alpha, "alpha"), self._two(sigma, "sigma")
        self.interpolation = _parameters.mode_of(interpolation)
        if not isinstance(fill, (int, float, list, tuple)):
            raise TypeError(f"fill should be int or float or a list or tuple of them. Got {type(fill)}")
        self.fill = [float(fill)] if isinstance(fill, (int, float)) else [float(f) for f in fill]

    @staticmethod
    def _two(value, name):
        if not isinstance(value, (float, Sequence)):
            raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
        if isinstance(value, float):
            return [value, value]
        if len(value) != 2:
            raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(value)}")
        for v in value:
            if not isinstance(v, float):
                raise TypeError(f"{name} should be a sequence of floats. Got {type(v)}")
        return value

    @staticmethod
    def get_params(alpha, sigma, size):
        """Draw displacements.

        Parameters
        ----------
        alpha, sigma : sequence of 2 floats
        size : sequence of 2 ints
            Height and width.

        Returns
        -------
        Tensor [1, H, W, 2]
        """
        parts = []
        for k in (0, 1):
            d = _fn.rand([1, 1, *size]) * 2 - 1
            if sigma[k] > 0.0:
                kernel = int(8 * sigma[k] + 1)
                kernel += kernel % 2 == 0
                d = F.gaussian_blur(d, [kernel, kernel], [float(s) for s in sigma])
            parts.append(d * alpha[k] / size[1 - k])
        return _fn.cat(parts, 1).permute([0, 2, 3, 1])

    def forward(self, tensor):
        """Transform one image.

        Parameters
        ----------
        tensor : PIL Image or Tensor of shape (..., H, W)

        Returns
        -------
        PIL Image or Tensor
        """
        _, height, width = F.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)


class LinearTransformation(Transform):
    """Multiply the flattened image by a matrix, after taking a mean away: whitening, say.

    Parameters
    ----------
    transformation_matrix : Tensor [D, D]
        D is C x H x W.
    mean_vector : Tensor [D]

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        rows, columns = transformation_matrix.shape
        if rows != columns:
            raise ValueError(f"transformation_matrix should be square. Got {tuple(transformation_matrix.shape)} "
                             "rectangular matrix.")
        if mean_vector.shape[0] != rows:
            raise ValueError(f"mean_vector should have the same length {mean_vector.shape[0]} as any one of the "
                             f"dimensions of the transformation_matrix [{tuple(transformation_matrix.shape)}]")
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def forward(self, tensor):
        """Transform one image, or several.

        Parameters
        ----------
        tensor : Tensor of shape (..., C, H, W)

        Returns
        -------
        Tensor
        """
        n = 1
        for size in tensor.shape[-3:]:
            n *= size
        if n != self.transformation_matrix.shape[0]:
            raise ValueError(f"Input tensor and transformation matrix have incompatible shape.[{tensor.shape[-3]} x "
                             f"{tensor.shape[-2]} x {tensor.shape[-1]}] != {self.transformation_matrix.shape[0]}")
        flat = tensor.view(-1, n) - self.mean_vector
        return _fn.mm(flat, self.transformation_matrix.to(flat.dtype)).view(tensor.shape)

    def __repr__(self):
        return (f"{type(self).__name__}(transformation_matrix={self.transformation_matrix.tolist()}, "
                f"mean_vector={self.mean_vector.tolist()})")
