"""A training that can be stopped after any epoch and gone on with from a file, for either library.

Everything that draws numbers is in it: dropout and augmentation from the default generator, the shuffling loader from
its own.
"""

OPTIMIZERS = {
    "Adam": {"lr": 0.003, "weight_decay": 1e-5}, "AdamW": {"lr": 0.003, "amsgrad": True},
    "SGD": {"lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": True},
    "RMSprop": {"lr": 0.001, "momentum": 0.5, "centered": True}, "Adagrad": {"lr": 0.01}, "NAdam": {"lr": 0.002}}

SCHEDULES = {
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=6, eta_min=1e-6),
    "steps": lambda s, o: s.MultiStepLR(o, [1, 3], gamma=0.5),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.01, total_steps=10),
    "in a row": lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=2), s.ExponentialLR(o, 0.9)],
                                            milestones=[2])}


class Training:
    """A small network on a data set, its optimizer, schedule, generator and history.

    Parameters
    ----------
    torch : module
        pycnn or torch.
    dataset : Dataset
        Of 8 x 8 or 32 x 32 images.
    optimizer, schedule : str
        Of `OPTIMIZERS` and `SCHEDULES`.
    seed : int
    workers : int
    dropout : float
    """

    def __init__(self, torch, dataset, optimizer="Adam", schedule="cosine", seed=0, workers=0, dropout=0.2):
        nn = torch.nn
        torch.manual_seed(seed)
        self.torch, self.history = torch, []
        self.model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                                   nn.Dropout(dropout),
                                   nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                                   nn.Linear(32, 10))
        self.optimizer = getattr(torch.optim, optimizer)(self.model.parameters(), **OPTIMIZERS[optimizer])
        self.schedule = SCHEDULES[schedule](torch.optim.lr_scheduler, self.optimizer)
        self.generator = torch.Generator().manual_seed(seed + 1)
        self.loader = torch.utils.data.DataLoader(dataset, batch_size=8, shuffle=True, generator=self.generator,
                                                  num_workers=workers)

    def run(self, epochs):
        """Train; returns the losses of the steps."""
        losses = []
        for _ in range(epochs):
            for images, labels in self.loader:
                self.optimizer.zero_grad()
                loss = self.torch.nn.functional.cross_entropy(self.model(images), labels)
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            self.schedule.step()
            self.history.append({"loss": losses[-1], "lr": self.schedule.get_last_lr()})
        return losses

    def state(self):
        """What goes into the file."""
        return {"epoch": len(self.history), "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(), "rng": self.torch.get_rng_state(),
                "loader": self.generator.get_state(),
                "history": self.history, "classes": ["cat", "dog"], "best": (0.5, None, True)}

    def load(self, state):
        """Go on from there."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.torch.set_rng_state(state["rng"])
        self.generator.set_state(state["loader"])
        self.history = state["history"]
        assert state["epoch"] == len(self.history) and state["classes"] == ["cat", "dog"] \
               and state["best"] == (0.5, None, True)

    def weights(self):
        """All parameters and buffers, as bytes."""
        return {key: value.detach().numpy().tobytes() for key, value in self.model.state_dict().items()}
