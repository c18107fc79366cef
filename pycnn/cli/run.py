"""``python -m pycnn run``: a script that was written for torch, on pycnn."""

import os
import runpy
import sys

from pycnn._alias import install_as_torch


def run(args):
    """Run ``args.script`` as Python would, with pycnn in torch's place; returns 0, other ends are the script's own."""
    if not args.module and not os.path.exists(args.script):
        print(f"error: there is no script {args.script}", file=sys.stderr)
        return 2  # as python itself
    install_as_torch()
    sys.argv = [args.script, *args.arguments]
    if args.module:
        sys.path[0] = os.getcwd()
        runpy.run_module(args.script, run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.realpath(args.script))
        runpy.run_path(args.script, run_name="__main__")
    return 0
