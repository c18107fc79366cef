"""What a layer, a model and a training step have to do: (operations, bytes).

A multiplication and an addition are two operations, and products with padding count; Winograd's algorithm does with
less. Bytes are those that move at least: of each pass the operands, read once, and the results, written once.
Activations that fit into caches need not come from memory.
"""

FLOAT = 4  # bytes
ADAM, SGD_MOMENTUM = 7, 5  # reads and writes of each parameter, its gradient and its state


def convolution(shape, bias=False):
    """One pass, whichever, of a convolution [n, c, size, k, filter, stride, groups] padded by half of its filter."""
    n, c, size, k, filter, stride, groups = shape
    out = (size + 2 * (filter // 2) - filter) // stride + 1
    weights = k * (c // groups) * filter * filter
    return 2 * n * out * out * weights, FLOAT * (n * c * size * size + n * k * out * out + weights)


def model(model, images, training=False):
    """A forward pass of a model of either library, or a training step without the optimizer.

    Counts its leaf modules: those with a matrix or filters as a product forward and, in training, for each gradient,
    but for that of the images; the others as one pass over their input and output each way.
    """
    flop, size, first = 0, 0, training
    handles = []

    def count(module, inputs, output):
        nonlocal flop, size, first
        product = getattr(module, "weight", None) is not None and module.weight.dim() > 1
        floats = inputs[0].numel() + output.numel() + sum(p.numel() for p in module.parameters())
        passes = 1 if not training else 3 - first if product else 2
        if product:
            flop += passes * 2 * output.numel() * (module.weight.numel() // module.weight.shape[0])
            first = False
        size += passes * FLOAT * floats

    for module in model.modules():
        if not list(module.children()):
            handles.append(module.register_forward_hook(count))
    model(images)
    for handle in handles:
        handle.remove()
    return flop, size


def step(network, images, passes):
    """A whole training step with an optimizer that reads and writes so many floats for each parameter."""
    flop, size = model(network, images, training=True)
    return flop, size + passes * FLOAT * sum(p.numel() for p in network.parameters())
