"""Models and optimizers with their hooks are copied and pickled."""

import copy
import pickle

import torch
from plain_training import train

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
torch.optim.lr_scheduler.StepLR(optimizer, 1)
train(layer)
print(len(layer._forward_hooks), len(layer._forward_pre_hooks), sorted(vars(layer)))
print(optimizer.step.__name__, sorted(vars(optimizer)))
train(copy.deepcopy(layer))
train(pickle.loads(pickle.dumps(layer)))
print(sorted(pickle.loads(pickle.dumps(optimizer)).state_dict()))
