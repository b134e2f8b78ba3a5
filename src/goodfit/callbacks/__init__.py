"""`goodfit.watch` as a callback of Lightning, Hugging Face's Trainer, Keras and skorch, a file each.

Each file has one function, which imports the library and returns its callback; what was seen is in the
callback's ``watch``, a `goodfit.Watch`.
"""
