"""Event files read back by TensorBoard, beside those of torch's writer."""

import numpy as np
import pytest
import torch

import pycnn
import pycnn.utils.tensorboard

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore::DeprecationWarning"),
              pytest.mark.filterwarnings("ignore::FutureWarning")]


@pytest.fixture(scope="module")
def theirs():
    import torch.utils.tensorboard
    return torch


def events(folder):
    """{file's folder: [events as protobuf]}; names and times apart."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event
    found = {}
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        parsed = [Event.FromString(e) for e in RawEventFileLoader(str(path)).Load()]
        for e in parsed:
            e.wall_time = 0
            e.ClearField("source_metadata")
        found.setdefault(str(path.parent.relative_to(folder)), []).extend(parsed)
    return found


def same_files(tmp_path, write):
    for m, name in ((torch, "torch"), (pycnn, "pycnn")):
        writer = m.utils.tensorboard.SummaryWriter(str(tmp_path / name))
        write(m, writer)
        writer.close()
    want, got = events(tmp_path / "torch"), events(tmp_path / "pycnn")
    assert list(got) == list(want)
    for folder in want:
        assert [str(e) for e in got[folder]] == [str(e) for e in want[folder]]
    return got


def test_scalars(theirs, tmp_path):
    def write(m, w):
        for k in range(20):
            w.add_scalar("loss/train", 1.0 / (k + 1), k)
        w.add_scalar("tensor", m.tensor([2.5]), 7)
        w.add_scalar("array", np.array([[3.5]]), -3)
        w.add_scalar("no step", m.tensor(1, dtype=m.int64))
        w.add_scalar("new", 0.1, 1, new_style=True)
        w.add_scalar("double", 0.1, 1, new_style=True, double_precision=True)
        w.add_scalars("group/both", {"a": 1, "b": m.tensor(2.0)}, 5)
        w.add_text("note", "# Ünïcode", 2)
    found = same_files(tmp_path, write)
    assert len(found) == 3 and len(found["."]) == 27
    with pytest.raises(AssertionError, match="Tensor should contain one element"):
        pycnn.utils.tensorboard.SummaryWriter(tmp_path / "x").add_scalar("a", [1, 2])


def test_histograms(theirs, tmp_path):
    rng = np.random.default_rng(0)
    samples = [rng.standard_normal(1000), rng.integers(0, 5, 50), np.zeros(3), rng.standard_normal((4, 5)).astype("f"),
               np.array([2.0])]

    def write(m, w):
        for k, x in enumerate(samples):
            w.add_histogram("h", m.from_numpy(x), k)
            w.add_histogram("bins", x, k, bins=10)
            w.add_histogram("few", x, k, bins=64, max_bins=10)
    same_files(tmp_path, write)
    with pytest.raises(ValueError, match="The input has no element"):
        pycnn.utils.tensorboard.SummaryWriter(tmp_path / "x").add_histogram("a", [])


def test_pictures(theirs, tmp_path):
    from PIL import Image
    rng = np.random.default_rng(0)
    pictures = [(rng.random((3, 5, 6)).astype("f") * 1.2, "CHW"), (rng.random((1, 5, 6)), "CHW"),
                (rng.random((5, 6, 3)), "HWC"),
                (rng.integers(0, 256, (5, 6), dtype=np.uint8), "HW"),
                (rng.integers(0, 256, (3, 4, 4), dtype=np.uint8), "CHW")]
    batches = [(rng.random((10, 3, 4, 5)), "NCHW"), (rng.random((3, 4, 5, 1)), "NHWC")]
    for m, name in ((torch, "torch"), (pycnn, "pycnn")):
        with m.utils.tensorboard.SummaryWriter(str(tmp_path / name)) as w:
            for k, (x, order) in enumerate(pictures):
                w.add_image("picture", m.from_numpy(x), k, dataformats=order)
            for k, (x, order) in enumerate(batches):
                w.add_images("batch", x, k, dataformats=order)
    import io
    read = []
    for name in ("torch", "pycnn"):
        images = [v.image for e in events(tmp_path / name)["."] for v in e.summary.value]
        read.append([(i.height, i.width, i.colorspace,
                      np.asarray(Image.open(io.BytesIO(i.encoded_image_string))).tolist())
                     for i in images])
    assert len(read[0]) == 7 and read[0] == read[1]
    for call in ((np.zeros((2, 2)), "CHW"), (np.zeros((2, 2, 2)), "CHH")):
        with pytest.raises(AssertionError):
            pycnn.utils.tensorboard.SummaryWriter(tmp_path / "x").add_image("a", call[0], dataformats=call[1])


def test_resumed_runs(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    for steps, purge in ((range(5), None), (range(3, 6), 3)):
        with pycnn.utils.tensorboard.SummaryWriter(tmp_path, purge_step=purge, filename_suffix=".x") as w:
            for k in steps:
                w.add_scalar("a", k + 10 * (purge is not None), k)
            w.flush()
    read = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in read.Scalars("a")] == [(0, 0), (1, 1), (2, 2), (3, 13), (4, 14), (5, 15)]
    assert all(p.name.endswith(".x") for p in tmp_path.iterdir())


def test_the_tree_of_a_model(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    model = pycnn.nn.Sequential(pycnn.nn.Linear(2, 2), pycnn.nn.Sequential(pycnn.nn.ReLU()))
    with pycnn.utils.tensorboard.SummaryWriter(tmp_path) as w:
        w.add_graph(model, pycnn.ones(1, 2))
    graph = EventAccumulator(str(tmp_path)).Reload().Graph()
    assert [(n.name, n.op) for n in graph.node] == [("Sequential", "Sequential"), ("Sequential/0", "Linear"),
                                                    ("Sequential/1", "Sequential"), ("Sequential/1/0", "ReLU")]


def test_the_default_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    w = pycnn.utils.tensorboard.SummaryWriter(comment="_lr")
    w.close()
    w.add_scalar("again", 1.0)
    w.close()
    assert w.get_logdir().startswith("runs/") and w.log_dir.endswith("_lr") \
           and len(list((tmp_path / w.log_dir).iterdir())) == 2
