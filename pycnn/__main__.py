"""``python -m pycnn``: training from the command line, and facts about the build."""

import argparse
import sys


def main(argv=None):
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pycnn", description="Image classification on CPUs.")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train SimpleCNN on CIFAR-10",
                                description="Train SimpleCNN on CIFAR-10: the full set if it is at $PYCNN_CIFAR10 or "
                                            "can be downloaded, otherwise the sample that comes with pycnn.")
    train.add_argument("--data", metavar="DIR", help="folder with cifar-10-batches-py (default: $PYCNN_CIFAR10)")
    train.add_argument("--sample", action="store_true", help="use the sample, whatever else there is")
    train.add_argument("--epochs", type=int, help="passes over the data (default: 3, on the sample 10)")
    train.add_argument("--batch-size", type=int, default=64, metavar="N", help="images a step (default: 64)")
    train.add_argument("--lr", type=float, default=0.001, help="Adam's learning rate (default: 0.001)")
    train.add_argument("--weight-decay", type=float, default=1e-5, help="Adam's weight decay (default: 1e-5)")
    train.add_argument("--workers", type=int, default=0, metavar="N", help="loader threads (default: 0)")
    train.add_argument("--threads", type=int, metavar="N", help="threads of a computation (default: all CPUs)")
    train.add_argument("--seed", type=int, default=0, help="of weights, shuffling and augmentation (default: 0)")
    train.add_argument("--out", default="runs/simple_cnn", metavar="DIR", help="results (default: runs/simple_cnn)")
    commands.add_parser("config", help="print how pycnn was built and what it uses")
    args = parser.parse_args(argv)
    if args.command == "config":
        import pycnn
        pycnn.show_config()
        return 0
    from pycnn._train import train as run
    try:
        run(args)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
