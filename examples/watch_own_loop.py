"""Your own training loop, watched: three lines more, and it tells what is wrong with the training."""

import torch
from torch import nn

import goodfit

torch.manual_seed(0)
x = torch.randn(400, 10)
y = (x[:, 0] - x[:, 1] + torch.randn(400) > 0).long()
train_rows, valid_rows = slice(0, 100), slice(100, 400)

net = nn.Sequential(nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

with goodfit.watch(net, optimizer, classes=2, validation_rows=300) as watch:
    for _ in range(60):
        for batch in torch.randperm(100).split(20):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x[train_rows][batch]), y[train_rows][batch])
            loss.backward()
            optimizer.step()
            watch.step(loss)
        with torch.no_grad():
            valid_loss = nn.functional.cross_entropy(net(x[valid_rows]), y[valid_rows])
        watch.epoch(valid_loss=valid_loss)

findings = watch.diagnose()

if __name__ == "__main__":
    for finding in findings:
        print(f"{finding.severity}: {finding.title()}. {finding.explanation()}")
