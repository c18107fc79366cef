"""What does an operator or a step cost where there is hardly any work, against torch?"""

from common import arguments, both, compare, report, require_quiet


def repeated(run, n):
    def many():
        for _ in range(n):
            run()
    return many


def step(torch):
    """A training step of a network of 10, 10 and 2 units."""
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 2))
    optimizer, criterion = torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss()
    x, y = torch.rand(8, 10), torch.randint(0, 2, (8,))

    def run():
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    return run


def cases(torch):
    """Name -> (function, how often it is called in a measurement)."""
    a, b, grad = torch.rand(4), torch.rand(4), torch.rand(4, requires_grad=True)
    square, layer, rows = torch.rand(4, 4), torch.nn.Linear(10, 10), torch.rand(4, 10)
    image, filters = torch.rand(1, 8, 8, 8), torch.rand(8, 8, 3, 3)
    return {"a + b": (lambda: a + b, 1000), "a += b": (lambda: a.add_(b), 1000),
            "a + b, recorded": (lambda: grad + b, 1000), "a @ b": (lambda: square @ square, 1000),
            "a.view": (lambda: square.view(16), 1000), "a[1, 2]": (lambda: square[1, 2], 1000),
            "a.sum()": (lambda: square.sum(), 1000), "zeros(4)": (lambda: torch.zeros(4), 1000),
            "conv2d, 8 channels of 8 x 8": (lambda: torch.conv2d(image, filters, padding=1), 300),
            "Linear(10, 10)": (lambda: layer(rows), 300), "step of 10-10-2": (step(torch), 50)}


args = arguments(__doc__)
other_load = require_quiet(args)
ours, torch = (cases(p.torch) for p in both(args.threads).values())
times, ratios = {}, {}
for name, (run, n) in ours.items():
    t = compare({"pycnn": repeated(run, n), "torch": repeated(torch[name][0], n)}, args.rounds, seconds=0.1)
    times[name] = {library: {"min_us": round(1e3 * v["min_ms"] / n, 3)} for library, v in t.items()}
    ratios[name] = round(t["torch"]["min_ms"] / t["pycnn"]["min_ms"], 2)
report(args, times=times, other_load=other_load, ratios=ratios)
