"""goodfit.watch inside a loop with Hugging Face's Accelerate; needs `pip install accelerate`."""

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import goodfit

torch.manual_seed(0)
x = torch.randn(400, 10)
y = (x[:, 0] - x[:, 1] + torch.randn(400) > 0).long()
loader = DataLoader(TensorDataset(x[:100], y[:100]), batch_size=20, shuffle=True)

net = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 2))
accelerator = Accelerator(cpu=True)
net, optimizer, loader = accelerator.prepare(net, torch.optim.Adam(net.parameters(), lr=1e-3), loader)

with goodfit.watch(net, optimizer, classes=2, validation_rows=300) as watch:
    for _ in range(20):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(inputs), labels)
            accelerator.backward(loss)
            optimizer.step()
            watch.step(loss)
        with torch.no_grad():
            valid_loss = nn.functional.cross_entropy(net(x[100:]), y[100:])
        watch.epoch(valid_loss=valid_loss)

if __name__ == "__main__":
    for finding in watch.diagnose():
        print(f"{finding.severity}: {finding.title()}. {finding.explanation()}")
