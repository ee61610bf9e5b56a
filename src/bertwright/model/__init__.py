"""The network: embeddings, attention, encoder, heads, losses.

It sees ids and never text. ``config`` can be imported without torch; everything else needs it.
"""
