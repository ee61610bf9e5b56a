"""Documents of ids: the token store, pre-training instances and batches."""
