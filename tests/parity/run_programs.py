"""Run programs that import torch, each in a child of this process: run_programs.py torch|pycnn FOLDER PROGRAM...

What a program prints goes to FOLDER/<its name>.out, and its traceback after it, if there is one.
"""

import os
import sys
import traceback
import types
import warnings
from pathlib import Path

library, folder, programs = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
if library == "pycnn":
    import pycnn
    pycnn.install_as_torch()
import torch  # noqa: E402
import torchvision  # noqa: E402, F401  loaded once for all children

torch.set_num_threads(1)
for program in map(Path, programs):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        continue
    with open(folder / f"{program.stem}.out", "w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        warnings.simplefilter("ignore")
        home = folder / program.stem
        home.mkdir()
        os.chdir(home)
        sys.argv = [str(program)]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        main.__file__ = str(program)
        try:
            exec(compile(program.read_text(), program, "exec"), vars(main))
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)
