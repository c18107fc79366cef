"""Image files and grids of images against torchvision."""

import numpy as np
import pytest
import torchvision.io
import torchvision.utils  # noqa: F401
from PIL import Image

import pycnn
import pycnn.vision.io
import pycnn.vision.utils
from both import BOTH, same
from pycnn import vision

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:.*deprecated.*")]


def batch(m, *shape, seed=0):
    return m.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype("f"))


@pytest.mark.parametrize("shape", [(10, 3, 4, 5), (3, 1, 4, 4), (1, 3, 5, 4), (3, 4, 4), (1, 4, 4), (4, 5),
                                   (9, 2, 3, 3)], ids=str)
@pytest.mark.parametrize("options", [{}, dict(nrow=3, padding=0), dict(normalize=True, pad_value=0.5),
                                     dict(normalize=True, scale_each=True),
                                     dict(normalize=True, value_range=(-1, 1), nrow=2), dict(nrow=100, padding=5)],
                         ids=str)
def test_grids(shape, options):
    same(lambda m, v: v.utils.make_grid(batch(m, *shape), **options))


def test_grids_of_other_kinds():
    same(lambda m, v: v.utils.make_grid([batch(m, 3, 4, 4, seed=k) for k in range(5)], nrow=2))
    same(lambda m, v: v.utils.make_grid(batch(m, 5, 3, 4, 4).mul(50).to(m.uint8), 2, pad_value=7))

    def call(m, v):
        x = batch(m, 4, 3, 2, 2)
        before = x.clone()
        v.utils.make_grid(x, normalize=True)
        return [x.clone(), before, v.utils.make_grid(x.requires_grad_()).requires_grad]
    same(call)
    for wrong in (3, [3], (1, 2)):
        for m, v in BOTH:
            with pytest.raises(TypeError, match="tensor or list of tensors expected, got"):
                v.utils.make_grid(wrong)
    with pytest.raises(TypeError, match="value_range has to be a tuple"):
        vision.utils.make_grid(pycnn.ones(2, 1, 2, 2), normalize=True, value_range=[0, 1])


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp"])
def test_saved_images(tmp_path, name):
    files = []
    for m, v in BOTH:
        v.utils.save_image(batch(m, 6, 3, 8, 8), tmp_path / name, nrow=3, normalize=True)
        files.append((tmp_path / name).read_bytes())
        with open(tmp_path / "file", "wb") as file:
            v.utils.save_image(batch(m, 3, 8, 8), file, format="png")
        files.append((tmp_path / "file").read_bytes())
    assert files[:2] == files[2:] and sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "file"])
    with pytest.raises(ValueError, match="unknown file extension: .xyz"):
        vision.utils.save_image(pycnn.ones(3, 2, 2), tmp_path / "b.xyz")


# ---- files ----------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    pixels = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize((33, 27), 3)
    image.save(root / "rgb.png")
    image.convert("L").save(root / "grey.png")
    image.convert("LA").save(root / "grey_alpha.png")
    image.convert("RGBA").save(root / "rgba.png")
    image.convert("P").save(root / "palette.png")
    image.save(root / "rgb.jpg", quality=80)
    image.convert("L").save(root / "grey.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(root / "turned.jpg", exif=exif)
    return root


@pytest.mark.parametrize("name", ["rgb.png", "grey.png", "grey_alpha.png", "rgba.png", "palette.png", "rgb.jpg",
                                  "grey.jpg", "turned.jpg"])
def test_reading(files, name):
    def call(m, v):
        data = v.io.read_file(str(files / name))
        decode = v.io.decode_png if name.endswith("png") else v.io.decode_jpeg
        return [v.io.read_image(str(files / name)), v.io.read_image(str(files / name), v.io.ImageReadMode.RGB), data,
                decode(data), v.io.decode_image(data, mode="RGB"), v.io.decode_image(data, apply_exif_orientation=True)]
    same(call)


@pytest.mark.parametrize("mode", ["GRAY", "GRAY_ALPHA", "RGB", "RGB_ALPHA"])
def test_modes(files, mode):
    same(lambda m, v: [v.io.read_image(str(files / name), getattr(v.io.ImageReadMode, mode)).shape
                       for name in ("rgb.png", "rgba.png")])


def test_writing(files, tmp_path):
    def call(m, v):
        image = v.io.read_image(str(files / "rgb.png"))
        v.io.write_png(image, str(tmp_path / "a.png"))
        v.io.write_jpeg(image, str(tmp_path / "a.jpg"), quality=90)
        v.io.write_file(str(tmp_path / "b"), v.io.encode_png(image[:1]))
        jpeg = v.io.read_image(str(tmp_path / "a.jpg"))
        assert (jpeg.float() - image.float()).abs().mean() < 9
        return [image, v.io.read_image(str(tmp_path / "a.png")), v.io.read_image(str(tmp_path / "b")), jpeg.shape]
    same(call)


def test_broken_files(files, tmp_path):
    data = (files / "rgb.png").read_bytes()
    for content in (data[:len(data) // 2], b"no image"):
        (tmp_path / "x.png").write_bytes(content)
        for m, v in BOTH:
            with pytest.raises(RuntimeError):
                v.io.read_image(str(tmp_path / "x.png"))
        with pytest.raises(RuntimeError, match="x.png: "):
            vision.io.read_image(tmp_path / "x.png")
    with pytest.raises(FileNotFoundError):
        vision.io.read_image(tmp_path / "nowhere")
    with pytest.raises(RuntimeError, match="Unsupported image file"):
        vision.io.decode_png(vision.io.read_file(files / "rgb.jpg"))
    for call in (lambda m, v: v.io.decode_image(m.zeros(3)), lambda m, v: v.io.encode_png(m.zeros(3, 2, 2)),
                 lambda m, v: v.io.encode_png(m.zeros(2, 2, dtype=m.uint8)),
                 lambda m, v: v.io.encode_png(m.zeros(2, 2, 2, dtype=m.uint8)),
                 lambda m, v: v.io.encode_png(m.zeros(3, 2, 2, dtype=m.uint8), 10),
                 lambda m, v: v.io.encode_jpeg(m.zeros(3, 2, 2, dtype=m.uint8), 0)):
        errors = []
        for m, v in BOTH:
            with pytest.raises(Exception) as caught:
                call(m, v)
            errors.append(caught.value)
        assert type(errors[0]) is type(errors[1]), errors


def test_backends():
    same(lambda m, v: [v.get_image_backend(), v.set_image_backend("PIL")])
    for _, v in BOTH:
        with pytest.raises(ValueError, match="Invalid backend 'x'"):
            v.set_image_backend("x")
