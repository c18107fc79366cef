import torch, torch.nn as nn, torch.nn.functional as F
import torch.nn.utils.prune as prune
from torch.nn.utils import weight_norm, spectral_norm, parameters_to_vector, vector_to_parameters
from torch.nn.utils.parametrizations import weight_norm as wn2, spectral_norm as sn2

torch.manual_seed(0)
m = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 4))
prune.random_unstructured(m[0], name="weight", amount=0.3)
print(list(m[0].named_parameters())[1][0], list(m[0].named_buffers())[0][0], m[0].weight_mask.sum())
prune.l1_unstructured(m[0], name="bias", amount=2)
print(m[0].bias, m[0]._forward_pre_hooks.__len__())
prune.ln_structured(m[3], name="weight", amount=0.5, n=2, dim=0)
print((m[3].weight == 0).float().mean().item(), sorted(m.state_dict()))
prune.remove(m[0], "weight")
print(list(dict(m[0].named_parameters())))
prune.global_unstructured([(m[0], "weight"), (m[3], "weight")], pruning_method=prune.L1Unstructured, amount=0.2)
print(m(torch.ones(1, 3, 8, 8)), prune.is_pruned(m))
with __import__("warnings").catch_warnings():
    __import__("warnings").simplefilter("ignore")
    w = weight_norm(nn.Linear(5, 3))
    print(sorted(dict(w.named_parameters())), w(torch.ones(1, 5)))
s = spectral_norm(nn.Conv2d(2, 3, 3))
print(sorted(s.state_dict()))
y = s(torch.ones(1, 2, 5, 5))
y.sum().backward()
print(y.mean(), s.weight_orig.grad.abs().sum())
p = wn2(nn.Linear(5, 3))
print(p(torch.ones(1, 5)))
q = sn2(nn.Linear(5, 3))
print(q(torch.ones(1, 5)), q)
v = parameters_to_vector(m.parameters())
print(v.shape)
vector_to_parameters(v * 0.5, m.parameters())
print(torch.linalg.norm(v), torch.linalg.vector_norm(v, 1), torch.linalg.norm(torch.ones(3, 4), dim=1))
print(
    torch.quantile(torch.arange(10.0), 0.3),
    torch.quantile(torch.rand(4, 5), torch.tensor([0.1, 0.5]), dim=1).shape,
    torch.nanmean(torch.tensor([1.0, float("nan")])),
)
print(
    torch.count_nonzero(torch.tensor([1, 0, 2])),
    torch.tensordot(torch.ones(2, 3), torch.ones(3, 2), 1),
    torch.logaddexp(torch.tensor(1.0), torch.tensor(2.0)),
)
print(
    torch.bucketize(torch.tensor([1.5, 3.2]), torch.tensor([1.0, 2.0, 3.0])),
    torch.searchsorted(torch.tensor([1.0, 2.0, 3.0]), torch.tensor(2.0)),
    torch.cov(torch.arange(6.0).view(2, 3)),
    torch.corrcoef(torch.tensor([[1.0, 2, 3], [1, 2, 4]])),
)
x = torch.zeros(3, 4)
x.scatter_reduce_(1, torch.tensor([[0, 1], [1, 1], [3, 3]]), torch.ones(3, 2), reduce="sum")
print(x)
print(
    torch.diag_embed(torch.tensor([1.0, 2.0])),
    torch.block_diag(torch.ones(1, 2), torch.ones(1, 1)),
    torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4])),
)
print(
    torch.atleast_2d(torch.tensor(1.0)),
    torch.kron(torch.eye(2), torch.ones(1, 2)),
    torch.inverse(torch.tensor([[2.0, 0], [0, 4]])),
    torch.det(torch.eye(3) * 2),
)
u, sv, vh = torch.linalg.svd(torch.tensor([[3.0, 0], [0, 1.0]]))
print(sv)
print(torch.deg2rad(torch.tensor(180.0)), torch.xlogy(torch.tensor(0.0), torch.tensor(0.0)))
print(
    torch.vstack([torch.ones(2), torch.zeros(2)]),
    torch.hstack([torch.ones(2), torch.zeros(2)]),
    torch.dstack([torch.ones(2), torch.zeros(2)]).shape,
    torch.unravel_index(torch.tensor(5), (2, 3)),
)
