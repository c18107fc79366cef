"""What does it cost before any work: import time over NumPy, resident memory of a run, size of the wheel, against
torch?"""

import subprocess
import sys
import tempfile
from pathlib import Path

from common import HERE, arguments, cifar10, report, require_quiet

IMPORT = "import time; t = time.perf_counter(); {0}; print(time.perf_counter() - t)"
RUN = """
import resource, sys
sys.path.insert(0, {tests!r})
from program import Program, {modules}
p = Program(*{modules}())
p.torch.set_num_threads({threads})
loader = p.loader(p.dataset({root!r}, True), True)
model, criterion, optimizer, scheduler = p.model()
for k, (images, labels) in enumerate(loader):
    p.step(model, criterion, optimizer, images, labels).item()
    if k == 60:
        break
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def output(code):
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


args = arguments(__doc__)
other_load = require_quiet(args)
seconds = {name: [] for name in ("numpy", "numpy, pycnn", "torch")}
for _ in range(max(5, args.rounds)):
    for name, times in seconds.items():
        times.append(output(IMPORT.format("import " + name)))
root, tests = cifar10(), str(HERE.parent / "tests")
memory = {name: round(output(RUN.format(tests=tests, modules=f"{name}_modules", threads=args.threads, root=root)), 1)
          for name in ("pycnn", "torch")}
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder,
                    str(HERE.parent)], check=True, capture_output=True)
    wheel = next(Path(folder).glob("*.whl"))
    megabytes, tag = round(wheel.stat().st_size / 1e6, 3), wheel.name
ms = {name: round(1e3 * min(times), 1) for name, times in seconds.items()}
report(args, other_load=other_load, import_ms=ms, import_over_numpy_ms=round(ms["numpy, pycnn"] - ms["numpy"], 1),
       resident_mb=memory, wheel_mb=megabytes, wheel=tag,
       ratios={"memory": round(memory["torch"] / memory["pycnn"], 2)})
