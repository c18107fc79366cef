"""The error for a name that pycnn does not have: it says so and names the nearest one."""

import difflib


def missing_attribute(module, name, names):
    """Return an AttributeError for ``module.name``, naming the closest of `names`.

    Parameters
    ----------
    module : str
    name : str
    names : iterable of str

    Returns
    -------
    AttributeError
    """
    torch_name = module.replace("pycnn.vision", "torchvision").replace("pycnn", "torch")
    close = difflib.get_close_matches(name, [n for n in names if not n.startswith("_")], 1, 0.5)
    hint = f" The nearest name is {module}.{close[0]}." if close else ""
    return AttributeError(f"pycnn has no {torch_name}.{name}.{hint} "
                          f"(module '{module}' has no attribute '{name}')")


def getattr_of(module, names):
    """Return the ``__getattr__`` of a module: names that it does not have raise :func:`missing_attribute`.

    Parameters
    ----------
    module : str
    names : iterable of str

    Returns
    -------
    callable
    """
    def __getattr__(name):
        if name.startswith("__"):
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        raise missing_attribute(module, name, names)
    return __getattr__
