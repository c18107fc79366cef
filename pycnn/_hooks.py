"""The handle that registering a hook returns."""


class RemovableHandle:
    """What registering a hook returns; ``remove()`` takes the hook away again.

    Parameters
    ----------
    remove : callable
        Does it.
    """

    def __init__(self, remove):
        self._remove = remove

    def remove(self):
        """Remove the hook; further calls do nothing."""
        remove, self._remove = self._remove, None
        if remove is not None:
            remove()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()
