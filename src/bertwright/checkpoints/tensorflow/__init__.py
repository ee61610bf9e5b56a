"""TensorFlow 1 checkpoints, read and written without TensorFlow.

``NAME.index`` is a sorted table as LevelDB writes it (``table``: blocks of prefix-compressed keys, possibly
compressed by ``snappy``, each under a ``checksum``). Its values are protocol buffers (``wire``, ``entries``)
that say where in ``NAME.data-00000-of-00001`` a tensor lies; a partitioned one lies in ``slices``.

Source: tensorflow/core/util/tensor_bundle, tensorflow/core/protobuf/tensor_bundle.proto, leveldb's
``doc/table_format.md``, snappy's ``format_description.txt``.
"""
