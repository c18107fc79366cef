import torch, numpy as np

torch.manual_seed(0)
x = torch.rand(3, 4)
print(
    x,
    x.double(),
    x.int(),
    x > 0.5,
    x[x > 0.5],
    torch.empty(0),
    torch.tensor(3.14159),
    torch.tensor([1e-8, 1e5]),
    torch.tensor([True, False]),
    torch.tensor([[1, 2000000]]),
    torch.zeros(2, 0, 3),
)
print(
    torch.arange(2000.0),
    torch.rand(20, 20) * 1000,
    torch.tensor([float("nan"), float("inf"), 1.0]),
    torch.tensor([1.5, 2, 1e10]),
    torch.randn(2, 2, dtype=torch.float64),
    torch.tensor([1, 2], dtype=torch.int32),
    torch.tensor(5),
)
torch.set_printoptions(precision=2, sci_mode=False)
print(x * 1e5, torch.tensor([1e-6, 2.0]))
torch.set_printoptions(profile="default")
print(
    x.shape,
    x.size(),
    x.size(0),
    len(x),
    x.ndim,
    x.dtype,
    x.device,
    x.requires_grad,
    x.is_contiguous(),
    x.T.is_contiguous(),
    x.stride(),
    x.storage_offset(),
    x.nelement(),
    x.element_size(),
    x.layout,
    x.is_cuda,
    x.grad,
    x.is_leaf,
)
print(f"{x[0, 0]:.3f} {x.sum():.2f} {x[0].tolist()} {x.mean().item():.4f} {torch.tensor(3):d} {torch.tensor(2.5)}")
print(
    np.array(x).shape,
    np.asarray(x).dtype,
    torch.from_numpy(np.eye(2)),
    torch.as_tensor([1, 2]),
    torch.tensor(np.float32(3)),
    np.sum(x.numpy()),
    x.numpy().mean(axis=0).shape,
    isinstance(x, torch.Tensor),
    torch.is_tensor(x),
    x.type(),
)
a, b = torch.tensor([1, 2, 3]), torch.tensor([4.0, 5, 6])
print(
    a + b,
    a * b,
    a / 2,
    a // 2,
    a % 2,
    a**2,
    -a,
    a @ a,
    b.dot(b),
    a == 2,
    (a > 1) & (a < 3),
    ~(a > 1),
    a.float().std(),
    b.var(unbiased=False),
    torch.std_mean(b),
    torch.median(b),
    torch.mode(torch.tensor([1, 1, 2])),
)
print(
    torch.max(x, dim=1),
    x.argmax(dim=1, keepdim=True),
    x.topk(2, dim=1),
    x.sort(descending=True),
    torch.argsort(b, descending=True),
    torch.unique(torch.tensor([1, 3, 1])),
    torch.where(x > 0.5, x, torch.zeros_like(x)),
    x.clamp(0.2, 0.8),
    torch.nonzero(a > 1),
    (a > 1).nonzero(as_tuple=True),
)
print(
    x.unsqueeze(0).shape,
    x.view(2, 6).shape,
    x.reshape(-1).shape,
    x.permute(1, 0).shape,
    x.expand(2, 3, 4).shape,
    x.repeat(1, 2).shape,
    torch.stack([x, x]).shape,
    torch.chunk(x, 2, dim=1)[0].shape,
    x.split([1, 3], dim=1)[1].shape,
    x.squeeze().shape,
    x.flatten(0).shape,
    x.transpose(0, 1).shape,
    x[None, :, None].shape,
    x[..., -1].shape,
    x[:, [0, 2]].shape,
    x.unbind(0)[0].shape,
)
y = torch.zeros(3, 5)
y.scatter_(1, torch.tensor([[1], [2], [4]]), 1)
print(
    y,
    torch.nn.functional.one_hot(torch.tensor([0, 2]), 3),
    torch.eye(3)[torch.tensor([2, 0])],
    torch.gather(x, 1, torch.tensor([[0], [1], [2]])),
    y.index_add(0, torch.tensor([0]), torch.ones(1, 5)),
    torch.take_along_dim(x, x.argsort(1), 1),
    x.masked_select(x > 0.9),
    torch.take(x, torch.tensor([0, 5])),
)
y[0] = 7
y[:, 0] += 1
y[y == 7] = -1
y[1, 2:4] = torch.tensor([9.0, 8.0])
print(y)
print(
    torch.einsum("ij,kj->ik", x, x),
    torch.outer(b, b),
    torch.cross(b, b + 1, dim=0),
    torch.triu(torch.ones(3, 3)),
    torch.tril(torch.ones(3, 3), -1),
    torch.diag(b),
    torch.trace(torch.eye(3)),
    torch.cdist(x, x),
    torch.meshgrid(a, a, indexing="ij")[0],
    torch.linspace(0, 1, 5),
    torch.logspace(0, 2, 3),
    torch.full((2, 2), 7),
    torch.arange(1, 10, 3),
    torch.randint(0, 10, (3,)),
    torch.randperm(5),
    torch.normal(0.0, 1.0, (2,)),
    torch.bernoulli(torch.full((3,), 0.5)),
    torch.multinomial(b, 2),
    torch.roll(a, 1),
    torch.flip(a, [0]),
    torch.rot90(x).shape,
    torch.bincount(torch.tensor([0, 1, 1])),
    torch.histc(x, 4, 0, 1),
    torch.cumsum(a, 0),
    torch.cumprod(a, 0),
    torch.prod(a),
    torch.logsumexp(x, 1),
    torch.allclose(x, x + 1e-9),
    torch.equal(a, a),
    torch.any(a > 2),
    torch.all(a > 0),
    torch.isnan(x).any(),
    torch.numel(x),
)
print(
    a.tolist(),
    b.numpy(),
    x.bool().all(),
    x.long(),
    x.half().dtype,
    x.to(torch.float64).dtype,
    x.to("cpu").device,
    x.cpu().shape,
    x.type(torch.LongTensor).dtype,
    x.type_as(a).dtype,
    torch.float32,
    torch.finfo(torch.float32).eps,
    torch.iinfo(torch.int8).max,
    torch.get_default_dtype(),
    torch.can_cast(torch.int64, torch.float32) if hasattr(torch, "can_cast") else True,
)
w = torch.tensor([1.0, 2.0], requires_grad=True)
z = (w**2).sum()
z.backward()
print(w.grad, w, z, z.grad_fn is not None, w.detach().requires_grad, torch.autograd.grad((w**3).sum(), w))
w.grad.zero_()
with torch.no_grad():
    w -= 0.1
print(w, w.data, w.clone().detach().numpy(), torch.tensor([w.sum().item()]), sum(p.numel() for p in [w]))


class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, i):
        result = i.exp()
        ctx.save_for_backward(result)
        ctx.k = 2
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved_tensors
        return grad_output * result


class STE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, i, t=0.0):
        ctx.save_for_backward(i)
        return (i > t).float()

    @staticmethod
    def backward(ctx, g):
        (i,) = ctx.saved_tensors
        return torch.nn.functional.hardtanh(g) * (i.abs() <= 1), None


v = torch.randn(3, requires_grad=True)
o = Exp.apply(v).sum() + STE.apply(v, 0.1).sum()
o.backward()
print(v.grad, o)
v.register_hook(lambda g: g * 2)
v.grad = None
(v * 3).sum().backward()
print(v.grad)
try:
    torch.ones(2, 3) @ torch.ones(2, 3)
except RuntimeError as e:
    print(str(e)[:40])
try:
    torch.ones(2) + torch.ones(3)
except RuntimeError as e:
    print(str(e)[:40])
try:
    w.backward()
except RuntimeError as e:
    print(str(e)[:40])
try:
    torch.tensor([1, 2]).mean()
except RuntimeError as e:
    print(str(e)[:70])
try:
    torch.nn.Linear(3, 2)(torch.ones(1, 4))
except RuntimeError as e:
    print(str(e)[:40])
try:
    w.numpy()
except RuntimeError as e:
    print(str(e)[:40])
