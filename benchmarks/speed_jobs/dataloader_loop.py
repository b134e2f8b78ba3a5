"""The loop that tutorials teach: DataLoaders, `loss.item()` at each step, validation after each epoch."""

from __future__ import annotations

import torch
from clock import Clock
from jobs import WARM_UP, asked
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch_network import make_network, make_tensors, read_arrays


def main() -> None:
    job, folder, _ = asked()
    clock = Clock()
    x, y, valid_x, valid_y = make_tensors(read_arrays(job, folder))
    train_loader = DataLoader(TensorDataset(x, y), batch_size=job.batch_size, shuffle=True)
    valid_loader = DataLoader(TensorDataset(valid_x, valid_y), batch_size=job.batch_size)
    network = make_network(job)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=job.learning_rate)
    history = []
    for _ in range(WARM_UP + job.epochs):
        network.train()
        running_loss = 0.0
        for inputs, target in train_loader:
            optimizer.zero_grad()
            loss = criterion(network(inputs), target)
            loss.backward()
            optimizer.step()
            running_loss += loss.item() * len(target)
        network.eval()
        valid_loss, correct = 0.0, 0
        with torch.no_grad():
            for inputs, target in valid_loader:
                outputs = network(inputs)
                valid_loss += criterion(outputs, target).item() * len(target)
                correct += (outputs.argmax(1) == target).sum().item()
        history.append((running_loss / len(x), valid_loss / len(valid_x), correct / len(valid_x)))
        clock.epoch()
    clock.report(job, threads=torch.get_num_threads(), version=torch.__version__)


main()
