import torch
import torch.nn as nn

torch.manual_seed(0)


class PatchEmbedding(nn.Module):
    def __init__(self, in_channels=3, patch_size=8, emb_size=48, img_size=32):
        super().__init__()
        self.projection = nn.Sequential(nn.Conv2d(in_channels, emb_size, patch_size, patch_size), nn.Flatten(2))
        self.cls_token = nn.Parameter(torch.randn(1, 1, emb_size))
        self.positions = nn.Parameter(torch.randn((img_size // patch_size) ** 2 + 1, emb_size))

    def forward(self, x):
        b = x.shape[0]
        x = self.projection(x).permute(0, 2, 1)
        x = torch.cat([self.cls_token.repeat(b, 1, 1), x], dim=1)
        return x + self.positions


class Block(nn.Module):
    def __init__(self, d, h, mlp=4, p=0.1):
        super().__init__()
        self.ln1 = nn.LayerNorm(d, eps=1e-6)
        self.attn = nn.MultiheadAttention(d, h, dropout=p, batch_first=True)
        self.ln2 = nn.LayerNorm(d, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(d, d * mlp), nn.GELU(), nn.Dropout(p), nn.Linear(d * mlp, d), nn.Dropout(p)
        )

    def forward(self, x):
        n = self.ln1(x)
        a, w = self.attn(n, n, n)
        self.w = w
        x = x + a
        return x + self.mlp(self.ln2(x))


class ViT(nn.Module):
    def __init__(self, depth=2, d=48, classes=10):
        super().__init__()
        self.embed = PatchEmbedding(emb_size=d)
        self.blocks = nn.Sequential(*[Block(d, 4) for _ in range(depth)])
        self.head = nn.Linear(d, classes)

    def forward(self, x):
        return self.head(self.blocks(self.embed(x))[:, 0])


m = ViT()
print(m)
x = torch.randn(4, 3, 32, 32)
y = torch.tensor([1, 2, 3, 4])
opt = torch.optim.Adam(m.parameters(), 1e-3)
for _ in range(3):
    opt.zero_grad()
    l = nn.functional.cross_entropy(m(x), y)
    l.backward()
    opt.step()
    print(l.item())
print(m.blocks[0].w.shape, m.blocks[0].w.sum(-1))
enc = nn.TransformerEncoder(
    nn.TransformerEncoderLayer(
        d_model=48, nhead=4, dim_feedforward=96, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
    ),
    num_layers=2,
    norm=nn.LayerNorm(48),
)
z = torch.randn(2, 5, 48)
print(enc(z).mean().item(), enc(z).std().item())
enc.eval()
with torch.no_grad():
    print(enc(z)[0, 0, :4])
mask = torch.triu(torch.full((5, 5), float("-inf")), diagonal=1)
print(mask)
print(enc(z, mask=mask)[0, 0, :4])
pad = torch.zeros(2, 5, dtype=torch.bool)
pad[:, 3:] = True
print(enc(z, src_key_padding_mask=pad)[1, 0, :4])
q, k, v = torch.randn(3, 2, 4, 5, 8).unbind(0)
print(
    nn.functional.scaled_dot_product_attention(q, k, v)[0, 0, 0, :3],
    nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).sum().item(),
)
