"""The command line: ``python -m pycnn train``, ``predict``, ``run`` and ``config``."""

import argparse
import math
import os
import sys
from urllib.error import URLError


class Mistake(Exception):
    """Something to be said to the user, without a traceback."""


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        Default: ``sys.argv[1:]``.

    Returns
    -------
    int
        The exit status: 0; 1 if something went wrong; 130 after Ctrl-C.
    """
    args = _parser().parse_args(argv)
    if args.command == "run":
        from pycnn.cli.run import run
        return run(args)
    try:
        if args.command == "config":
            import pycnn
            pycnn.show_config()
            return 0
        if args.command == "predict":
            from pycnn.cli.predict import predict
            return predict(args)
        from pycnn.cli.train import train
        return train(args)
    except BrokenPipeError:  # as with "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except URLError as error:
        print(f"error: {error.reason}", file=sys.stderr)
        return 1
    except (Mistake, OSError) as error:
        text = str(error)  # of an error that a worker passes on, the last line: what comes before is its traceback
        print(f"error: {text.rstrip().rpartition(chr(10))[2] if text.startswith('Caught ') else text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(prog="python -m pycnn", description="Image classification on CPUs.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_train(commands)
    predict = commands.add_parser("predict", help="classify images with a trained model",
                                  description="Print the most probable classes of images.")
    predict.add_argument("run", metavar="RUN", help="folder that train has written, as runs/sample-simple_cnn")
    predict.add_argument("images", metavar="IMAGE", nargs="+", help="image files of any size")
    predict.add_argument("--top", type=_positive, default=3, metavar="K", help="classes to print (default: 3)")
    run = commands.add_parser("run", help="run a script that was written for torch",
                              description="Run a Python script in which import torch and import torchvision give "
                                          "pycnn.")
    run.add_argument("-m", dest="module", action="store_true", help="SCRIPT is a module's name")
    run.add_argument("script", metavar="SCRIPT")
    run.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="of the script")
    commands.add_parser("config", help="print how pycnn was built and what it uses")
    return parser


def _add_train(commands):
    train = commands.add_parser(
        "train", help="train a model", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train a model and write what it has learnt and how well: model.pth (a state_dict), model.pt "
                    "(TorchScript),\nmetrics.json, confusion.png, curves.png, checkpoint.pth.",
        epilog="Ctrl-C stops; the same command with --resume goes on after the last epoch that was finished, and the "
               "result is,\nbit for bit, that of a run that was never stopped.\n\nexamples:\n  python -m pycnn train "
               "sample\n  python -m pycnn train photos --model resnet18 --pretrained --freeze\n  python -m pycnn "
               "predict runs/photos-resnet18 holiday.jpg")
    train.add_argument("data", metavar="DATA", nargs="?",
                       help="cifar10, cifar100, mnist, fashion_mnist, kmnist; sample (6,000 images of CIFAR-10 that "
                            "come with pycnn); or a folder that holds a folder of images for each class, or train and "
                            "test folders of such. Default: cifar10 if it is there or can be downloaded, otherwise "
                            "sample")
    train.add_argument("--root", metavar="DIR",
                       help="where a data set's files are, or go (default: $PYCNN_CIFAR10 for cifar10, "
                                                     "otherwise data)")
    train.add_argument("--model", default="simple_cnn", metavar="NAME",
                       help="simple_cnn (two convolutions), or a model of pycnn.vision.models, as resnet18 (default: "
                            "simple_cnn)")
    train.add_argument("--pretrained", nargs="?", const="DEFAULT", metavar="FILE",
                       help="begin with the model's published weights, or with a .pth file of such; its last layer is "
                            "made anew")
    train.add_argument("--freeze", action="store_true", help="train the last layer alone")
    train.add_argument("--size", type=_positive, metavar="N",
                       help="side of the images (default: the data set's; for a folder 32 with simple_cnn, otherwise "
                            "224)")
    train.add_argument("--augment", default="standard", choices=("none", "standard", "crop", "auto", "rand", "trivial"),
                       help="change training images at random: standard suits the data (small rotations, brightness, "
                            "flips), crop flips and shifts, the others are crop with AutoAugment, RandAugment or "
                            "TrivialAugmentWide (default: standard)")
    train.add_argument("--epochs", type=_positive, metavar="N",
                       help="passes over the data, in all (default: 10 up to 5,000 images, otherwise 3)")
    train.add_argument("--batch-size", type=_positive, default=64, metavar="N", help="images a step (default: 64)")
    train.add_argument("--lr", type=_rate, default=0.001, help="Adam's learning rate at the start (default: 0.001)")
    train.add_argument("--weight-decay", type=_rate, default=1e-5, metavar="W",
                       help="Adam's weight decay (default: 1e-5)")
    train.add_argument("--workers", type=_count, default=0, metavar="N", help="that load images (default: 0)")
    train.add_argument("--threads", type=_positive, metavar="N",
                       help="of a computation (default: all CPUs); changes no result")
    train.add_argument("--seed", type=_seed, default=0, help="of weights, shuffling and augmentation (default: 0)")
    train.add_argument("--resume", action="store_true", help="go on with the run in --out")
    train.add_argument("--out", metavar="DIR", help="where results go (default: runs/DATA-MODEL)")


def _number(kind, check, what):
    """A type of arguments: `kind` says how text is read, `check` whether the value will do, `what` what is wanted."""
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not check(value):
            raise argparse.ArgumentTypeError(f"{text} is not {what}")
        return value
    return parse


_positive = _number(int, lambda n: n > 0, "a positive whole number")
_count = _number(int, lambda n: n >= 0, "a whole number from 0")
_seed = _number(int, lambda n: -2**63 <= n < 2**64, "a whole number of 64 bits")
_rate = _number(float, lambda x: 0 <= x < math.inf, "a number from 0")
