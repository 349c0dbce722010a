"""Exit code 64, behind a line that looks like one of ours"""

import sys

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
print("reproaudit: error: the program is to blame [subject-missing]", file=sys.stderr)
sys.exit(64)
