"""A torch.py beside the program, which is what it imports"""

import torch

print(torch.__doc__)
