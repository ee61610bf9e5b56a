"""Models behind HTTP: what is asked, one queue a model, batches, and a page to try it.

A request goes one way: ``gate`` (who may ask, how much) -> ``app`` and ``schema`` (what is asked) ->
``questions`` (in the model's words) -> ``waiting`` (until it is its turn) -> ``answering`` (together with
others) -> back as JSON. ``server`` starts and stops it all.
"""
