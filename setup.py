"""Build of the C extension: csrc/**/*.c once, csrc/kernels/isa.inc.c once per instruction set, BLIS linked in."""
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ISAS = {"base": [], "v3": ["-march=haswell"], "v4": ["-march=skylake-avx512", "-mprefer-vector-width=512"]}
SANITIZE = os.environ.get("PYCNN_SANITIZE", "")  # "address,undefined" or "thread"

CFLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-fvisibility=hidden",
          "-fno-wrapv", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-pthread",
          "-ffunction-sections", "-fdata-sections"]
LDFLAGS = ["-pthread", "-Wl,--exclude-libs,ALL", "-Wl,--gc-sections"]
if SANITIZE:
    CFLAGS += ["-O1", "-g", "-UNDEBUG", "-fno-omit-frame-pointer", f"-fsanitize={SANITIZE}",
               "-fno-sanitize-recover=all"]
    LDFLAGS += [f"-fsanitize={SANITIZE}"]
else:
    CFLAGS += ["-O3", "-g0", "-DNDEBUG"]
    LDFLAGS += ["-s"]


def find_blis():
    """Directory pair (headers, libblis.a) of the static BLIS; $PYCNN_BLIS names another one that holds both."""
    triplet = f"{platform.machine()}-linux-gnu"
    candidates = [(Path(os.environ["PYCNN_BLIS"]),) * 2] if "PYCNN_BLIS" in os.environ else []
    for variant in ("serial", "pthread"):
        candidates.append((Path(f"/usr/include/{triplet}/blis-{variant}"), Path(f"/usr/lib/{triplet}/blis-{variant}")))
    for include, lib in candidates:
        if (include / "blis.h").exists() and (lib / "libblis.a").exists():
            return include, lib
    raise SystemExit("BLIS is missing. Install it with:\n    apt-get install libblis-serial-dev\n"
                     "or set PYCNN_BLIS to a directory that holds blis.h and libblis.a.")


class BuildExt(build_ext):
    """One flag list per instruction set, objects compiled side by side."""

    def build_extension(self, ext):
        blis_include, blis_lib = find_blis()
        temp = Path(self.build_temp)
        jobs = [("csrc/kernels/isa.inc.c", flags + [f"-DPC_ISA_SUFFIX={isa}"], temp / isa)
                for isa, flags in ISAS.items()]
        jobs += [(source, [], temp) for source in ext.sources]

        def compile_one(job):
            source, flags, out = job
            return self.compiler.compile([source], output_dir=str(out), include_dirs=ext.include_dirs,
                                         extra_postargs=[*CFLAGS, *flags, f"-isystem{blis_include}"],
                                         depends=ext.depends)[0]

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compile_one, jobs))
        self.compiler.link_shared_object(objects + [str(blis_lib / "libblis.a")], self.get_ext_fullpath(ext.name),
                                         libraries=["m"], extra_postargs=LDFLAGS)


SOURCES = sorted(str(p) for p in Path("csrc").rglob("*.c") if not p.name.endswith(".inc.c") and "tests" not in p.parts)
setup(
    cmdclass={"build_ext": BuildExt},
    ext_modules=[Extension("pycnn._C", SOURCES, include_dirs=[numpy.get_include()], py_limited_api=True,
                           depends=[str(p) for p in Path("csrc").rglob("*") if p.suffix in (".h", ".def")
                                    or p.name.endswith(".inc.c")])],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
