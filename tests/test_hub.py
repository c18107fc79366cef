"""pycnn.hub: the cache folder, downloads that are whole or absent, and what to do without a network."""

import hashlib
import os
import urllib.error
import urllib.request

import numpy as np
import pytest

import pycnn as torch
from pycnn import hub


@pytest.fixture
def state():
    return {"weight": torch.arange(4.0)}


def publish(folder, state, name="w-{}.pth"):
    """Write a file of weights as it is published: with its SHA-256 in its name."""
    torch.save(state, folder / "plain")
    data = (folder / "plain").read_bytes()
    (folder / "plain").unlink()
    name = name.format(hashlib.sha256(data).hexdigest()[:8])
    (folder / name).write_bytes(data)
    return name


def test_folder(monkeypatch):
    monkeypatch.setattr(hub, "_dir", None)
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert hub.get_dir() == "/home/somebody/.cache/torch/hub"
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert hub.get_dir() == "/cache/torch/hub"
    monkeypatch.setenv("TORCH_HOME", "~/torch")
    assert hub.get_dir() == "/home/somebody/torch/hub"
    hub.set_dir("~/elsewhere")
    assert hub.get_dir() == "/home/somebody/elsewhere"


def test_download_into_the_cache_folder(server, state, tmp_path, monkeypatch, capfd):
    folder, address = server
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    name = publish(folder, state)
    loaded = hub.load_state_dict_from_url(f"{address}/{name}", check_hash=True)
    np.testing.assert_array_equal(loaded["weight"].numpy(), [0, 1, 2, 3])
    place = tmp_path / "torch/hub/checkpoints"
    assert os.listdir(place) == [name]
    out, err = capfd.readouterr()
    assert out == f'Downloading: "{address}/{name}" to {place / name}\n' and "100%" in err
    (folder / name).unlink()
    hub.load_state_dict_from_url(f"{address}/{name}")  # it is there
    assert capfd.readouterr() == ("", "")


def test_no_bar(server, state, tmp_path, capfd):
    folder, address = server
    hub.load_state_dict_from_url(f"{address}/{publish(folder, state)}", tmp_path, progress=False, file_name="mine.pth")
    assert os.listdir(tmp_path) == ["mine.pth"] and capfd.readouterr().err == ""


def test_file_url(state, tmp_path):
    name = publish(tmp_path, state, "plain.pth")
    hub.download_url_to_file((tmp_path / name).as_uri(), tmp_path / "copy.pth", progress=False)
    assert (tmp_path / "copy.pth").read_bytes() == (tmp_path / name).read_bytes()
    assert (tmp_path / "copy.pth").stat().st_mode == (tmp_path / name).stat().st_mode


def test_another_file_than_promised(server, state, tmp_path):
    folder, address = server
    publish(folder, state, "w-00000000.pth")
    with pytest.raises(RuntimeError, match=r'invalid hash value \(expected "00000000", got "[0-9a-f]{64}"\)'):
        hub.load_state_dict_from_url(f"{address}/w-00000000.pth", tmp_path, check_hash=True, progress=False)
    assert os.listdir(tmp_path) == []
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.download_url_to_file(f"{address}/w-00000000.pth", tmp_path / "old", "00", progress=False)
    assert (tmp_path / "old").read_bytes() == b"old" and os.listdir(tmp_path) == ["old"]


def test_a_file_that_ends_too_soon(state, tmp_path, monkeypatch, server):
    folder, address = server
    name = publish(folder, state)
    plain = urllib.request.urlopen

    def cut(*args, **kwargs):
        response = plain(*args, **kwargs)
        response.headers.replace_header("Content-Length", str((folder / name).stat().st_size + 1))
        return response
    monkeypatch.setattr(urllib.request, "urlopen", cut)
    with pytest.raises(urllib.error.URLError, match="bytes came"):
        hub.load_state_dict_from_url(f"{address}/{name}", tmp_path, progress=False)
    assert os.listdir(tmp_path) == []


def test_ctrl_c_leaves_nothing(server, state, tmp_path, monkeypatch):
    folder, address = server
    (folder / "w.pth").write_bytes(bytes(1 << 20))

    class Interrupted:
        def __init__(self, **options):
            self.done = 0

        def __enter__(self):
            return self

        def __exit__(self, *failure):
            return False

        def update(self, n):
            self.done += n
            assert len(os.listdir(tmp_path)) == 1  # the part that is there already, under another name
            if self.done > 1 << 18:
                raise KeyboardInterrupt
    monkeypatch.setattr("tqdm.auto.tqdm", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        hub.load_state_dict_from_url(f"{address}/w.pth", tmp_path)
    assert os.listdir(tmp_path) == []


def test_offline(offline, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    from pycnn.vision.models import ResNet50_Weights
    with pytest.raises(urllib.error.URLError) as error:
        ResNet50_Weights.DEFAULT.get_state_dict(check_hash=True)
    words = str(error.value)
    assert "Name or service not known" in words and "its SHA-256 begins with 11ad3fa6" in words
    assert f"{tmp_path}/hub/checkpoints/resnet50-11ad3fa6.pth" in words
    assert "https://download.pytorch.org/models/resnet50-11ad3fa6.pth" in words


def test_a_server_without_the_file(server, tmp_path):
    with pytest.raises(urllib.error.HTTPError,
                       match=f"HTTP Error 404: File not found.*by hand: {tmp_path}/none.pth") as error:
        hub.load_state_dict_from_url(f"{server[1]}/none.pth", tmp_path)
    error.value.close()
    assert error.value.code == 404 and os.listdir(tmp_path) == []


def test_a_file_that_is_no_weights(server, tmp_path):
    folder, address = server
    (folder / "page.pth").write_bytes(b"<html>" * 100)
    with pytest.raises(torch.CheckpointError, match="page.pth"):
        hub.load_state_dict_from_url(f"{address}/page.pth", tmp_path, progress=False)
