"""Model folders: weights and names, ours, Hugging Face's and TensorFlow 1's."""
