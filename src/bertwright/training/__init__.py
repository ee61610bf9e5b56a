"""Training: a loop that knows no BERT.

It is given a model, a function from a micro-batch to a loss, a source of batches, a pace (how long, in which
phases), a schedule and an optimizer; it returns weights, a log and checkpoints. Pre-training and fine-tuning
are two recipes on this one loop.
"""
