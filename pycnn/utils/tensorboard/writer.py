"""The writer of event files: TFRecords of protobuf messages."""

import datetime
import itertools
import math
import os
import socket
import struct
import time

import numpy as np

from pycnn import _C
from pycnn._tensor import Tensor
from pycnn.utils.tensorboard import proto

_numbers = itertools.count()  # of this process's files


def _array(x):
    """A tensor, array, number or list as an ndarray."""
    if isinstance(x, Tensor):
        x = x.detach()
        return (x.float() if x.dtype is _C.bfloat16 else x).numpy()
    return np.asarray(x)


class FileWriter:
    """One event file in a folder.

    Parameters
    ----------
    log_dir : path
        Made if it is not there.
    max_queue : int, default 10
        Events that may wait in memory.
    flush_secs : float, default 120
        How long they may.
    filename_suffix : str, default ""
    """

    def __init__(self, log_dir, max_queue=10, flush_secs=120, filename_suffix=""):
        self._folder, self._max_queue, self._flush_secs = os.fspath(log_dir), max_queue, flush_secs
        os.makedirs(self._folder, exist_ok=True)
        name = (f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}."
                f"{next(_numbers):04d}{filename_suffix}")
        self._file = open(os.path.join(self._folder, name), "ab")
        self._waiting, self._flushed = 0, time.monotonic()
        self.add_event(proto.event(time.time(), file_version="brain.Event:2"))
        self.flush()

    def get_logdir(self):
        """Return the folder."""
        return self._folder

    def add_event(self, event):
        """Write the bytes of an Event.

        Parameters
        ----------
        event : bytes
        """
        length = struct.pack("<Q", len(event))
        record = b"".join((length, struct.pack("<I", _C.masked_crc32c(length)),
                           event, struct.pack("<I", _C.masked_crc32c(event))))
        self._file.write(record)
        self._waiting += 1
        if self._waiting > self._max_queue or time.monotonic() - self._flushed > self._flush_secs:
            self.flush()

    def add_summary(self, summary, global_step=None, walltime=None):
        """Write the bytes of a Summary, with a step and the time.

        Parameters
        ----------
        summary : bytes
        global_step : int, optional
        walltime : float, optional
            Seconds since 1970; now by default.
        """
        step = None if global_step is None else int(global_step)
        self.add_event(proto.event(time.time() if walltime is None else walltime, step, summary=summary))

    def flush(self):
        """Write what waits in memory."""
        self._file.flush()
        self._waiting, self._flushed = 0, time.monotonic()

    def close(self):
        """Flush and close the file."""
        self._file.close()

    def __del__(self):
        if hasattr(self, "_file"):
            self._file.close()


class SummaryWriter:
    """Writes numbers, pictures, histograms and texts that TensorBoard shows: ``tensorboard --logdir runs``.

    Parameters
    ----------
    log_dir : path, optional
        Default: ``runs/`` and the time, the host's name and `comment`.
    comment : str, default ""
    purge_step : int, optional
        TensorBoard forgets what an earlier run wrote for this step and later ones.
    max_queue, flush_secs : int, float
        As for :class:`FileWriter`.
    filename_suffix : str, default ""

    See Also
    --------
    torch.utils.tensorboard.SummaryWriter : the same files; it needs the package tensorboard, this one does not.
    """

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120, filename_suffix=""):
        if not log_dir:
            now = datetime.datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir = os.fspath(log_dir)
        self._options = max_queue, flush_secs, filename_suffix
        self._writers = {}
        self.file_writer = self._writer(self.log_dir)
        if purge_step is not None:
            self.file_writer.add_event(proto.event(time.time(), int(purge_step), session=proto.SESSION_START))

    def _writer(self, folder):
        if folder not in self._writers:
            self._writers[folder] = FileWriter(folder, *self._options)
        return self._writers[folder]

    def get_logdir(self):
        """Return the folder."""
        return self.log_dir

    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, new_style=False, double_precision=False):
        """Write a number.

        Parameters
        ----------
        tag : str
            The curve's name; what stands before a slash groups curves.
        scalar_value : number, or Tensor or ndarray of one element
        global_step : int, optional
        walltime : float, optional
            Seconds since 1970; default: now.
        new_style, double_precision : bool, default False
            Write it as a tensor, in float64.

        Raises
        ------
        AssertionError
            If the value has several elements.
        """
        value = _array(scalar_value)
        if value.size != 1:
            raise AssertionError(f"Tensor should contain one element (0 dimensions). Was given size: {value.size} and "
                                 f"{value.ndim} dimensions.")
        self._writer(self.log_dir).add_summary(proto.scalar(tag, float(value.reshape(())), new_style, double_precision),
                                               global_step, walltime)

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
        """Write numbers that are drawn in one picture: each in a folder of its own, as torch does.

        Parameters
        ----------
        main_tag : str
            The picture's name.
        tag_scalar_dict : dict of str to number
            The curves.
        global_step : int, optional
        walltime : float, optional
            Seconds since 1970; now by default.
        """
        for tag, value in tag_scalar_dict.items():
            writer = self._writer(f"{self.log_dir}/{main_tag.replace('/', '_')}_{tag}")
            writer.add_summary(proto.scalar(main_tag, float(_array(value).reshape(()))), global_step, walltime)

    def add_histogram(self, tag, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None):
        """Write how values are distributed; `bins` as for numpy.histogram, or "tensorflow".

        Parameters
        ----------
        tag : str
        values : Tensor or ndarray
        global_step : int, optional
        bins : str or sequence of float, default "tensorflow"
        walltime : float, optional
            Seconds since 1970; now by default.
        max_bins : int, optional
            At most so many.
        """
        self._writer(self.log_dir).add_summary(proto.histogram(tag, _array(values), bins, max_bins), global_step,
                                               walltime)

    def add_image(self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW"):
        """Write a picture: floats from 0 to 1, or uint8.

        Parameters
        ----------
        tag : str
        img_tensor : Tensor or ndarray
        global_step : int, optional
        walltime : float, optional
        dataformats : str, default "CHW"
            What its dimensions are: some order of N, C, H, W. Several pictures, N, are put side by side.
        """
        self._writer(self.log_dir).add_summary(proto.image(tag, _pixels(_array(img_tensor), dataformats.upper())),
                                               global_step, walltime)

    def add_images(self, tag, img_tensor, global_step=None, walltime=None, dataformats="NCHW"):
        """Write pictures, side by side; see :meth:`add_image`.

        Parameters
        ----------
        tag : str
        img_tensor : Tensor or ndarray
        global_step : int, optional
        walltime : float, optional
            Seconds since 1970; now by default.
        dataformats : str, default "NCHW"
            What the dimensions are.
        """
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_figure(self, tag, figure, global_step=None, close=True, walltime=None):
        """Write a matplotlib figure, or a list of them, and close it.

        Parameters
        ----------
        tag : str
        figure : Figure or list of Figure
        global_step : int, optional
        close : bool, default True
            Close the figure.
        walltime : float, optional
            Seconds since 1970; now by default.
        """
        figures = figure if isinstance(figure, list) else [figure]
        pictures = []
        for f in figures:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            canvas = FigureCanvasAgg(f)
            canvas.draw()
            pictures.append(np.asarray(canvas.buffer_rgba())[:, :, :3])
            if close:
                from matplotlib import pyplot
                pyplot.close(f)
        if isinstance(figure, list):
            self.add_image(tag, np.stack(pictures), global_step, walltime, "NHWC")
        else:
            self.add_image(tag, pictures[0], global_step, walltime, "HWC")

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        """Write a text, in Markdown.

        Parameters
        ----------
        tag : str
        text_string : str
        global_step : int, optional
        walltime : float, optional
            Seconds since 1970; now by default.
        """
        self._writer(self.log_dir).add_summary(proto.text(tag, text_string), global_step, walltime)

    def add_graph(self, model, input_to_model=None, verbose=False, use_strict_trace=True):
        """Write the tree of a model's modules.

        Parameters
        ----------
        model : Module
        input_to_model : object, optional
            Ignored.
        verbose : bool, default False
            Ignored.
        use_strict_trace : bool, default True
            Ignored.

        Notes
        -----
        torch writes the graph of tensors between them too.
        """
        nodes = []
        for name, module in model.named_modules():
            path = "/".join([type(model).__name__, *name.split(".")]) if name else type(model).__name__
            nodes.append((path, type(module).__name__, []))
        self.file_writer.add_event(proto.event(time.time(), graph=proto.graph(nodes)))

    def flush(self):
        """Write what waits in memory."""
        for writer in self._writers.values():
            writer.flush()

    def close(self):
        """Flush and close the files; a later ``add_...`` opens new ones."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def _pixels(x, order):
    """[H, W, 3] (or 1, 4) of uint8, as torch makes it: pictures of one channel are given three."""
    if len(set(order)) != len(order):
        raise AssertionError(f"You can not use the same dimension shorthand twice.         input_format: {order}")
    if x.ndim != len(order):
        raise AssertionError(f"size of input tensor and input format are different.         tensor shape: {x.shape}, "
                             f"input_format: {order}")
    if len(order) == 4:
        x = x.transpose([order.index(d) for d in "NHWC"])
        n, h, w, c = x.shape
        columns = min(n, 8)
        rows = math.ceil(n / columns)
        canvas = np.zeros((rows * columns, h, w, 3), x.dtype)
        canvas[:n] = x
        x = canvas.reshape(rows, columns, h, w, 3).transpose(0, 2, 1, 3, 4).reshape(rows * h, columns * w, 3)
    else:
        x = x.transpose([order.index(d) for d in ("HWC" if len(order) == 3 else "HW")])
        x = x[..., None] if len(order) == 2 else x
        x = x.repeat(3, 2) if x.shape[2] == 1 else x
    if x.dtype != np.uint8:
        x = (x.astype(np.float32) * 255).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(x)
