"""Tensor: what TensorBase, its C part, leaves to Python."""

import copy as _copy
import mmap as _mmap
import sys as _sys
import weakref as _weakref

import numpy as _np

from pycnn import _C, functional
from pycnn._default_dtype import get_default_dtype
from pycnn._device import Size, check_device, contiguous_format, channels_last, device, preserve_format, strided
from pycnn._from_data import tensor
from pycnn._hooks import RemovableHandle
from pycnn._tensor_str import format_tensor
from pycnn._types import dtype_of, new_tensor, type_name

# Address: the mapping of a tensor that processes share.
_shared: _weakref.WeakValueDictionary = _weakref.WeakValueDictionary()


class Tensor(_C.TensorBase):
    """A multi-dimensional array of one dtype, with a graph of the operations that made it.

    Made by :func:`pycnn.tensor`, :func:`pycnn.zeros`, :func:`pycnn.from_numpy` and others. ``Tensor(2, 3)`` gives an
    uninitialised float32 tensor of that shape and ``Tensor([1, 2])`` one with these values, as in torch.

    Parameters
    ----------
    *args : int, Size, or data
        Sizes, one Size, or what :func:`pycnn.tensor` takes.

    See Also
    --------
    torch.Tensor : same behaviour.
    """

    def __new__(cls, *args):
        if len(args) == 1 and not isinstance(args[0], int):
            data = args[0]
            if isinstance(data, Size):
                data = _C.fn.empty(data)
            elif not isinstance(data, Tensor):
                data = tensor(data, dtype=get_default_dtype())
        else:
            data = _C.fn.empty(args if args else (0,))
        return _C.TensorBase._make_subclass(cls, data)

    # ---- text and conversion

    def __repr__(self, *, tensor_contents=None):
        return format_tensor(self, tensor_contents)

    def __format__(self, spec):
        return format(self.item(), spec) if self.dim() == 0 else object.__format__(self, spec)

    def __reduce_ex__(self, protocol):
        if self.grad_fn is not None:
            raise RuntimeError("Only Tensors created explicitly by the user (graph leaves) support the pickle "
                               "protocol; use detach() first")
        context = _sys.modules.get("multiprocessing.context")
        if context is not None and context.get_spawning_popen() is not None and self.is_shared():
            raise RuntimeError("a tensor in shared memory was sent to a process that is not started by fork, which "
                               "would get a copy: use the start method 'fork'")
        data = self.detach()
        values = data.float().numpy() if data.dtype is _C.bfloat16 else data.numpy()
        return _rebuild, (type(self), values.copy(), self.dtype, self.requires_grad, dict(self.__dict__))

    def __deepcopy__(self, memo):
        if self.grad_fn is not None:
            raise RuntimeError("Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                               "protocol at the moment.")
        if id(self) in memo:
            return memo[id(self)]
        result = _C.TensorBase._make_subclass(type(self), self.detach().clone(), self.requires_grad)
        memo[id(self)] = result
        result.__dict__ = _copy.deepcopy(self.__dict__, memo)
        if self.grad is not None:
            result.grad = self.grad.__deepcopy__(memo)
        return result

    def __array__(self, dtype=None, copy=None):
        values = self.numpy()
        if dtype is not None and values.dtype != dtype:
            return values.astype(dtype)
        return values.copy() if copy else values

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return _C.from_data(array.astype("uint8") if array.dtype == bool else array)[0]

    __array_priority__ = 1000

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return _C.to_dlpack(self.clone() if copy else self)

    def __dlpack_device__(self):
        return (1, 0)

    def numpy(self, *, force=False):
        """Return an ndarray that shares this tensor's memory.

        Parameters
        ----------
        force : bool, default False
            Detach first where that is needed.

        Returns
        -------
        ndarray
            Of the same shape and strides.

        Raises
        ------
        RuntimeError
            If the tensor requires grad and `force` is False.
        """
        if self.requires_grad:
            if not force:
                raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                                   "instead.")
            return _C.to_numpy(self.detach())
        return _C.to_numpy(self)

    # ---- iteration

    def __iter__(self):
        if self.dim() == 0:
            raise TypeError("iteration over a 0-d tensor")
        _C.warn_untraceable(self, "iteration")
        return iter(self.unbind(0))

    def __reversed__(self):
        return self.flip(0)

    def __contains__(self, element):
        return bool((self == element).any())

    # ---- properties

    @property
    def device(self):
        """The device: always ``device(type='cpu')``."""
        return device("cpu")

    @property
    def layout(self):
        """Always ``pycnn.strided``."""
        return strided

    @property
    def is_cuda(self):
        """Always False."""
        return False

    is_mps = is_xpu = is_meta = is_sparse = is_quantized = is_cuda

    @property
    def T(self):
        """The tensor with its dimensions reversed."""
        return self.permute(*range(self.dim() - 1, -1, -1)) if self.dim() > 0 else self

    @property
    def mT(self):
        """The tensor with its last two dimensions exchanged."""
        return self.transpose(-2, -1)

    @property
    def itemsize(self):
        """Bytes of one element."""
        return self.element_size()

    @property
    def nbytes(self):
        """Bytes of all elements."""
        return self.numel() * self.element_size()

    def is_floating_point(self):
        """Return True if the dtype is a float."""
        return self.dtype.is_floating_point

    def is_complex(self):
        """Return False: there are no complex tensors here."""
        return False

    def is_contiguous(self, memory_format=contiguous_format):
        """Return True if the elements lie in memory in the order of `memory_format`.

        Parameters
        ----------
        memory_format : memory_format, default contiguous_format
            Order of the dimensions in memory.

        Returns
        -------
        bool
        """
        return self._is_contiguous(memory_format is channels_last)

    def contiguous(self, memory_format=contiguous_format):
        """Return the tensor itself if it is contiguous in `memory_format`, otherwise a copy that is.

        Parameters
        ----------
        memory_format : memory_format, default contiguous_format
            Order of the dimensions in memory.

        Returns
        -------
        Tensor
        """
        return self._contiguous(memory_format is channels_last)

    # ---- operations with arguments that are no numbers, or results that are no tensors

    def div(self, other, *, rounding_mode=None):
        """Divide; `rounding_mode` "trunc" or "floor" rounds the quotient.

        Parameters
        ----------
        other : Tensor or number
            Broadcast with the tensor.
        rounding_mode : {None, "trunc", "floor"}, optional
            Round towards zero, or down.

        Returns
        -------
        Tensor
        """
        return functional.div(self, other, rounding_mode=rounding_mode)

    def div_(self, other, *, rounding_mode=None):
        """Divide in place.

        Parameters
        ----------
        other : Tensor or number
            Broadcast to the tensor.
        rounding_mode : {None, "trunc", "floor"}, optional
            Round towards zero, or down.

        Returns
        -------
        Tensor
            The tensor itself.
        """
        return _C.TensorBase.div_(self, other, rounding_mode=functional._rounding(rounding_mode))

    def where(self, condition, other):
        """Return this tensor's elements where a condition holds, those of another where not.

        Parameters
        ----------
        condition : Tensor of bool
        other : Tensor or number

        Returns
        -------
        Tensor
        """
        return _C.fn.where(condition, self, other)

    def index_put_(self, indices, values, accumulate=False):
        """Write values where index tensors point, as ``t[i, j] = values``.

        Parameters
        ----------
        indices : tuple of Tensor
            Of int64 or bool; None stands for a whole dimension.
        values : Tensor or number
        accumulate : bool, default False
            Add them; places that are pointed at twice get both.

        Returns
        -------
        Tensor
            This tensor.
        """
        index = tuple(slice(None) if i is None else i for i in indices)
        if accumulate:
            self._add_at(index, values)
        else:
            self[index] = values
        return self

    def index_put(self, indices, values, accumulate=False):
        """Return a copy with values written where index tensors point; see :meth:`index_put_`.

        Parameters
        ----------
        indices : tuple of Tensor
        values : Tensor or number
        accumulate : bool, default False

        Returns
        -------
        Tensor
        """
        return self.clone().index_put_(indices, values, accumulate)

    def fill_diagonal_(self, fill_value, wrap=False):
        """Fill the main diagonal.

        Parameters
        ----------
        fill_value : number
        wrap : bool, default False
            In a matrix with more rows than columns, begin again below each diagonal, a row left out between them.

        Returns
        -------
        Tensor
            This tensor.

        Raises
        ------
        RuntimeError
            If this has fewer than two dimensions, or more and these are not of one length.
        """
        if self.dim() < 2:
            raise RuntimeError("dimensions must larger than 1")
        if self.dim() > 2 and len(set(self.shape)) > 1:
            raise RuntimeError("all dimensions of input must be of equal length")
        (height, width), step = self.shape[:2], sum(self.stride())
        self.as_strided((min(height, width),), (step,), self.storage_offset()).fill_(fill_value)
        if wrap and self.dim() == 2 and height > width + 1:
            start = self.storage_offset() + self.stride(0) * (width + 1)
            self.as_strided((-(-height * width // (width + 1)) - width,), (step,), start).fill_(fill_value)
        return self

    def resize_(self, *sizes):
        """Change the shape of this tensor itself, keeping its first elements; further ones are undefined.

        Parameters
        ----------
        *sizes : int
            Or one sequence of them.

        Returns
        -------
        Tensor
            This tensor.
        """
        sizes = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        old = self.detach().reshape(-1)
        data = _C.fn.empty(sizes, dtype=self.dtype)
        kept = min(data.numel(), old.numel())
        if data.numel() != old.numel():
            data.view(-1)[:kept] = old[:kept]
        else:
            data = old.view(sizes)
        return self._reshape_self(data)

    def resize_as_(self, the_template):
        """Change the shape of this tensor itself to another's; see :meth:`resize_`.

        Parameters
        ----------
        the_template : Tensor

        Returns
        -------
        Tensor
            This tensor.
        """
        return self.resize_(the_template.shape)

    def split(self, split_size, dim=0):
        """Cut into pieces along a dimension; see :func:`pycnn.split`.

        Parameters
        ----------
        split_size : int or sequence of int
            The size of each piece (the last may be smaller), or the sizes of all.
        dim : int, default 0
            Dimension, counted from the end if negative.

        Returns
        -------
        tuple of Tensor
            Views.
        """
        return functional.split(self, split_size, dim)

    def tensor_split(self, indices_or_sections, dim=0):
        """Cut into pieces along a dimension; see :func:`pycnn.tensor_split`.

        Parameters
        ----------
        indices_or_sections : int, sequence of int or Tensor
            How many pieces, or where each but the first begins.
        dim : int, default 0
            Dimension, counted from the end if negative.

        Returns
        -------
        tuple of Tensor
            Views.
        """
        return functional.tensor_split(self, indices_or_sections, dim)

    def norm(self, p="fro", dim=None, keepdim=False, dtype=None):
        """Return the norm of all elements, or over dimensions; see :func:`pycnn.norm`.

        Parameters
        ----------
        p : float or "fro", default "fro"
            The norm's power.
        dim : int or sequence of int, optional
            All dimensions by default.
        keepdim : bool, default False
            Keep reduced dimensions, with size 1.
        dtype : dtype, optional
            Of the result.

        Returns
        -------
        Tensor
        """
        return functional.norm(self, p, dim, keepdim, dtype=dtype)

    def detach_(self):
        """Take this tensor out of its graph; views are refused.

        Raises
        ------
        RuntimeError
            If the tensor is a view.
        """
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        _C.detach_inplace(self)
        return self

    def squeeze_(self, *dim):
        """Drop dimensions of size 1 of this tensor itself.

        Parameters
        ----------
        *dim : int or sequence of int
            All of size 1 by default.

        Returns
        -------
        Tensor
            The tensor itself.
        """
        return self._reshape_self(self.detach().squeeze(*dim))

    def unsqueeze_(self, dim):
        """Add a dimension of size 1 to this tensor itself.

        Parameters
        ----------
        dim : int
            Where the new dimension stands; counted from the end if negative.

        Returns
        -------
        Tensor
            The tensor itself.
        """
        return self._reshape_self(self.detach().unsqueeze(dim))

    def transpose_(self, dim0, dim1):
        """Exchange two dimensions of this tensor itself.

        Parameters
        ----------
        dim0 : int
            Counted from the end if negative.
        dim1 : int
            Counted from the end if negative.

        Returns
        -------
        Tensor
            The tensor itself.
        """
        return self._reshape_self(self.detach().transpose(dim0, dim1))

    def t_(self):
        """Transpose this matrix itself."""
        return self._reshape_self(self.detach().t())

    def _reshape_self(self, view):
        if self.requires_grad:
            raise NotImplementedError("the shape of a tensor that requires grad cannot be changed in place: use the "
                                      "function without the underscore")
        self.data = view
        return self

    def is_shared(self):
        """Return True after :meth:`share_memory_`.

        Returns
        -------
        bool
        """
        return self.data_ptr() in _shared

    def is_pinned(self):
        """Return False: there is no GPU to pin for."""
        return False

    # ---- dtype and device

    def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=preserve_format):
        """Convert to a dtype, or to the dtype of another tensor; devices other than the CPU are refused.

        Parameters
        ----------
        *args : object
            A dtype, a device, or a tensor that has them, in any order.
        dtype : dtype, optional
            Of the result.
        device : device or str, optional
            The CPU.
        non_blocking : bool, default False
            Accepted and ignored.
        copy : bool, default False
            Return a copy even if nothing changes.
        memory_format : memory_format, default preserve_format
            Order of the dimensions in memory.

        Returns
        -------
        Tensor
            The tensor itself if nothing changes and `copy` is False.
        """
        for arg in args:
            if isinstance(arg, _C.dtype):
                dtype = arg
            elif isinstance(arg, Tensor):
                dtype = arg.dtype
            elif isinstance(arg, bool):
                pass  # non_blocking
            elif arg is not None:
                device = arg
        if device is not None:
            check_device(device)
        result = self
        if dtype is not None and dtype is not self.dtype:
            result = self._cast(dtype)
        elif copy:
            result = self.clone()
        if memory_format is channels_last or (memory_format is contiguous_format and not result.is_contiguous()):
            result = result.contiguous(memory_format)
        return result

    def type(self, dtype=None, non_blocking=False):
        """Return the name of the tensor's type, or the tensor converted to a dtype, a tensor type or the name of one.

        Parameters
        ----------
        dtype : dtype, tensor type or str, optional
            A name is one as ``"torch.DoubleTensor"``.
        non_blocking : bool, default False
            Accepted and ignored.

        Returns
        -------
        str or Tensor
        """
        if dtype is None:
            return type_name(self.dtype)
        return self.to(dtype_of(dtype))

    def type_as(self, other):
        """Return the tensor converted to the dtype of `other`.

        Parameters
        ----------
        other : Tensor

        Returns
        -------
        Tensor
        """
        return self.to(other.dtype)

    def cpu(self):
        """Return the tensor itself."""
        return self

    def cuda(self, device=None, non_blocking=False):
        """Raise AssertionError, as torch does without CUDA; with $PYCNN_CUDA_AS_CPU, return the tensor itself.

        Parameters
        ----------
        device : int or device, optional
            Any.
        non_blocking : bool, default False
            Accepted and ignored.

        Returns
        -------
        Tensor
            The tensor itself, where ``PYCNN_CUDA_AS_CPU=1`` lets "cuda" mean the CPU.
        """
        check_device("cuda")
        return self

    def get_device(self):
        """Return -1: the tensor is on the CPU."""
        return -1

    def pin_memory(self):
        """Return the tensor itself."""
        return self

    def share_memory_(self):
        """Move the elements to memory that processes share which are started by ``fork`` afterwards.

        Returns
        -------
        Tensor
            This tensor.

        Raises
        ------
        RuntimeError
            If it is sent to a process that is started in another way.
        """
        if not self.is_shared() and self.numel() > 0:
            values = _C.to_numpy(self.detach())
            mapping = _mmap.mmap(-1, values.nbytes)
            array = _np.frombuffer(mapping, values.dtype).reshape(values.shape)
            array[...] = values
            self.data = _C.from_numpy(array)
            _shared[self.data_ptr()] = mapping
        return self

    def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False):
        """Return a tensor of `data` with this tensor's dtype unless another is given.

        Parameters
        ----------
        data : object
            As for :func:`pycnn.tensor`.
        dtype : dtype, optional
            Of the result, instead.
        device : device or str, optional
            "cpu"; any other is refused.
        requires_grad : bool, default False
            Record what is done with the tensor, so that ``backward()`` gives its gradient.

        Returns
        -------
        Tensor
        """
        return tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    def new(self, *args):
        """Return a tensor of this dtype: uninitialised from sizes, or with the values of data.

        Parameters
        ----------
        *args : object
            Sizes, one Size, or data.

        Returns
        -------
        Tensor
        """
        return new_tensor(self.dtype, args, "new()")

    # ---- graph

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Compute the gradients of the leaves that led to this tensor and add them to their ``.grad``.

        Parameters
        ----------
        gradient : Tensor, optional
            Gradient with respect to this tensor; needed unless it has a single element.
        retain_graph : bool, optional
            Keep the graph for another call.
        create_graph : bool, default False
            Not supported: True raises NotImplementedError.
        inputs : Tensor or sequence of Tensor, optional
            Accumulate into these leaves alone.

        Raises
        ------
        RuntimeError
            If the tensor has no graph, is no scalar without `gradient`, or its graph was freed.

        Examples
        --------
        >>> x = pycnn.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
        """
        from pycnn import autograd
        autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def register_hook(self, hook):
        """Call ``hook(grad)`` whenever the gradient of this tensor is computed; it may return another gradient.

        Parameters
        ----------
        hook : callable

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.
        """
        handle = _C.add_hook(self, hook)
        return RemovableHandle(lambda: _C.remove_hook(self, handle))

    def register_post_accumulate_grad_hook(self, hook):
        """Call ``hook(self)`` after the gradient of this leaf has been accumulated.

        Parameters
        ----------
        hook : callable

        Returns
        -------
        RemovableHandle
            Its ``remove()`` takes the hook away.

        Raises
        ------
        RuntimeError
            If the tensor is no leaf.
        """
        if not self.is_leaf:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        handle = _C.add_hook(self, hook, True)
        return RemovableHandle(lambda: _C.remove_hook(self, handle))

    def retain_grad(self):
        """Keep the gradient of this non-leaf tensor in ``.grad``."""
        _C.retain_grad(self)

    def requires_grad_(self, requires_grad=True):
        """Set ``requires_grad`` and return the tensor.

        Parameters
        ----------
        requires_grad : bool, default True

        Returns
        -------
        Tensor
            The tensor itself.
        """
        self.requires_grad = requires_grad
        return self


_CASTS = {"float": _C.float32, "double": _C.float64, "half": _C.float16, "bfloat16": _C.bfloat16, "long": _C.int64,
          "int": _C.int32, "short": _C.int16, "char": _C.int8, "byte": _C.uint8, "bool": _C.bool}


def _add_cast(name, dtype):
    def cast(self, memory_format=preserve_format):
        return self.to(dtype)
    cast.__name__, cast.__qualname__ = name, f"Tensor.{name}"
    cast.__doc__ = f"""Return the tensor converted to {dtype.name}.

    Parameters
    ----------
    memory_format : memory_format, default preserve_format
        Accepted and ignored.

    Returns
    -------
    Tensor
        The tensor itself if it is {dtype.name} already.
    """
    setattr(Tensor, name, cast)


for _name, _dtype in _CASTS.items():
    _add_cast(_name, _dtype)

for _name in ("allclose", "argwhere", "diag", "equal", "is_nonzero", "isin", "nan_to_num", "trace", "unique",
              "unique_consecutive"):
    setattr(Tensor, _name, getattr(functional, _name))

_C._set_classes(Tensor, Size)


def _rebuild(cls, values, dtype, requires_grad, attributes):
    """Undo ``Tensor.__reduce_ex__``."""
    result = _C.TensorBase._make_subclass(cls, _C.from_data(values)[0].to(dtype), requires_grad)
    result.__dict__.update(attributes)
    return result
