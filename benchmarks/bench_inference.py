"""How fast is SimpleCNN's forward pass without gradients, for one image, 64 and 1,000, against torch,
onnxruntime and OpenVINO?

torch as usually written, channels_last, and traced, frozen and optimized; onnxruntime and OpenVINO in float32.
"""

import warnings

import work
from common import arguments, both, compare, peak, report, require_quiet, speed

BATCHES = (1, 64, 1000)


def onnx_model(state, batch):
    """SimpleCNN with these weights (name -> array) as the bytes of an ONNX file."""
    from onnx import TensorProto, helper, numpy_helper

    def conv(x, name, y):
        return helper.make_node("Conv", [x, name + ".weight", name + ".bias"], [y], pads=[1, 1, 1, 1])

    def linear(x, name, y):
        return helper.make_node("Gemm", [x, name + ".weight", name + ".bias"], [y], transB=1)

    def pool(x, y):
        return helper.make_node("MaxPool", [x], [y], kernel_shape=[2, 2], strides=[2, 2])

    nodes = [conv("x", "conv1", "c1"), helper.make_node("Relu", ["c1"], ["r1"]), pool("r1", "p1"),
             conv("p1", "conv2", "c2"), helper.make_node("Relu", ["c2"], ["r2"]), pool("r2", "p2"),
             helper.make_node("Flatten", ["p2"], ["f"]), linear("f", "fc1", "l1"),
             helper.make_node("Relu", ["l1"], ["r3"]), linear("r3", "fc2", "y")]
    graph = helper.make_graph(nodes, "simple_cnn",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 32, 32])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 10])],
                              [numpy_helper.from_array(value, name) for name, value in state.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def onnxruntime_case(model, images, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": images})[0]


def openvino_case(model, images, threads):
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return lambda: request.infer({"x": images})[compiled.output(0)]


def module_case(torch, model, images):
    def run():
        with torch.no_grad():
            return model(images).numpy()
    return run


def cases(programs, batch, threads):
    """Engine -> function; all compute the same."""
    torch = programs["torch"].torch
    torch.manual_seed(0)
    model = programs["torch"].model()[0].eval()
    images = torch.randn(batch, 3, 32, 32)
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    last = programs["torch"].model(channels_last=True)[0].eval()
    last.load_state_dict(model.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        traced = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, images)))
    ours = programs["pycnn"].torch
    own = programs["pycnn"].model()[0].eval()
    own.load_state_dict({name: ours.from_numpy(value) for name, value in state.items()})
    onnx = onnx_model(state, batch)
    result = {
        "pycnn": module_case(ours, own, ours.from_numpy(images.numpy())),
        "torch": module_case(torch, model, images),
        "torch, channels_last": module_case(torch, last, images.contiguous(memory_format=torch.channels_last)),
        "torch, traced": module_case(torch, traced, images),
        "onnxruntime": onnxruntime_case(onnx, images.numpy(), threads),
        "OpenVINO": openvino_case(onnx, images.numpy(), threads),
    }
    expected = result["torch"]()
    for name, run in result.items():
        if abs(run() - expected).max() > 1e-4:
            raise SystemExit(f"{name} computes something else")
    return result


args = arguments(__doc__, rounds=3)
other_load = require_quiet(args)
programs = both(args.threads)
limit = peak(args.threads)
times, ratios, speeds = {}, {}, {}
for batch in BATCHES:
    times[batch] = compare(cases(programs, batch, args.threads), args.rounds, seconds=0.5)
    least = {name: t["min_ms"] for name, t in times[batch].items()}
    best = min(least[name] for name in least if name.startswith("torch"))
    p = programs["pycnn"]
    amount = work.model(p.model()[0], p.torch.zeros(batch, 3, 32, 32))
    speeds[f"batch {batch}"] = speed(times[batch]["pycnn"], amount, limit)
    for name, other in (("torch as written", least["torch"]), ("torch best", best),
                        ("onnxruntime", least["onnxruntime"]), ("OpenVINO", least["OpenVINO"])):
        ratios[f"batch {batch}, {name}"] = round(other / least["pycnn"], 3)
report(args, times=times, other_load=other_load, peak=limit, speeds=speeds, ratios=ratios)
