"""Data sets that are folders: a folder a class, a file a sample."""

import os
import struct
import zlib

from pycnn.vision.datasets.vision import VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def has_file_allowed_extension(filename, extensions):
    """Return True if `filename` ends with an extension, or one of several, in upper or lower case.

    Parameters
    ----------
    filename : str
    extensions : str or tuple of str
        In lower case.

    Returns
    -------
    bool
    """
    return filename.lower().endswith(extensions if isinstance(extensions, str) else tuple(extensions))


def is_image_file(filename):
    """Return True if `filename` ends with one of IMG_EXTENSIONS.

    Parameters
    ----------
    filename : str

    Returns
    -------
    bool
    """
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory):
    """Return the names of the folders in a folder, sorted, and a dict of their numbers.

    Parameters
    ----------
    directory : path

    Returns
    -------
    (list of str, dict)

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}. It should hold a folder for each "
                                "class, with the images of the class in it.")
    return classes, {name: k for k, name in enumerate(classes)}


def make_dataset(directory, class_to_idx=None, extensions=None, is_valid_file=None, allow_empty=False):
    """Return a list of (path, class number): the files below the folders of the classes, sorted.

    Parameters
    ----------
    directory : path
    class_to_idx : dict, optional
        Numbers of the folders to look in; default: those of :func:`find_classes`.
    extensions : str or tuple of str, optional
        In lower case. Either this or `is_valid_file` says which files are taken.
    is_valid_file : callable, optional
        From a path to a bool.
    allow_empty : bool, default False
        Accept a class without files.

    Returns
    -------
    list of (str, int)

    Raises
    ------
    ValueError
        If `class_to_idx` is empty, or both or none of `extensions` and `is_valid_file` are given.
    FileNotFoundError
        If a class has no such file.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
    if is_valid_file is None:
        def is_valid_file(path):
            return has_file_allowed_extension(path, extensions)

    samples, empty = [], []
    for name in sorted(class_to_idx):
        before = len(samples)
        for folder, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=True)):
            paths = (os.path.join(folder, file) for file in sorted(files))
            samples += [(path, class_to_idx[name]) for path in paths if is_valid_file(path)]
        if len(samples) == before:
            empty.append(name)
    if empty and not allow_empty:
        message = f"Found no valid file for the classes {', '.join(empty)}. "
        if extensions is not None:
            supported = extensions if isinstance(extensions, str) else ", ".join(extensions)
            message += f"Supported extensions are: {supported}"
        raise FileNotFoundError(message)
    return samples


def pil_loader(path):
    """Return the image in a file as a PIL image of mode RGB.

    Parameters
    ----------
    path : path

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    OSError
        If Pillow cannot read it; the message names the file.
    """
    from PIL import Image, UnidentifiedImageError
    with open(path, "rb") as file:
        try:
            return Image.open(file).convert("RGB")
        except UnidentifiedImageError as error:
            raise UnidentifiedImageError(f"cannot identify image file {os.fspath(path)!r}: remove it, or leave it out "
                                         "by is_valid_file=") from error
        except (OSError, SyntaxError, ValueError, EOFError, struct.error,
                zlib.error) as error:  # Pillow has all of them
            raise OSError(f"{error} ({os.fspath(path)})") from error


default_loader = pil_loader


class DatasetFolder(VisionDataset):
    """Samples in files, a folder for each class: ``root/dog/xxx.ext``, ``root/cat/sub/yyy.ext``.

    Parameters
    ----------
    root : path
    loader : callable
        From a path to a sample.
    extensions : tuple of str, optional
        Of the files to take, in lower case. Either this or `is_valid_file` has to be given.
    transform, target_transform : callable, optional
    is_valid_file : callable, optional
        From a path to a bool: whether the file is taken.
    allow_empty : bool, default False
        Accept a class without files.

    Attributes
    ----------
    classes : list of str
        Names of the folders, sorted.
    class_to_idx : dict
    samples : list of (str, int)
        Path and class of each sample.
    targets : list of int

    Raises
    ------
    FileNotFoundError
        If there is no folder of a class, or no file for one.

    See Also
    --------
    torchvision.datasets.DatasetFolder : same behaviour.
    """

    def __init__(self, root, loader, extensions=None, transform=None, target_transform=None, is_valid_file=None,
                 allow_empty=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, class_to_idx=self.class_to_idx, extensions=extensions,
                                         is_valid_file=is_valid_file, allow_empty=allow_empty)
        self.loader, self.extensions = loader, extensions
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(directory, class_to_idx, extensions=None, is_valid_file=None, allow_empty=False):
        """Return the list of (path, class); a subclass may look elsewhere. See :func:`make_dataset`.

        Parameters
        ----------
        directory : path
        class_to_idx : dict
            Numbers of the folders to look in.
        extensions : tuple of str, optional
            Of the files to take, in lower case.
        is_valid_file : callable, optional
            From a path to a bool.
        allow_empty : bool, default False
            Accept a class without files.

        Returns
        -------
        list of (str, int)

        Raises
        ------
        ValueError
            If `class_to_idx` is None.
        """
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions=extensions, is_valid_file=is_valid_file,
                            allow_empty=allow_empty)

    def find_classes(self, directory):
        """Return the classes and their numbers; a subclass may choose others. See :func:`find_classes`.

        Parameters
        ----------
        directory : path

        Returns
        -------
        (list of str, dict)
        """
        return find_classes(directory)

    def __getitem__(self, index):
        """Return (sample, target), transformed."""
        path, target = self.samples[index]
        sample = self.loader(path)
        if self.transform is not None:
            sample = self.transform(sample)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return sample, target

    def __len__(self):
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in files, a folder for each class: ``root/dog/xxx.png``, ``root/cat/sub/yyy.jpg``.

    Parameters
    ----------
    root : path
    transform, target_transform : callable, optional
    loader : callable, optional
        From a path to an image; default: a PIL image of mode RGB.
    is_valid_file : callable, optional
        From a path to a bool; default: by the extension, one of IMG_EXTENSIONS.
    allow_empty : bool, default False
        Accept a class without images.

    Attributes
    ----------
    classes, class_to_idx, samples, targets : list, dict, list, list
        As of :class:`DatasetFolder`.
    imgs : list of (str, int)
        The same as ``samples``.

    See Also
    --------
    torchvision.datasets.ImageFolder : same behaviour; an image that cannot be read is named here.
    """

    def __init__(self, root, transform=None, target_transform=None, loader=default_loader, is_valid_file=None,
                 allow_empty=False):
        super().__init__(root, loader, IMG_EXTENSIONS if is_valid_file is None else None, transform=transform,
                         target_transform=target_transform, is_valid_file=is_valid_file, allow_empty=allow_empty)
        self.imgs = self.samples
