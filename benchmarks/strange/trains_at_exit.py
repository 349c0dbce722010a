"""Training at exit, while a daemon thread goes on"""

import atexit
import threading
import time

import torch
from plain_training import train

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
atexit.register(train, layer)
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
train(layer)
