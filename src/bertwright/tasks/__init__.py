"""Fine-tuning: one folder a kind of task, one recipe for all of them.

A table (``bertwright.tables``) gives examples, a kind's folder turns them into rows for the model and its
outputs into answers, ``finetuning`` trains, ``evaluation`` scores. ``kinds.open_task`` gives the task of a
model that was saved.
"""
