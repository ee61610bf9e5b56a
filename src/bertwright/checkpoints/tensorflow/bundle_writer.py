"""A checkpoint as TensorFlow 1 writes it: one index, one data file."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from bertwright.checkpoints.tensor_file import Directory, raw_bytes
from bertwright.checkpoints.tensorflow.checksum import masked_crc32c
from bertwright.checkpoints.tensorflow.entries import NUMBERS, Record, header
from bertwright.checkpoints.tensorflow.table import table_bytes


def write_bundle(directory: Directory, name: str, tensors: Mapping[str, Tensor]) -> None:
    """Write ``name.index`` and ``name.data-00000-of-00001``; the same tensors give the same bytes.

    Args:
        tensors: any strides (each is laid out when its turn comes), float32, float64, float16, bfloat16,
            int32 or int64.

    Raises:
        DiskError: the file system refused.
        KeyError: a tensor has another dtype.
        ValueError: a name is empty or begins with a NUL, which the format keeps for itself.
    """
    records = {b"": header()}
    offset = 0
    with directory.open(f"{name}.data-00000-of-00001") as file:
        for key, tensor in sorted((key.encode(), tensor) for key, tensor in tensors.items()):
            if not key or key[0] == 0:
                raise ValueError(f"not a name for a tensor: {key!r}")
            raw = raw_bytes(tensor.detach().cpu().contiguous()).data
            number, shape = NUMBERS[tensor.dtype], tuple(tensor.shape)
            record = Record(number, shape, offset=offset, size=len(raw), checksum=masked_crc32c(raw))
            records[key] = record.encoded()
            file.write(raw)
            offset += len(raw)
    with directory.open(f"{name}.index") as file:
        file.write(table_bytes(records.items()))
