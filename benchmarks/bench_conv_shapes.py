"""Is any other convolution of ResNet-50 or MobileNet v2 (1x1, strided, depthwise, the stem) slower than torch's?

--batch: images; --table 1: a line for each measurement as it is made.
"""

from common import arguments, report, require_quiet
from convolutions import geometric_mean, measure

# input channels, size, output channels, filter, stride, groups
RESNET50 = [
    (3, 224, 64, 7, 2, 1), (64, 56, 64, 1, 1, 1), (64, 56, 256, 1, 1, 1), (256, 56, 64, 1, 1, 1),
    (256, 56, 128, 1, 1, 1),
    (128, 56, 128, 3, 2, 1), (256, 56, 512, 1, 2, 1), (128, 28, 512, 1, 1, 1), (512, 28, 128, 1, 1, 1),
    (512, 28, 256, 1, 1, 1),
    (256, 28, 256, 3, 2, 1), (512, 28, 1024, 1, 2, 1), (256, 14, 1024, 1, 1, 1), (1024, 14, 256, 1, 1, 1),
    (1024, 14, 512, 1, 1, 1), (512, 14, 512, 3, 2, 1), (1024, 14, 2048, 1, 2, 1), (512, 7, 2048, 1, 1, 1),
    (2048, 7, 512, 1, 1, 1),
]
MOBILENET_V2 = [
    (3, 224, 32, 3, 2, 1), (32, 112, 32, 3, 1, 32), (32, 112, 16, 1, 1, 1), (16, 112, 96, 1, 1, 1),
    (96, 112, 96, 3, 2, 96),
    (96, 56, 24, 1, 1, 1), (24, 56, 144, 1, 1, 1), (144, 56, 144, 3, 1, 144), (144, 56, 24, 1, 1, 1),
    (144, 56, 144, 3, 2, 144),
    (144, 28, 32, 1, 1, 1), (32, 28, 192, 1, 1, 1), (192, 28, 192, 3, 1, 192), (192, 28, 32, 1, 1, 1),
    (192, 28, 192, 3, 2, 192),
    (192, 14, 64, 1, 1, 1), (64, 14, 384, 1, 1, 1), (384, 14, 384, 3, 1, 384), (384, 14, 64, 1, 1, 1),
    (384, 14, 96, 1, 1, 1),
    (96, 14, 576, 1, 1, 1), (576, 14, 576, 3, 1, 576), (576, 14, 96, 1, 1, 1), (576, 14, 576, 3, 2, 576),
    (576, 7, 160, 1, 1, 1),
    (160, 7, 960, 1, 1, 1), (960, 7, 960, 3, 1, 960), (960, 7, 160, 1, 1, 1), (960, 7, 320, 1, 1, 1),
    (320, 7, 1280, 1, 1, 1),
]

args = arguments(__doc__, rounds=3, batch=8, table=0)  # some fifty shapes, three passes each
other_load = require_quiet(args)
results = {name: measure([(args.batch, *s) for s in shapes], args, 0.02)
           for name, shapes in (("ResNet-50", RESNET50), ("MobileNet v2", MOBILENET_V2))}
ratios, share, slowest = {}, {}, {}
for name, rows in results.items():
    ratios |= {f"{name}, geometric mean": geometric_mean([r["ratio"] for r in rows]),
               f"{name}, lowest": min(r["ratio"] for r in rows)}
    last = min(rows, key=lambda r: r["ratio"])
    slowest[name] = f"{last['pass']} of {'x'.join(map(str, last['shape']))}"
    share[name] = geometric_mean([r["speed"]["share_of_arithmetic"] for r in rows])
report(args, other_load=other_load, measurements=results, share_of_peak=share, slowest=slowest,
       ratios=ratios)
