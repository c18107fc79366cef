import torch, torch.nn as nn, torch.nn.functional as F, numpy as np
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names
from torchvision.models._utils import IntermediateLayerGetter

torch.manual_seed(0)
model = models.resnet18(weights=None, num_classes=7).eval()
x = torch.randn(2, 3, 64, 64)


class GradCAM:
    def __init__(self, model, layer):
        self.model = model
        self.gradients = None
        self.activations = None
        layer.register_forward_hook(self.save_activation)
        layer.register_full_backward_hook(self.save_gradient)

    def save_activation(self, module, input, output):
        self.activations = output.detach()

    def save_gradient(self, module, grad_input, grad_output):
        self.gradients = grad_output[0].detach()

    def __call__(self, x, index=None):
        out = self.model(x)
        if index is None:
            index = out.argmax(dim=1)
        one_hot = torch.zeros_like(out)
        one_hot.scatter_(1, index.view(-1, 1), 1.0)
        self.model.zero_grad()
        out.backward(gradient=one_hot, retain_graph=True)
        weights = self.gradients.mean(dim=(2, 3), keepdim=True)
        cam = F.relu((weights * self.activations).sum(1, keepdim=True))
        cam = F.interpolate(cam, size=x.shape[2:], mode="bilinear", align_corners=False)
        cam -= cam.amin((2, 3), keepdim=True)
        cam /= cam.amax((2, 3), keepdim=True) + 1e-8
        return cam.squeeze().numpy()


print(np.round(GradCAM(model, model.layer4[-1])(x).mean(axis=(1, 2)), 3))
activation = {}


def get_activation(name):
    def hook(model, input, output):
        activation[name] = output.detach()

    return hook


h = model.avgpool.register_forward_hook(get_activation("avgpool"))
model(x)
h.remove()
print(activation["avgpool"].flatten(1).shape, activation["avgpool"].mean())
body = create_feature_extractor(model, return_nodes={"layer1": "low", "layer3": "mid", "avgpool": "pool"})
for k, v in body(x).items():
    print(k, v.shape, v.mean().item())
body = (
    create_feature_extractor(model, return_nodes=["layer2.0.relu", "flatten"])
    if False
    else create_feature_extractor(model, ["layer2", "layer4.1"])
)
print({k: tuple(v.shape) for k, v in body(x).items()})
getter = IntermediateLayerGetter(model, {"layer1": "feat1", "layer3": "feat2"})
print([(k, v.shape) for k, v in getter(x).items()])
# saliency
x = x.clone().requires_grad_()
score = model(x)
score.max(1)[0].sum().backward()
sal, _ = torch.max(x.grad.data.abs(), dim=1)
print(sal.shape, sal.mean())


def fgsm_attack(image, epsilon, data_grad):
    return torch.clamp(image + epsilon * data_grad.sign(), 0, 1)


print(fgsm_attack(x, 0.1, x.grad).mean())


def pgd(model, x, y, eps=8 / 255, alpha=2 / 255, n=3):
    adv = x.clone().detach() + torch.empty_like(x).uniform_(-eps, eps)
    for _ in range(n):
        adv.requires_grad = True
        loss = F.cross_entropy(model(adv), y)
        grad = torch.autograd.grad(loss, adv, retain_graph=False, create_graph=False)[0]
        adv = adv.detach() + alpha * grad.sign()
        delta = torch.clamp(adv - x, min=-eps, max=eps)
        adv = torch.clamp(x + delta, min=0, max=1).detach()
    return adv


print(pgd(model, x.detach(), torch.tensor([1, 2])).mean())


def gram(t):
    b, c, h, w = t.size()
    f = t.view(b * c, h * w)
    return torch.mm(f, f.t()).div(b * c * h * w)


print(gram(activation["avgpool"].expand(-1, -1, 2, 2).contiguous()).norm())
feat = nn.Sequential(*list(model.children())[:-1])
print(feat(x).squeeze().shape)
model.fc = nn.Identity()
print(model(x).shape)
summary = []


def register(m):
    def hook(m, i, o):
        summary.append((m.__class__.__name__, list(o.size()), sum(int(np.prod(p.size())) for p in m.parameters())))

    if not isinstance(m, (nn.Sequential, nn.ModuleList)) and m is not model:
        hs.append(m.register_forward_hook(hook))


hs = []
model.apply(register)
model(x)
[q.remove() for q in hs]
for s in summary[:8]:
    print("{:>20} {:>25} {:>10,}".format(s[0], str(s[1]), s[2]))
