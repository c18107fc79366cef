"""``python -m pycnn train``: what a torch user writes, with pycnn in torch's place."""

import json
import math
import shlex
import sys
import time
from pathlib import Path

import pycnn as torch
from pycnn import metrics, nn, optim
from pycnn._files import replacing
from pycnn.cli import Mistake
from pycnn.cli import data as data_module
from pycnn.cli.model import build
from pycnn.utils.data import DataLoader

# What two runs must share for one to go on where the other stopped.
SETTINGS = ("model", "pretrained", "freeze", "size", "augment", "batch_size", "lr", "weight_decay", "workers", "seed")


def train(args):
    """Train as `args` of the command line say; returns the exit status."""
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    data = data_module.load(args.data, args.root, args.model, args.size, args.augment, args.pretrained, args.seed)
    print(f"Data: {data.text}")
    # Batch norm cannot learn from a single image: such a rest is left out.
    train_loader = DataLoader(data.train, batch_size=args.batch_size, shuffle=True, num_workers=args.workers,
                              drop_last=len(data.train) > args.batch_size and len(data.train) % args.batch_size == 1)
    test_loader = DataLoader(data.test, batch_size=min(1000, 16 * args.batch_size), num_workers=args.workers)

    model = build(args.model, len(data.classes), data.view["size"], args.pretrained, args.freeze)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam([p for p in model.parameters() if p.requires_grad], lr=args.lr,
                           weight_decay=args.weight_decay)
    epochs = args.epochs or (10 if len(data.train) <= 5000 else 3)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(50, epochs), eta_min=1e-6)

    out = Path(args.out or f"runs/{data.name}-{args.model}")
    out.mkdir(parents=True, exist_ok=True)
    settings = {"data": data.name, "images": [len(data.train), len(data.test)],
                **{name: getattr(args, name) for name in SETTINGS}}
    history = _resume(out, settings, model, optimizer, scheduler) if args.resume else []
    if not args.resume:
        _save(out, settings, model, optimizer, scheduler, history)
    facts = {"data": data.text, "model": args.model, "classes": data.classes, "view": data.view, "settings": settings}
    try:
        for epoch in range(len(history) + 1, epochs + 1):
            start = time.perf_counter()
            loss = _learn(model, criterion, optimizer, _progress(train_loader, f"epoch {epoch}/{epochs}"))
            scheduler.step()
            if not math.isfinite(loss):
                raise Mistake(f"the loss of epoch {epoch} is {loss}: nothing is learnt any more. A smaller --lr may "
                              "help")
            seconds = time.perf_counter() - start
            tested, _, _ = _test(model, criterion, test_loader)
            history.append({"epoch": epoch, "loss": loss, **tested, "seconds": seconds,
                            "images_per_second": len(data.train) / seconds})
            print(f"epoch {epoch:2d}/{epochs}  loss {loss:.4f}  test loss {tested['test_loss']:.4f}  accuracy "
                  f"{100 * tested['accuracy']:.2f} %  {history[-1]['images_per_second']:,.0f} images/s", flush=True)
            _write_json(out / "metrics.json", {**facts, "epochs": history})
            _save(out, settings, model, optimizer, scheduler, history)
        _report(out, facts, history, model, criterion, test_loader)
    except KeyboardInterrupt:
        kept = len(torch.load(out / "checkpoint.pth")["history"])
        words = ["python", "-m", "pycnn", *sys.argv[1:], *([] if args.resume else ["--resume"])]
        print(f"\nStopped. {out} keeps {kept} of {epochs} epochs. To go on:\n  {shlex.join(words)}", file=sys.stderr)
        return 130
    return 0


def _progress(loader, text):
    try:
        from tqdm import tqdm  # tqdm.auto's begins an iteration too many: its draws would change the run
    except ImportError:
        return loader
    return tqdm(loader, desc=text, unit="step", leave=False, disable=None)


def _learn(model, criterion, optimizer, batches):
    """One epoch; returns the mean loss."""
    model.train()
    total = count = 0
    for images, labels in batches:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * labels.size(0)
        count += labels.size(0)
    return total / count


def _test(model, criterion, loader):
    """Figures of a model, the right classes and the predicted ones."""
    model.eval()
    with torch.no_grad():
        batches = [(model(images), labels) for images, labels in loader]
    logits, labels = (torch.cat(parts) for parts in zip(*batches))
    figures = {"test_loss": criterion(logits, labels).item(),
               "accuracy": metrics.top_k_accuracy_score(labels, logits, k=1)}
    if logits.size(1) > 5:
        figures["top5_accuracy"] = metrics.top_k_accuracy_score(labels, logits, k=5)
    return figures, labels, logits.argmax(1)


# ---- stopping and going on ----------------------------------------------------------------------------------------


def _save(out, settings, model, optimizer, scheduler, history):
    """Write all that the next epoch depends on, as one file that is there or not."""
    torch.save({"settings": settings, "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(), "generator": torch.get_rng_state(), "history": history},
               out / "checkpoint.pth")


def _resume(out, settings, model, optimizer, scheduler):
    """Put everything into the state after the last epoch that was finished; returns the history."""
    path = out / "checkpoint.pth"
    if not path.exists():
        raise Mistake(f"there is no run to go on with: {path} is missing")
    try:
        state = torch.load(path)
        changed = [name for name in settings if state["settings"].get(name) != settings[name]]
        if changed:
            raise Mistake(f"{out} was begun with other settings, and the results would be neither run's: " + "; ".join(
                f"{name.replace('_', '-')} was {state['settings'].get(name)!r}, now "
                f"{settings[name]!r}" for name in changed))
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        torch.set_rng_state(state["generator"])
        history = list(state["history"])
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise Mistake(f"{path} is no checkpoint of this run: {error}") from error
    print(f"Going on after epoch {len(history)}")
    return history


# ---- results ------------------------------------------------------------------------------------------------------


def _report(out, facts, history, model, criterion, loader):
    """Write everything that is known about the trained model."""
    figures, labels, predicted = _test(model, criterion, loader)
    classes = facts["classes"]
    matrix = metrics.confusion_matrix(labels, predicted, num_classes=len(classes))
    options = {"labels": range(len(classes)), "target_names": classes, "zero_division": 0}
    if len(classes) <= 40:
        print(f"\n{metrics.classification_report(labels, predicted, **options)}")
    report = metrics.classification_report(labels, predicted, **options, output_dict=True)
    _write_json(out / "metrics.json",
                {**facts, "epochs": history, **figures, "report": report, "confusion_matrix": matrix.tolist()})
    torch.save(model.state_dict(), out / "model.pth")
    side = facts["view"]["size"]
    torch.jit.trace(model, torch.zeros(1, 3, side, side)).save(out / "model.pt")
    drawn = _draw(out, matrix, classes, history)
    print(f"Results in {out}: {', '.join(['model.pth', 'model.pt', 'metrics.json', *drawn])}")
    print(f"Classify images with: python -m pycnn predict {shlex.quote(str(out))} IMAGE...")


def _draw(out, matrix, classes, history):
    """Write the pictures, if matplotlib is there; returns their names."""
    try:
        import matplotlib
    except ImportError:
        print("confusion.png and curves.png are left out; for them: pip install pycnn[plot]")
        return []
    matplotlib.use("agg")
    from matplotlib import pyplot
    from pycnn import plot
    axes = {"confusion.png": plot.confusion_matrix(matrix, classes), "curves.png": plot.curves(history)[0]}
    for name, ax in axes.items():
        ax.figure.savefig(out / name, dpi=120)
        pyplot.close(ax.figure)
    return list(axes)


def _write_json(path, value):
    with replacing(path) as file:
        file.write((json.dumps(value, indent=1) + "\n").encode())
