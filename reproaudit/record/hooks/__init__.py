"""How the recorder takes hold of a program: replaced attributes, dispatch modes, frames of its
callers."""
