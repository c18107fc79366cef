import torch, numpy as np
from PIL import Image
from torchvision.transforms import v2
from torch.utils.data import Dataset, DataLoader, default_collate

torch.manual_seed(7)


class DS(Dataset):
    def __init__(self, t):
        self.t = t
        rng = np.random.default_rng(0)
        self.x = rng.integers(0, 255, (16, 40, 44, 3), dtype=np.uint8)

    def __len__(self):
        return 16

    def __getitem__(self, i):
        return self.t(Image.fromarray(self.x[i])), i % 4


transforms = v2.Compose(
    [
        v2.ToImage(),
        v2.RandomResizedCrop(size=(24, 24), antialias=True),
        v2.RandomHorizontalFlip(p=0.5),
        v2.TrivialAugmentWide(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        v2.RandomErasing(p=0.3),
    ]
)
print(transforms)
cutmix = v2.CutMix(num_classes=4)
mixup = v2.MixUp(num_classes=4)
cutmix_or_mixup = v2.RandomChoice([cutmix, mixup])


def collate_fn(batch):
    return cutmix_or_mixup(*default_collate(batch))


loader = DataLoader(DS(transforms), batch_size=4, shuffle=True, collate_fn=collate_fn, num_workers=0)
for images, labels in loader:
    print(images.shape, type(images).__name__, images.mean().item(), labels)
loader = DataLoader(DS(transforms), batch_size=4, shuffle=True, collate_fn=collate_fn, num_workers=2)
for images, labels in loader:
    print(images.mean().item(), labels.sum(0))
img = v2.functional.to_image(Image.fromarray(DS(None).x[0]))
print(type(img).__name__, img.shape, img.dtype, v2.functional.resize(img, [10, 10]).float().mean())
