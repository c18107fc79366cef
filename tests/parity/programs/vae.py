import torch, torch.nn as nn, torch.nn.functional as F
from torchvision.utils import save_image, make_grid
from torch.utils.data import TensorDataset, DataLoader
import os

torch.manual_seed(1)


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(784, 100)
        self.fc21 = nn.Linear(100, 20)
        self.fc22 = nn.Linear(100, 20)
        self.fc3 = nn.Linear(20, 100)
        self.fc4 = nn.Linear(100, 784)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 784))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 784), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loader = DataLoader(TensorDataset(torch.rand(40, 1, 28, 28), torch.zeros(40)), batch_size=8, shuffle=True)
for epoch in range(2):
    model.train()
    train_loss = 0
    for batch_idx, (data, _) in enumerate(loader):
        optimizer.zero_grad()
        recon, mu, logvar = model(data)
        loss = loss_function(recon, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
        print(
            "Train Epoch: {} [{}/{} ({:.0f}%)]\tLoss: {:.6f}".format(
                epoch,
                batch_idx * len(data),
                len(loader.dataset),
                100.0 * batch_idx / len(loader),
                loss.item() / len(data),
            )
        )
    print("====> Epoch: {} Average loss: {:.4f}".format(epoch, train_loss / len(loader.dataset)))
model.eval()
with torch.no_grad():
    sample = model.decode(torch.randn(16, 20)).cpu()
    save_image(sample.view(16, 1, 28, 28), "sample.png", nrow=4, normalize=True)
    comparison = torch.cat([data[:4], recon.view(8, 1, 28, 28)[:4]])
    g = make_grid(comparison.cpu(), nrow=4, padding=1, pad_value=1, scale_each=True, normalize=True)
print(os.path.exists("sample.png"), g.shape, g.mean())


class ConvAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 7),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(64, 32, 7),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


ae = ConvAE()
opt = torch.optim.Adam(ae.parameters(), lr=1e-3, weight_decay=1e-5)
crit = nn.MSELoss()
for data, _ in loader:
    noisy = (data + 0.3 * torch.randn_like(data)).clamp(0.0, 1.0)
    loss = crit(ae(noisy), data)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(f"{loss.data:.4f}")


class Up(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.c = nn.Conv2d(4, 2, 3, padding="same")

    def forward(self, x, skip):
        x = self.up(x)
        d = skip.size(2) - x.size(2)
        x = F.pad(x, [d // 2, d - d // 2, d // 2, d - d // 2])
        return self.c(torch.cat([x, skip], 1))


print(Up()(torch.randn(1, 2, 4, 4), torch.randn(1, 2, 9, 9)).sum())
