"""x"""
class CallNotSaved(ValueError): pass
def save_call(folder, func, args, kwargs): pass
