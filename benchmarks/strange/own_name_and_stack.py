"""The program looks at its own name, arguments, modules and stack."""

import inspect
import os
import sys

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
print(__name__, os.path.basename(__file__), __spec__, __package__, __builtins__.__name__)
print([os.path.basename(word) for word in sys.argv], sys.modules["__main__"].__file__ == __file__)
print(sys.flags.dont_write_bytecode, sys.excepthook is sys.__excepthook__, sys.gettrace())
print([frame.function for frame in inspect.stack() if "strange" in frame.filename])
print(os.path.basename(sys.path[0]), "SIGPIPE" in str(__import__("signal").getsignal(13)))
