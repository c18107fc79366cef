"""torchvision.transforms.functional: operations on one image with given parameters."""

from pycnn.vision.transforms._parameters import InterpolationMode
from pycnn.vision.transforms.functional._colour import (
    adjust_brightness, adjust_contrast, adjust_gamma, adjust_hue, adjust_saturation, adjust_sharpness, autocontrast,
    equalize, erase, invert, posterize, rgb_to_grayscale, solarize, to_grayscale)
from pycnn.vision.transforms.functional._conversion import (
    convert_image_dtype, normalize, pil_to_tensor, to_pil_image, to_tensor)
from pycnn.vision.transforms.functional._deformation import elastic_transform, gaussian_blur, perspective
from pycnn.vision.transforms.functional._geometry import (
    affine, center_crop, crop, five_crop, get_dimensions, get_image_num_channels, get_image_size, hflip, pad, resize,
    resized_crop, rotate, ten_crop, vflip)
