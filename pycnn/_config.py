"""show_config: how pycnn was built and what it uses."""

import os
import platform


def show_config():
    """Print version, compiler, instruction set, threads and the versions of what pycnn stands on."""
    import numpy

    import pycnn
    from pycnn import _C

    facts = _C._config()
    rows = [("pycnn", pycnn.__version__), ("compiler", f"gcc {facts['compiler']}"),
            ("processor", f"{platform.machine()}, family {facts['cpu_family']}, model {facts['cpu_model']}"),
            ("instruction sets", ", ".join(_C._isas())),
            ("kernels in use", facts["isa"] + (" (PYCNN_ISA)" if os.environ.get("PYCNN_ISA") else "")),
            ("BLIS", f"{facts['blis']}, kernels for {facts['blis_arch']}"),
            ("threads", str(_C.get_num_threads())), ("Python", platform.python_version()), ("NumPy", numpy.__version__)]
    try:
        import PIL
        rows.append(("Pillow", PIL.__version__))
    except ImportError:
        rows.append(("Pillow", "missing: images cannot be opened"))
    for name, value in rows:
        print(f"{name + ':':18}{value}")
