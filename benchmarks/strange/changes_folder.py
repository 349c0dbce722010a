"""chdir into a folder that is then removed"""

import os
import tempfile

import torch
from plain_training import train

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
train(layer)
home = os.getcwd()
folder = tempfile.mkdtemp()
os.chdir(folder)
os.rmdir(folder)
train(layer)
