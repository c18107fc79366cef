"""How fast are 3x3 convolutions of stride 1 and their gradients, as training needs them, against torch's better format?

--batch: images; --quick 1: a quarter of them. --table 1: a line for each measurement as it is made.
"""

from common import arguments, report, require_quiet
from convolutions import PASSES, geometric_mean, measure

args = arguments(__doc__, rounds=2, batch=128, quick=0, table=0)
other_load = require_quiet(args)
batch = max(1, args.batch // 4) if args.quick else args.batch
shapes = [(batch, c, size, c, 3, 1, 1) for c, size in ((64, 32), (128, 16), (256, 8), (512, 4))]
rows = measure(shapes, args, 0.1 if args.quick else 0.3)
ratios = {name: geometric_mean([r["ratio"] for r in rows if r["pass"] == name]) for name in PASSES}
ratios |= {"geometric mean": geometric_mean([r["ratio"] for r in rows]), "lowest": min(r["ratio"] for r in rows)}
speeds = {f"{r['shape'][1]}@{r['shape'][2]}, {r['pass']}": r["speed"] for r in rows}
report(args, other_load=other_load, measurements=rows, speeds=speeds, ratios=ratios)
