import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


def vgg_block(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers.append(nn.LazyConv2d(out_channels, kernel_size=3, padding=1))
        layers.append(nn.ReLU())
    layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


net = nn.Sequential(
    vgg_block(1, 8), vgg_block(2, 8), nn.Flatten(), nn.LazyLinear(32), nn.ReLU(), nn.Dropout(0.5), nn.LazyLinear(10)
)
print(net[3])
X = torch.randn(2, 1, 16, 16)
print(net(X).shape, net[3])


def init_cnn(module):
    if type(module) == nn.Linear or type(module) == nn.Conv2d:
        nn.init.xavier_uniform_(module.weight)


net.apply(init_cnn)
print(net(X).shape, [p.shape for p in net.parameters()][:3])
for layer in net:
    X = layer(X)
    print(layer.__class__.__name__, "output shape:\t", X.shape)


class Residual(nn.Module):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__()
        self.conv1 = nn.LazyConv2d(num_channels, kernel_size=3, padding=1, stride=strides)
        self.conv2 = nn.LazyConv2d(num_channels, kernel_size=3, padding=1)
        self.conv3 = nn.LazyConv2d(num_channels, kernel_size=1, stride=strides) if use_1x1conv else None
        self.bn1 = nn.LazyBatchNorm2d()
        self.bn2 = nn.LazyBatchNorm2d()

    def forward(self, X):
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        if self.conv3:
            X = self.conv3(X)
        Y += X
        return F.relu(Y)


blk = Residual(6, use_1x1conv=True, strides=2)
Xr = torch.randn(4, 3, 6, 6)
print(blk(Xr).shape, blk(Xr).mean().item())
print(blk)


def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


print(corr2d(torch.arange(9.0).reshape(3, 3), torch.arange(4.0).reshape(2, 2)))
X1 = torch.ones((6, 8))
X1[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
Y = corr2d(X1, K)
conv2d = nn.LazyConv2d(1, kernel_size=(1, 2), bias=False)
X1 = X1.reshape((1, 1, 6, 8))
Y = Y.reshape((1, 1, 6, 7))
lr = 3e-2
for i in range(10):
    Y_hat = conv2d(X1)
    l = (Y_hat - Y) ** 2
    conv2d.zero_grad()
    l.sum().backward()
    conv2d.weight.data[:] -= lr * conv2d.weight.grad
    if (i + 1) % 2 == 0:
        print(f"epoch {i + 1}, loss {l.sum():.3f}")
print(conv2d.weight.data.reshape((1, 2)))
W = torch.normal(0, 0.01, size=(4, 3), requires_grad=True)
b = torch.zeros(3, requires_grad=True)


def softmax(X):
    X_exp = torch.exp(X)
    partition = X_exp.sum(1, keepdims=True)
    return X_exp / partition


def cross_entropy(y_hat, y):
    return -torch.log(y_hat[list(range(len(y_hat))), y]).mean()


Xs = torch.rand((5, 4))
ys = torch.tensor([0, 1, 2, 1, 0])
loss = cross_entropy(softmax(Xs @ W + b), ys)
loss.backward()
print(loss, W.grad)
with torch.no_grad():
    W -= 0.1 * W.grad
    W.grad.zero_()


def batch_norm(X, gamma, beta, moving_mean, moving_var, eps, momentum):
    if not torch.is_grad_enabled():
        X_hat = (X - moving_mean) / torch.sqrt(moving_var + eps)
    else:
        assert len(X.shape) in (2, 4)
        if len(X.shape) == 2:
            mean = X.mean(dim=0)
            var = ((X - mean) ** 2).mean(dim=0)
        else:
            mean = X.mean(dim=(0, 2, 3), keepdim=True)
            var = ((X - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
        X_hat = (X - mean) / torch.sqrt(var + eps)
        moving_mean = (1.0 - momentum) * moving_mean + momentum * mean
        moving_var = (1.0 - momentum) * moving_var + momentum * var
    Y = gamma * X_hat + beta
    return Y, moving_mean.data, moving_var.data


y, mm, mv = batch_norm(
    torch.randn(3, 2, 4, 4),
    torch.ones(1, 2, 1, 1),
    torch.zeros(1, 2, 1, 1),
    torch.zeros(1, 2, 1, 1),
    torch.ones(1, 2, 1, 1),
    1e-5,
    0.1,
)
print(y.std(), mm.flatten(), mv.flatten())
x = torch.arange(12, dtype=torch.float32)
print(
    x.numel(),
    x.reshape(3, -1)[-1],
    torch.cat((x.reshape(3, 4), x.reshape(3, 4)), dim=0).shape,
    x.reshape(3, 4).cumsum(axis=0),
    id(x) == id(x),
)
A = torch.arange(20, dtype=torch.float32).reshape(5, 4)
print(
    A.sum(axis=[0, 1]) == A.sum(),
    A / A.sum(axis=1, keepdims=True),
    torch.mv(A, x[:4]),
    torch.norm(torch.ones((4, 9))),
    torch.abs(x).sum(),
)
