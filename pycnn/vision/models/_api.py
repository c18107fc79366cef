"""The list of models, and weights by name: torchvision.models' get_model, get_weight, list_models, Weights."""

import enum
import fnmatch
import functools
import inspect
import os
import sys
import typing
import warnings
from collections.abc import Callable
from dataclasses import dataclass

_BUILDERS = {}


@dataclass
class Weights:
    """Published weights of a model.

    Parameters
    ----------
    url : str
        Where the file is.
    transforms : callable
        Makes the transform that images need before this model.
    meta : dict
        What is known about them: ``categories``, ``num_params``, ``min_size``, ``recipe``, ``_metrics``, ...
    """

    url: str
    transforms: Callable
    meta: dict

    def __eq__(self, other):
        # two partials of the same call are not equal by themselves, and copies of members are compared
        if not isinstance(other, Weights):
            return NotImplemented
        return self.url == other.url and self.meta == other.meta and _call(self.transforms) == _call(other.transforms)


def _call(maker):
    return (maker.func, maker.args, maker.keywords) if isinstance(maker, functools.partial) else maker


class _File:
    """Weights in a file of the user's own, where a member of a WeightsEnum may stand."""

    meta: typing.ClassVar = {}

    def __init__(self, path):
        self.path = path

    def get_state_dict(self, progress=True, check_hash=False):
        from pycnn.serialization import load
        return load(self.path)


def _is_file(obj):
    if isinstance(obj, os.PathLike):
        return True
    return isinstance(obj, str) and (os.sep in obj or obj.endswith((".pth", ".pt")))


class WeightsEnum(enum.Enum):
    """The published weights of one model: members are :class:`Weights`."""

    @classmethod
    def verify(cls, obj):
        """Return what a builder was given as `weights`: None, a member, or a file.

        Parameters
        ----------
        obj : member, str, path or None
            A member's name with or without the class's; or a ``.pth`` file with a state_dict (pycnn alone).

        Returns
        -------
        WeightsEnum or None

        Raises
        ------
        KeyError
            If there are no weights of that name.
        TypeError
            If it is a member of another model's class.
        """
        if obj is None or isinstance(obj, cls):
            return obj
        if _is_file(obj):
            return _File(obj)
        if type(obj) is not str:
            raise TypeError(f"Invalid Weight class provided; expected {cls.__name__} but received "
                            f"{obj.__class__.__name__}.")
        name = obj.replace(cls.__name__ + ".", "")
        if name not in cls.__members__:
            raise KeyError(f"{name}: weights may be {', '.join(cls.__members__)} of {cls.__name__}, or the path of a "
                           ".pth file")
        return cls[name]

    def get_state_dict(self, *args, **kwargs):
        """Return the state_dict, from the cache folder if the file is there; see
        :func:`pycnn.hub.load_state_dict_from_url`.

        Parameters
        ----------
        *args : object
            Of :func:`pycnn.hub.load_state_dict_from_url`, after the address.
        **kwargs : object
            Of :func:`pycnn.hub.load_state_dict_from_url`.

        Returns
        -------
        dict
        """
        from pycnn.hub import load_state_dict_from_url
        return load_state_dict_from_url(self.url, *args, **kwargs)

    def __repr__(self):
        return f"{self.__class__.__name__}.{self._name_}"

    @property
    def url(self):
        """Where the file is."""
        return self.value.url

    @property
    def transforms(self):
        """Call it for the transform that images need before this model."""
        return self.value.transforms

    @property
    def meta(self):
        """What is known about these weights."""
        return self.value.meta


def register_model(name=None):
    """Decorate a builder of models, to be found by :func:`get_model` under `name` or its own.

    Parameters
    ----------
    name : str, optional
        That of the builder by default.

    Returns
    -------
    callable
        The decorator.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    def register(builder):
        key = builder.__name__ if name is None else name
        if key in _BUILDERS:
            raise ValueError(f"An entry is already registered under the name '{key}'.")
        _BUILDERS[key] = builder
        return builder
    return register


def pretrained_means(default):
    """Decorate a builder that takes `weights` by keyword: accept ``pretrained=True`` as `default`, with a warning.

    Parameters
    ----------
    default : WeightsEnum or None
        None: there are no weights of that age.

    Returns
    -------
    callable
        The decorator.

    Notes
    -----
    torchvision warns twice of one call; here its sentences are one warning, shown at the caller's line.
    """
    def decorate(builder):
        names = [p.name for p in inspect.signature(builder).parameters.values() if p.kind is p.KEYWORD_ONLY]

        @functools.wraps(builder)
        def build(*args, **kwargs):
            positional = dict(zip(names, args))
            kwargs |= positional
            words = []
            if positional:
                words.append(f"Using {' and '.join(map(repr, positional))} as positional parameter(s) is deprecated "
                             "since 0.13 and may be removed in the future. Please use keyword parameter(s) instead.")
            elif "pretrained" in kwargs:
                words.append("The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, "
                             "please use 'weights' instead.")
            if "pretrained" in kwargs or isinstance(kwargs.get("weights"), bool):  # models.resnet18(True)
                pretrained = kwargs.pop("pretrained", kwargs.get("weights"))
                if pretrained and default is None:
                    raise ValueError(f"No weights available for model {builder.__name__}")
                kwargs["weights"] = default if pretrained else None
                words.append(_in_today_s_words(kwargs["weights"]))
            if words:
                warnings.warn(" ".join(words), stacklevel=2)
            return builder(*args[len(names):], **kwargs)
        return build
    return decorate


def _in_today_s_words(weights):
    """torchvision's sentences on what ``pretrained=True`` means."""
    text = ("Arguments other than a weight enum or `None` for 'weights' are deprecated since 0.13 and may be removed "
            f"in the future. The current behavior is equivalent to passing `weights={weights}`.")
    if weights is not None:
        text += f" You can also use `weights={type(weights).__name__}.DEFAULT` to get the most up-to-date weights."
    return text


_BUILDER_DOC = """Build {what}.

Parameters
----------
weights : {weights}, str or path, optional
    Published weights by member or name (``"DEFAULT"``), or the ``.pth`` file of a state_dict. Default: none,
    initial weights are drawn.
progress : bool, default True
    Show a bar while weights are downloaded.
**kwargs : object
    Parameters of :class:`{model}`.

Returns
-------
{model}
"""


def make_builder(name, what, model, weights_class, build):
    """Return the builder of one of several sizes of a model, registered and documented.

    Parameters
    ----------
    name : str
        Of the builder.
    what : str
        The size, for the docstring.
    model : type
    weights_class : type
        The WeightsEnum of this size.
    build : callable
        Called with verified weights, progress and further parameters.

    Returns
    -------
    callable
    """
    def builder(*, weights=None, progress=True, **kwargs):
        return build(weights_class.verify(weights), progress, **kwargs)

    builder.__name__ = builder.__qualname__ = name
    builder.__module__ = weights_class.__module__
    builder.__doc__ = _BUILDER_DOC.format(what=what, weights=weights_class.__name__, model=model.__name__)
    builder.__annotations__ = {"weights": weights_class | None, "progress": bool, "return": model}
    return register_model()(pretrained_means(getattr(weights_class, "IMAGENET1K_V1", None))(builder))


def set_param(kwargs, name, value):
    """Put a parameter that the model fixes into `kwargs`.

    Parameters
    ----------
    kwargs : dict
    name : str
    value : object

    Raises
    ------
    ValueError
        If they ask for another value.
    """
    if kwargs.setdefault(name, value) != value:
        raise ValueError(f"The parameter '{name}' expected value {value} but got {kwargs[name]} instead.")


def check_num_classes(weights, kwargs):
    """Put the number of classes of published weights into `kwargs`; ValueError if they ask for another.

    Parameters
    ----------
    weights : WeightsEnum or None
    kwargs : dict

    Raises
    ------
    ValueError
        If they ask for another number.
    """
    if weights is not None and "categories" in weights.meta:
        set_param(kwargs, "num_classes", len(weights.meta["categories"]))


def load_weights(model, weights, progress):
    """Load weights into a new model, unless they are None.

    Parameters
    ----------
    model : Module
    weights : WeightsEnum or None
    progress : bool
        Show a bar while they are downloaded.
    """
    if weights is not None:
        model.load_state_dict(weights.get_state_dict(progress=progress, check_hash=True))


def get_weight(name):
    """Return weights by their full name.

    Parameters
    ----------
    name : str
        As ``"ResNet50_Weights.IMAGENET1K_V1"``.

    Returns
    -------
    WeightsEnum

    Raises
    ------
    ValueError
        If there is no such class.
    KeyError
        If it has no such member.
    """
    try:
        enum_name, member = name.split(".")
    except ValueError:
        raise ValueError(f"Invalid weight name provided: '{name}'.") from None
    found = vars(sys.modules["pycnn.vision.models"]).get(enum_name)
    if not (isinstance(found, type) and issubclass(found, WeightsEnum)):
        raise ValueError(f"The weight enum '{enum_name}' for the specific method couldn't be retrieved.")
    return found[member]


def get_model_weights(name):
    """Return the class of a model's weights.

    Parameters
    ----------
    name : str or callable
        A model's name, or its builder.

    Returns
    -------
    type
        A subclass of WeightsEnum.

    Raises
    ------
    ValueError
        If the model has no such class.
    """
    builder = get_model_builder(name) if isinstance(name, str) else name
    weights = inspect.signature(builder).parameters.get("weights")
    if weights is None:
        raise ValueError("The method is missing the 'weights' argument.")
    for kind in (weights.annotation, *typing.get_args(weights.annotation)):
        if isinstance(kind, type) and issubclass(kind, WeightsEnum):
            return kind
    raise ValueError("The WeightsEnum class for the specific method couldn't be retrieved. Make sure the typing info "
                     "is correct.")


def get_model_builder(name):
    """Return the function that builds the model `name`.

    Parameters
    ----------
    name : str
        In upper or lower case.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If there is no such model.
    """
    try:
        return _BUILDERS[name.lower()]
    except KeyError:
        raise ValueError(f"Unknown model {name}. There are {', '.join(list_models())}.") from None


def get_model(name, **config):
    """Build a model by its name.

    Parameters
    ----------
    name : str
        One of :func:`list_models`.
    **config
        Parameters of its builder, as ``weights="DEFAULT"``.

    Returns
    -------
    Module
    """
    return get_model_builder(name)(**config)


def list_models(module=None, include=None, exclude=None):
    """Return the names of the models, sorted.

    Parameters
    ----------
    module : module, optional
        Only those that it holds.
    include, exclude : str or iterable of str, optional
        Patterns with ``*`` and ``?``: names that match one of `include` and none of `exclude`.

    Returns
    -------
    list of str
    """
    def matching(patterns):
        patterns = [patterns] if isinstance(patterns, str) else patterns
        return {name for pattern in patterns for name in fnmatch.filter(names, pattern)}

    names = {k for k, v in _BUILDERS.items() if module is None or v.__module__.rpartition(".")[0] == module.__name__}
    return sorted((matching(include) if include else names) - (matching(exclude) if exclude else set()))
