"""pycnn.vision.transforms without torch: golden values, what runs in one pass, errors."""

import pickle

import numpy as np
import pytest
from PIL import Image
from test_image import GOLDEN, MEAN, STD, sha, synth

import pycnn as torch
from pycnn import nn
from pycnn.vision import transforms as T
from pycnn.vision.transforms import _pipeline
from pycnn.vision.transforms import functional as F
from pycnn.vision.transforms import v2

MODE = T.InterpolationMode
IMAGES = {"A": [synth(32, 32, s) for s in range(1, 9)], "B": [synth(40 + 3 * s, 50 - 2 * s, s) for s in range(1, 7)]}

GOLDEN_TRANSFORMS = {
    "RandomHorizontalFlip(.5)": lambda: T.RandomHorizontalFlip(0.5),
    "RandomVerticalFlip(.3)": lambda: T.RandomVerticalFlip(0.3),
    "RandomGrayscale(.4)": lambda: T.RandomGrayscale(0.4),
    "RandomRotation(15,NEAREST)": lambda: T.RandomRotation(15),
    "RandomRotation(15,BILINEAR)": lambda: T.RandomRotation(15, MODE.BILINEAR),
    "RandomAffine(30,(.1,.2),(.7,1.4),10,NEAREST,fill=5)":
        lambda: T.RandomAffine(30, (0.1, 0.2), (0.7, 1.4), 10, fill=5),
    "RandomAffine(30,(.1,.2),(.7,1.4),10,BILINEAR,fill=5)":
        lambda: T.RandomAffine(30, (0.1, 0.2), (0.7, 1.4), 10, MODE.BILINEAR, 5),
    "RandomCrop(32,padding=4)": lambda: T.RandomCrop(32, 4),
    "RandomCrop(32,padding=4,reflect)": lambda: T.RandomCrop(32, 4, padding_mode="reflect"),
    "RandomCrop((40,36),padding=4)": lambda: T.RandomCrop((40, 36), 4),
    "RandomCrop(32)": lambda: T.RandomCrop(32),
    "RandomResizedCrop(32)": lambda: T.RandomResizedCrop(32),
    "RandomResizedCrop(24,(.9,1),(.4,.6),BICUBIC)": lambda: T.RandomResizedCrop(24, (0.9, 1), (0.4, 0.6), MODE.BICUBIC),
    "ColorJitter(.4,.4,.4,.1)": lambda: T.ColorJitter(0.4, 0.4, 0.4, 0.1),
    "ColorJitter(.2,0,.3,0)": lambda: T.ColorJitter(0.2, 0, 0.3, 0),
    "RandomApply([RandomRotation(10)],.3)": lambda: T.RandomApply([T.RandomRotation(10)], 0.3),
    "RandAugment()": T.RandAugment,
    "TrivialAugmentWide()": T.TrivialAugmentWide,
    "AutoAugment(imagenet)": T.AutoAugment,
    "AutoAugment(cifar10)": lambda: T.AutoAugment(T.AutoAugmentPolicy.CIFAR10),
    "AutoAugment(svhn)": lambda: T.AutoAugment(T.AutoAugmentPolicy.SVHN),
    "Resize(24),CenterCrop(20)": lambda: T.Compose([T.Resize(24), T.CenterCrop(20)]),
    "ToTensor,Normalize,RandomErasing(.7)":
        lambda: T.Compose([T.ToTensor(), T.Normalize(MEAN, STD), T.RandomErasing(0.7)]),
    "ToTensor,RandomErasing(.7,value='random')":
        lambda: T.Compose([T.ToTensor(), T.RandomErasing(0.7, value="random")]),
    "RandomCrop(32,4),HFlip,RandomRotation(15),ColorJitter(.2,.2,.2,.1),ToTensor,Normalize":
        lambda: T.Compose([T.RandomCrop(32, 4), T.RandomHorizontalFlip(), T.RandomRotation(15),
                           T.ColorJitter(0.2, 0.2, 0.2, 0.1), T.ToTensor(), T.Normalize(MEAN, STD)]),
}


def data_of(result):
    return np.asarray(result).tobytes() if isinstance(result, Image.Image) else result.numpy().tobytes()


def one_by_one(transform):
    """The transform with every step called by itself, as Compose would without passes."""
    def call(img):
        for t in transform.transforms if isinstance(transform, T.Compose) else [transform]:
            img = t(img)
        return img
    return call


@pytest.mark.parametrize("route", ["call", "composed", "one by one"])
@pytest.mark.parametrize("name, images, want, state", GOLDEN["transforms"], ids=lambda v: v if "(" in v else "")
def test_golden(name, images, want, state, route):
    t = GOLDEN_TRANSFORMS[name]()
    t = {"call": lambda: t, "composed": lambda: T.Compose([t]), "one by one": lambda: one_by_one(t)}[route]()
    torch.manual_seed(0)
    results = [t(Image.fromarray(a)) for a in IMAGES[images]]
    assert sha(b"".join(data_of(r) for r in results)) == want
    assert sha(torch.get_rng_state().numpy().tobytes()) == state


# ---- what runs in one pass ------------------------------------------------------------------------

PROGRAM = [T.RandomHorizontalFlip(p=0.5), T.RandomRotation(15), T.ColorJitter(brightness=0.2, contrast=0.2),
           T.ToTensor(), T.Normalize(MEAN, STD)]


class Noisy(T.ColorJitter):
    """A subclass that replaces the draws."""

    @staticmethod
    def get_params(brightness, contrast, saturation, hue):
        return torch.tensor([3, 2, 1, 0]), 0.5, None, None, None


class Later(v2.RandomRotation):
    def make_params(self, flat_inputs):
        return {"angle": 90.0}


class Upside(T.RandomHorizontalFlip):
    def forward(self, img):
        return img.rotate(180)


class Counting(T.RandomHorizontalFlip):
    calls = 0

    def __call__(self, img):
        Counting.calls += 1
        return super().__call__(img)


@pytest.mark.parametrize("transform, compiles", [
    (T.Compose(PROGRAM), True),
    (T.Compose([T.Compose(PROGRAM[:3]), T.RandomApply([T.RandomVerticalFlip(), T.ColorJitter(0.1)]), *PROGRAM[3:]]),
     True),
    (T.Compose([*PROGRAM, T.RandomErasing()]), True),
    (T.Compose([*PROGRAM, T.RandomErasing(value="random")]), True),
    (T.Compose([T.ToTensor(), T.RandomCrop(32, 4), T.RandomHorizontalFlip(), T.Normalize(MEAN, STD)]), True),
    (T.Compose([T.PILToTensor(), T.ConvertImageDtype(torch.float32), T.Normalize(MEAN, STD)]), True),
    (T.PILToTensor(), True),
    (T.Compose([T.PILToTensor()]), True),
    (T.ToTensor(), True),
    (v2.Compose([v2.ToImage(), v2.RandomCrop(32, 4), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]),
     True),
    (v2.Compose([T.RandomCrop(32, 4), v2.PILToTensor(), T.RandomInvert(), v2.RandomHorizontalFlip()]), True),
    (nn.Sequential(v2.RandomResizedCrop(20), v2.ToImage()), True),
    (v2.Compose([v2.ToImage(), T.RandomHorizontalFlip()]), False),          # one of the first version leaves the class
    (v2.Compose([v2.ToImage(), v2.Resize(20, "nearest")]), False),
    (v2.Compose([v2.ToImage(), v2.RandomResizedCrop(20, antialias=False)]), False),
    (T.Compose([T.PILToTensor(), T.Resize(20)]), False),
    (v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32), v2.Resize(20)]), False),
    (T.Compose([T.PILToTensor(), T.ColorJitter(0.1)]), False),
    (v2.Compose([v2.ToImage(), v2.RandomRotation(9)]), False),              # pixels of a Tensor
    (v2.Compose([v2.ToImage(), v2.RandomAutocontrast()]), False),
    (v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32), v2.ColorJitter(0.1)]), False),
    (v2.Compose([v2.ToImage(), v2.Pad(2, fill=300)]), False),
    (v2.Compose([v2.ToImage(), v2.ToDtype(torch.float64, scale=True)]), False),
    (v2.Compose([v2.RandomHorizontalFlip()]), False),
    (v2.Compose([v2.Resize(None, max_size=20), v2.ToImage()]), False),
    (v2.Compose([v2.RandomCrop(40, 2, pad_if_needed=True, padding_mode="reflect"), v2.ToImage()]), False),
    (v2.Compose([v2.Lambda(lambda img: img), v2.ToImage()]), False),
    (v2.Compose([v2.RandomChoice([v2.RandomHorizontalFlip()]), v2.ToImage()]), False),
    (v2.Compose([Later(5), v2.ToImage()]), False),
    (T.Compose(PROGRAM[:3]), False),                                        # pictures come out
    (T.Compose([T.ToTensor(), T.RandomRotation(10)]), False),               # pixels of a Tensor
    (T.Compose([T.ToTensor(), T.RandomCrop(32, 4, padding_mode="reflect")]), False),
    (T.Compose([T.Lambda(lambda img: img), T.ToTensor()]), False),
    (T.Compose([np.asarray, T.ToTensor()]), False),
    (T.Compose([T.RandomChoice([T.RandomHorizontalFlip()]), T.ToTensor()]), False),
    (T.Compose([Noisy(0.5), T.ToTensor()]), False),
    (T.Compose([Upside(), T.ToTensor()]), False),
    (T.Compose([Counting(), T.ToTensor()]), False),
    (T.Compose([T.ToTensor(), T.ToTensor()]), False),
    (None, False),
])
def test_compile(transform, compiles):
    p = _pipeline.compile(transform)
    assert (p is not None) == compiles
    if compiles:
        a = IMAGES["A"][0]
        for seed in range(10):
            torch.manual_seed(seed)
            want, state = data_of(transform(Image.fromarray(a))), data_of(torch.get_rng_state())
            torch.manual_seed(seed)
            assert data_of(p(a, *a.shape, tensor=True)) == want
            assert data_of(torch.get_rng_state()) == state


def test_compile_refuses_what_an_object_replaces():
    flip = T.RandomHorizontalFlip(1)
    assert _pipeline.compile(T.Compose([flip, T.ToTensor()])) is not None
    flip.forward = lambda img: img
    assert _pipeline.compile(T.Compose([flip, T.ToTensor()])) is None
    flip = v2.RandomHorizontalFlip(1)
    assert _pipeline.compile(v2.Compose([flip, v2.ToImage()])) is not None
    flip.transform = lambda image, params: image
    assert _pipeline.compile(v2.Compose([flip, v2.ToImage()])) is None
    hooked = T.RandomHorizontalFlip(1)
    hooked.register_forward_hook(lambda module, args, out: None)
    assert _pipeline.compile(T.Compose([hooked, T.ToTensor()])) is None


def test_replaced_draws_are_used():
    img = Image.fromarray(IMAGES["A"][0])
    want = F.adjust_brightness(img, 0.5).tobytes()
    assert Noisy(0.1)(img).tobytes() == want
    assert T.Compose([Noisy(0.1)])(img).tobytes() == want
    assert Upside()(img).tobytes() == img.rotate(180).tobytes()
    assert Later(5)(img).tobytes() == img.transpose(Image.Transpose.ROTATE_90).tobytes()
    before = Counting.calls
    T.Compose([Counting(), T.ToTensor()])(img)
    assert Counting.calls == before + 1

    class Corner(T.RandomCrop):
        @staticmethod
        def get_params(img, output_size):
            return 0, 1, *output_size

    class Quarter(T.RandomRotation):
        @staticmethod
        def get_params(degrees):
            return 90.0

    class Left(T.RandomAffine):
        @staticmethod
        def get_params(*args):
            return 0.0, (-5, 0), 1.0, (0.0, 0.0)

    class Whole(T.RandomResizedCrop):
        @staticmethod
        def get_params(img, scale, ratio):
            return 0, 0, 32, 32

    padded = Image.fromarray(np.pad(IMAGES["A"][0], ((2, 2), (2, 2), (0, 0))))
    assert Corner(30, 2)(img).tobytes() == padded.crop((1, 0, 31, 30)).tobytes()
    assert Quarter(5)(img).tobytes() == img.transpose(Image.Transpose.ROTATE_90).tobytes()
    assert Left(5)(img).tobytes() == img.transform((32, 32), Image.Transform.AFFINE, (1, 0, 5, 0, 1, 0)).tobytes()
    assert Whole(16)(img).tobytes() == img.resize((16, 16), 2).tobytes()


def test_compose_mixes_ours_with_others():
    seen = []

    def look(img):
        seen.append(type(img))
        return img

    img = Image.fromarray(IMAGES["A"][1])
    chain = [T.RandomCrop(28), look, T.Resize(20), T.ToTensor(), look, T.Normalize(MEAN, STD)]
    torch.manual_seed(3)
    got = T.Compose(chain)(img)
    torch.manual_seed(3)
    assert data_of(got) == data_of(one_by_one(T.Compose(chain))(img))
    assert seen[:2] == [Image.Image, torch.Tensor]


def test_changed_attributes_take_effect():
    t, img = T.Compose([T.Resize(20)]), Image.fromarray(IMAGES["A"][1])
    assert t(img).size == (20, 20)
    t.transforms[0].size = 10
    assert t(img).size == (10, 10)
    t.transforms.append(T.ToTensor())
    assert t(img).shape == (3, 10, 10)


@pytest.mark.parametrize("t", [T.Compose(PROGRAM), T.RandomApply([T.RandomCrop(30)]), T.AutoAugment(),
                               T.RandomErasing()])
def test_pickle(t):
    assert repr(pickle.loads(pickle.dumps(t))) == repr(t)


# ---- pictures and tensors -------------------------------------------------------------------------

def test_to_tensor_of_arrays_and_modes():
    a = IMAGES["A"][0]
    want = a.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(F.to_tensor(a).numpy(), want)
    np.testing.assert_array_equal(F.to_tensor(a[::-1, ::2]).numpy(), want[:, ::-1, ::2])
    np.testing.assert_array_equal(F.to_tensor(a[:, :, 0]).numpy(), want[:1])
    np.testing.assert_array_equal(F.to_tensor(a.astype(np.int64)).numpy(), a.transpose(2, 0, 1))
    np.testing.assert_array_equal(F.to_tensor(a.astype(np.float64) / 7).numpy(), a.transpose(2, 0, 1) / 7)
    rgba = np.dstack([a, a[:, :, 0]])
    np.testing.assert_array_equal(F.to_tensor(Image.fromarray(rgba)).numpy(),
                                  rgba.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    bits = Image.fromarray(a[:, :, 0] > 99)
    np.testing.assert_array_equal(F.to_tensor(bits).numpy()[0], (a[:, :, 0] > 99).astype(np.float32))
    wide = Image.fromarray(a[:, :, 0].astype(np.int32) * 1000)
    assert F.to_tensor(wide).dtype == torch.int32
    np.testing.assert_array_equal(F.pil_to_tensor(Image.fromarray(a)).numpy(), a.transpose(2, 0, 1))


def test_to_pil_image():
    a = IMAGES["A"][0]
    x = F.to_tensor(a)
    assert F.to_pil_image(x).tobytes() == a.tobytes()
    assert F.to_pil_image(a).tobytes() == a.tobytes()
    assert F.to_pil_image(a.astype(np.float32) / np.float32(255)).tobytes() == a.tobytes()
    assert F.to_pil_image(x[0]).mode == "L"
    assert F.to_pil_image(a, "YCbCr").mode == "YCbCr"
    assert F.to_pil_image(np.dstack([a, a[:, :, :1]])).mode == "RGBA"
    assert F.to_pil_image(a[:, :, 0].astype(np.int32)).mode == "I"
    with pytest.raises(ValueError, match="4 channels"):
        F.to_pil_image(np.zeros((4, 4, 5), np.uint8))
    with pytest.raises(ValueError, match="2/3 dimensional"):
        F.to_pil_image(np.zeros(4, np.uint8))
    with pytest.raises(ValueError, match="Only modes"):
        F.to_pil_image(a, "RGBA")
    with pytest.raises(TypeError, match="pic should be Tensor or ndarray"):
        F.to_pil_image("a")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "I", "F", "CMYK", "YCbCr", "HSV"])
def test_other_modes_go_to_pillow(mode):
    """Pictures that are neither grey nor RGB keep their mode through geometry."""
    img = Image.fromarray(IMAGES["B"][0]).convert(mode)
    w, h = img.size
    assert F.hflip(img).tobytes() == img.transpose(Image.Transpose.FLIP_LEFT_RIGHT).tobytes()
    assert F.crop(img, 3, 4, 20, 21).tobytes() == img.crop((4, 3, 25, 23)).tobytes()
    assert F.resize(img, [20, 30]).tobytes() == img.resize((30, 20), 2).tobytes()
    assert F.rotate(img, 30).tobytes() == img.rotate(30).tobytes()
    torch.manual_seed(0)
    cropped = T.RandomCrop(20, 2)(img)
    assert (cropped.mode, cropped.size) == (mode, (20, 20))


def test_tensors():
    a = IMAGES["A"][0]
    x = torch.from_numpy(a.transpose(2, 0, 1).copy())
    img = Image.fromarray(a)
    for name, args in (("hflip", ()), ("vflip", ()), ("crop", (3, 4, 20, 21)), ("crop", (-3, 30, 20, 21)),
                       ("center_crop", (20,)),
                       ("center_crop", ((40, 20),)), ("pad", (3,)), ("pad", ((3, 4), 7)),
                       ("pad", ((1, 2, 3, 4), 0, "edge")),
                       ("pad", ((1, 2, 3, 4), 0, "reflect")), ("pad", ((1, 2, 3, 4), 0, "symmetric")), ("invert", ())):
        want = np.asarray(getattr(F, name)(img, *args)).transpose(2, 0, 1)
        np.testing.assert_array_equal(getattr(F, name)(x, *args).numpy(), want, err_msg=f"{name}{args}")
    for got, want in zip(F.ten_crop(x, 20), F.ten_crop(img, 20)):
        np.testing.assert_array_equal(got.numpy(), np.asarray(want).transpose(2, 0, 1))
    for t in (T.RandomHorizontalFlip(), T.RandomVerticalFlip(), T.RandomCrop(28, 3), T.Pad(2)):
        torch.manual_seed(1)
        got = [t(x).numpy() for _ in range(6)]
        torch.manual_seed(1)
        np.testing.assert_array_equal(got, [np.asarray(t(img)).transpose(2, 0, 1) for _ in range(6)])
    assert T.Resize(20)(x).shape == (3, 20, 20) and F.rotate(x, 180).tolist() == x.flip(1, 2).tolist()


# ---- errors ---------------------------------------------------------------------------------------

IMG = Image.fromarray(IMAGES["A"][0])


@pytest.mark.parametrize("call, error, message", [
    (lambda: T.RandomHorizontalFlip(p=2), ValueError, "RandomHorizontalFlip: p should be between 0 and 1, got 2"),
    (lambda: T.RandomApply([], p=-1), ValueError, "between 0 and 1"),
    (lambda: T.RandomHorizontalFlip(p="1"), TypeError, "p should be a number"),
    (lambda: T.RandomCrop(40)(IMG), ValueError,
     r"Required crop size \(40, 40\) is larger than input image size \(32, 32\)"),
    (lambda: v2.RandomCrop(40, padding=1)(IMG), ValueError,
     r"Required crop size \(40, 40\) is larger than padded input image size \(34, 34\)"),
    (lambda: v2.RandomCrop(40)(IMG, 0), ValueError, r"is larger than input image size \(32, 32\)"),
    (lambda: v2.Compose([v2.Grayscale(2)])(IMG), ValueError, "num_output_channels must be 1 or 3, got 2"),
    (lambda: v2.Compose([v2.ToImage(), v2.ToDtype({torch.Tensor: torch.float32})])(IMG), ValueError,
     "No dtype was specified for type <class 'pycnn.vision.tv_tensors.Image'>"),
    (lambda: v2.Compose([v2.Normalize(MEAN, STD)])(IMG), TypeError, r"Normalize\(\) does not support PIL images"),
    (lambda: T.RandomCrop((1, 2, 3)), ValueError, "only two dimensions"),
    (lambda: T.Normalize(MEAN, (0.1, 0, 0.1))(F.to_tensor(IMG)), ValueError,
     "std evaluated to zero after conversion to torch.float32"),
    (lambda: T.Compose([T.ToTensor(), T.Normalize((0.5,), (0.0,))])(IMG), ValueError, "std evaluated to zero"),
    (lambda: T.Normalize(MEAN, STD)(IMG), TypeError, "img should be Tensor Image. Got <class 'PIL.Image.Image'>"),
    (lambda: T.Compose([T.Normalize(MEAN, STD)])(IMG), TypeError, "img should be Tensor Image"),
    (lambda: T.Normalize(MEAN, STD)(torch.zeros(1, 4, 4)), RuntimeError,
     r"output with shape \[1, 4, 4\] doesn't match the broadcast shape \[3, 4, 4\]"),
    (lambda: T.Compose([T.ToTensor(), T.Normalize(MEAN, STD)])(IMG.convert("L")), RuntimeError,
     r"output with shape \[1, 32, 32\] doesn't match the broadcast shape \[3, 32, 32\]"),
    (lambda: T.Normalize(MEAN, STD)(F.pil_to_tensor(IMG)), TypeError,
     "Input tensor should be a float tensor. Got torch.uint8"),
    (lambda: F.normalize(torch.zeros(4, 4), MEAN, STD), ValueError, "Expected tensor to be a tensor image"),
    (lambda: T.ToTensor()([1, 2]), TypeError, "pic should be PIL Image or ndarray. Got <class 'list'>"),
    (lambda: T.ToTensor()(np.zeros(4)), ValueError, "pic should be 2/3 dimensional. Got 1 dimensions"),
    (lambda: T.PILToTensor()(np.zeros((4, 4))), TypeError, "pic should be PIL Image"),
    (lambda: T.Resize(3.5), TypeError, "Size should be int or sequence"),
    (lambda: T.Resize((1, 2, 3)), ValueError, "1 or 2 values"),
    (lambda: T.Resize(20, max_size=10)(IMG), ValueError, "must be strictly greater"),
    (lambda: F.resize(IMG, [20, 20], max_size=30), ValueError, "max_size should only be passed"),
    (lambda: F.resize(IMG, 20, "bilinear"), TypeError, "Argument interpolation"),
    (lambda: T.RandomRotation(-5), ValueError, "If degrees is a single number, it must be positive"),
    (lambda: T.RandomRotation((1, 2, 3)), ValueError, "degrees should be a sequence of length 2"),
    (lambda: T.RandomRotation((10, -10))(IMG), RuntimeError, "uniform_ expects"),
    (lambda: T.RandomRotation(5, fill=(1, 2))(IMG), ValueError, "The number of elements in 'fill' does not match"),
    (lambda: T.RandomRotation(5, center=3), TypeError, "center should be a sequence of length 2"),
    (lambda: T.RandomRotation(5, MODE.LANCZOS)(IMG), ValueError, "cannot be used"),
    (lambda: T.RandomRotation(5, 17), ValueError, "none of Pillow's"),
    (lambda: T.RandomAffine(5, translate=(2, 0)), ValueError, "translation values should be between 0 and 1"),
    (lambda: T.RandomAffine(5, scale=(0, 1)), ValueError, "scale values should be positive"),
    (lambda: T.RandomAffine(5, shear=(1, 2, 3)), ValueError, "shear should be a sequence of length 2 or 4"),
    (lambda: T.ColorJitter(brightness=-1), ValueError, "If brightness is a single number, it must be non negative"),
    (lambda: T.ColorJitter(hue=0.7), ValueError, "hue values should be between"),
    (lambda: T.ColorJitter(contrast="a"), TypeError, "contrast should be a single number"),
    (lambda: T.RandomErasing(value="noise"), ValueError, "it should be 'random'"),
    (lambda: T.RandomErasing(scale=(0, 2)), ValueError, "Scale should be between 0 and 1"),
    (lambda: T.RandomErasing(p=2), ValueError, "Random erasing probability"),
    (lambda: T.RandomErasing(1, value=(1, 2))(F.to_tensor(IMG)), ValueError,
     "it should have either a single value or 3"),
    (lambda: T.RandomErasing(1)(IMG), TypeError, "img should be Tensor Image"),
    (lambda: T.Pad("1"), TypeError, "Got inappropriate padding arg"),
    (lambda: T.Pad((1, 2, 3)), ValueError,
     "Padding must be an int or a 1, 2, or 4 element tuple, not a 3 element tuple"),
    (lambda: T.Pad(1, padding_mode="mirror"), ValueError, "Padding mode should be either"),
    (lambda: T.Lambda(3), TypeError, "Argument lambd should be callable, got 'int'"),
    (lambda: T.RandomChoice(3), TypeError, "Argument transforms should be a sequence"),
    (lambda: T.Grayscale(2), ValueError, "num_output_channels should be either 1 or 3"),
    (lambda: T.RandomPosterize(9, 1)(IMG), ValueError, "bits must be between"),
    (lambda: F.adjust_hue(IMG, 0.6), ValueError, r"hue_factor \(0.6\) is not in \[-0.5, 0.5\]"),
    (lambda: F.hflip("a"), TypeError, "img should be PIL Image. Got <class 'str'>"),
    (lambda: F.five_crop(IMG, 40), ValueError, r"Requested crop size \(40, 40\) is bigger than input size \(32, 32\)"),
    (lambda: F.convert_image_dtype(F.to_tensor(IMG), torch.int64), RuntimeError, "cannot be performed safely"),
    (lambda: T.RandomFlip, AttributeError, "torchvision.transforms.RandomFlip"),
])
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_warnings():
    with pytest.warns(UserWarning, match="kind"):
        T.RandomResizedCrop(32, scale=(1, 0.5))
    with pytest.warns(UserWarning, match="Anti-alias"):
        F.resize(IMG, 20, antialias=False)


def test_import_does_not_load_pillow():
    import subprocess
    import sys

    code = "import sys, pycnn.vision.transforms; assert 'PIL' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_docstrings():
    """Every public name says what it does."""
    names = [getattr(T, n) for n in T.__all__] + [v for k, v in vars(F).items() if callable(v) and not k.startswith("_")
                                                  and "transforms.functional" in getattr(v, "__module__", "")]
    assert len(names) > 60
    assert [n for n in names if not n.__doc__] == []
