"""Reading and writing image files as Tensors: torchvision.io, by Pillow."""

import enum
import os
from io import BytesIO

import numpy as np

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn._files import replacing as _replacing
from pycnn._from_data import from_numpy
from pycnn._tensor import Tensor

__all__ = ["ImageReadMode", "decode_image", "decode_jpeg", "decode_png", "encode_jpeg", "encode_png", "read_file",
           "read_image", "write_file", "write_jpeg", "write_png"]


class ImageReadMode(enum.Enum):
    """How many channels an image is given: as many as the file has, or 1 to 4."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


_MODES = {ImageReadMode.GRAY: "L", ImageReadMode.GRAY_ALPHA: "LA", ImageReadMode.RGB: "RGB",
          ImageReadMode.RGB_ALPHA: "RGBA"}


def _pillow_mode(image, mode):
    """Pillow's name of the mode to convert to."""
    mode = ImageReadMode[mode.upper()] if isinstance(mode, str) else mode
    if mode is not ImageReadMode.UNCHANGED:
        return _MODES[mode]
    if image.mode in ("P", "1"):
        return "P" if image.mode == "P" else "L"  # torchvision gives the palette's numbers
    return image.mode if image.mode in ("L", "LA", "RGB", "RGBA") else "RGB"


def _decode(source, name, mode, apply_exif_orientation, formats=None):
    from PIL import Image, ImageOps, UnidentifiedImageError
    try:
        image = Image.open(source, formats=formats)
        if image.mode.startswith("I") or image.mode == "F":
            raise RuntimeError(f"{name}: images of more than 8 bits a channel are not supported (mode {image.mode})")
        if apply_exif_orientation:
            image = ImageOps.exif_transpose(image)
        pixels = np.array(image.convert(_pillow_mode(image, mode)))
    except UnidentifiedImageError as error:
        raise RuntimeError(f"{name}: Unsupported image file, or none at all") from error
    except (OSError, SyntaxError) as error:  # Pillow's PNG reader raises the latter
        raise RuntimeError(f"{name}: {error}") from error
    return from_numpy(np.ascontiguousarray(pixels.reshape(image.size[1], image.size[0], -1).transpose(2, 0, 1)))


def _bytes_of(input):
    if not isinstance(input, Tensor) or input.dtype is not _C.uint8 or input.dim() != 1 or input.numel() == 0:
        raise RuntimeError("Expected a non empty 1-dimensional tensor of torch.uint8: the contents of a file, see "
                           "read_file")
    return BytesIO(input.numpy().tobytes())


def read_file(path):
    """Return the contents of a file: Tensor [n] of uint8.

    Parameters
    ----------
    path : path

    Returns
    -------
    Tensor [n] of uint8
    """
    with open(path, "rb") as file:
        return from_numpy(np.frombuffer(bytearray(file.read()), np.uint8))


def write_file(filename, data):
    """Write a Tensor [n] of uint8 as a file: beside it first, then renamed.

    Parameters
    ----------
    filename : path
    data : Tensor [n] of uint8
    """
    contents = _bytes_of(data).getvalue()
    with _replacing(filename) as file:
        file.write(contents)


def decode_image(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """Decode a JPEG, PNG, GIF, WebP or other file that Pillow reads.

    Parameters
    ----------
    input : Tensor [n] of uint8, or path
        The contents of a file, or its path.
    mode : ImageReadMode or str, default UNCHANGED
        Channels of the result.
    apply_exif_orientation : bool, default False
        Turn photographs upright.

    Returns
    -------
    Tensor [C, H, W] of uint8

    Raises
    ------
    RuntimeError
        If the file cannot be decoded.
    """
    if isinstance(input, (str, os.PathLike)):
        return read_image(input, mode, apply_exif_orientation)
    return _decode(_bytes_of(input), "decode_image", mode, apply_exif_orientation)


def decode_png(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """Decode the contents of a PNG file; see :func:`decode_image`.

    Parameters
    ----------
    input : Tensor [n] of uint8
        The contents of a file.
    mode : ImageReadMode or str, default ImageReadMode.UNCHANGED
        Channels of the result.
    apply_exif_orientation : bool, default False
        Turn photographs upright.

    Returns
    -------
    Tensor [C, H, W] of uint8
    """
    return _decode(_bytes_of(input), "decode_png", mode, apply_exif_orientation, ["PNG"])


def decode_jpeg(input, mode=ImageReadMode.UNCHANGED, device="cpu", apply_exif_orientation=False):
    """Decode the contents of a JPEG file; see :func:`decode_image`.

    Parameters
    ----------
    input : Tensor [n] of uint8
        The contents of a file.
    mode : ImageReadMode or str, default ImageReadMode.UNCHANGED
        Channels of the result.
    device : str, default "cpu"
        The CPU.
    apply_exif_orientation : bool, default False
        Turn photographs upright.

    Returns
    -------
    Tensor [C, H, W] of uint8
    """
    return _decode(_bytes_of(input), "decode_jpeg", mode, apply_exif_orientation, ["JPEG"])


def read_image(path, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """Read an image file.

    Parameters
    ----------
    path : path
    mode : ImageReadMode or str, default ImageReadMode.UNCHANGED
        Channels of the result.
    apply_exif_orientation : bool, default False
        Turn photographs upright.

    Returns
    -------
    Tensor [C, H, W] of uint8
    """
    with open(path, "rb") as file:
        return _decode(file, os.fspath(path), mode, apply_exif_orientation)


def _encode(input, format, channels, **options):
    from PIL import Image
    if not isinstance(input, Tensor) or input.dtype is not _C.uint8:
        raise RuntimeError("Input tensor dtype should be uint8")
    if input.dim() != 3:
        raise RuntimeError("Input data should be a 3-dimensional tensor")
    if input.shape[0] not in channels:
        raise RuntimeError(f"The number of channels should be {' or '.join(map(str, channels))}, got: {input.shape[0]}")
    pixels = np.ascontiguousarray(input.permute(1, 2, 0).numpy())
    buffer = BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, format, **options)
    return from_numpy(np.frombuffer(bytearray(buffer.getvalue()), np.uint8))


def encode_png(input, compression_level=6):
    """Return the contents of a PNG file of a Tensor [C, H, W] of uint8, C 1 or 3.

    Parameters
    ----------
    input : Tensor [C, H, W] of uint8
    compression_level : int, default 6
        0 to 9.

    Returns
    -------
    Tensor [n] of uint8

    Raises
    ------
    RuntimeError
        If `compression_level` is out of range, or the input is no image.
    """
    if not 0 <= compression_level <= 9:
        raise RuntimeError("Compression level should be between 0 and 9")
    return _encode(input, "PNG", (1, 3), compress_level=compression_level)


def encode_jpeg(input, quality=75):
    """Return the contents of a JPEG file of a Tensor [C, H, W] of uint8, C 1 or 3.

    Parameters
    ----------
    input : Tensor [C, H, W] of uint8
    quality : int, default 75
        1 to 100.

    Returns
    -------
    Tensor [n] of uint8

    Raises
    ------
    ValueError
        If `quality` is out of range.
    """
    if not 1 <= quality <= 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    return _encode(input, "JPEG", (1, 3), quality=quality)


def write_png(input, filename, compression_level=6):
    """Write a Tensor [C, H, W] of uint8 as a PNG file.

    Parameters
    ----------
    input : Tensor [C, H, W] of uint8
    filename : path
    compression_level : int, default 6
        0 to 9.
    """
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input, filename, quality=75):
    """Write a Tensor [C, H, W] of uint8 as a JPEG file.

    Parameters
    ----------
    input : Tensor [C, H, W] of uint8
    filename : path
    quality : int, default 75
        1 to 100.
    """
    write_file(filename, encode_jpeg(input, quality))


__getattr__ = _getattr_of(__name__, __all__)
