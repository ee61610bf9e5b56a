"""TensorFlow itself, in an interpreter of its own: reads what we wrote, writes what we read.

Run as ``python original.py read PREFIX OUT`` or ``python original.py write FOLDER``.
Tensors travel as ``.npz``, bfloat16 as its bits.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
tf1.disable_eager_execution()

Arrays = dict[str, Any]


def read(prefix: str, out: str) -> None:
    """All tensors of a checkpoint, by two readers and by a graph that is initialized from it."""
    reader = tf.train.load_checkpoint(prefix)
    older = tf1.train.NewCheckpointReader(prefix)
    arrays = {name: bits(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()}
    for name, array in arrays.items():
        assert np.array_equal(array, bits(older.get_tensor(name)), equal_nan=True), name
    with tf1.Graph().as_default(), tf1.Session() as session:
        types, shapes = reader.get_variable_to_dtype_map(), reader.get_variable_to_shape_map()
        variables = {
            name: tf1.get_variable(f"restored/{name}", shape=shapes[name], dtype=types[name])
            for name in arrays
        }
        tf1.train.init_from_checkpoint(prefix, {name: variables[name] for name in arrays})
        session.run(tf1.global_variables_initializer())
        for name, array in arrays.items():
            assert np.array_equal(array, bits(session.run(variables[name])), equal_nan=True), name
    np.savez(out, **arrays)


def write(folder: Path) -> None:
    """Checkpoints of every kind that the format has, each with its tensors beside it."""
    save(folder / "kinds", kinds())
    save(folder / "partitioned", partitioned)
    save(folder / "sharded", sharded, sharded=True, devices=3)
    save(folder / "adam", adam)
    save(folder / "large", large)


def kinds() -> Any:
    """Every type of numbers, a scalar, an empty tensor, a tensor of text."""
    numbers = np.random.default_rng(1)

    def build() -> None:
        for name in ("float32", "float64", "float16"):
            tf1.get_variable(name, initializer=numbers.normal(size=(3, 5)).astype(name))
        bfloat = tf.cast(numbers.normal(size=7).astype(np.float32), tf.bfloat16)
        tf1.get_variable("scope/bfloat16", initializer=bfloat)
        tf1.get_variable("int32", initializer=numbers.integers(-9, 9, (2, 1, 2)).astype(np.int32))
        tf1.get_variable("global_step", initializer=np.int64(2**40 + 1))
        tf1.get_variable("empty", initializer=np.zeros((0, 4), np.float32))
        tf1.get_variable("text", initializer=tf.constant(["a", "bcd"]), use_resource=False)

    return build


def partitioned() -> None:
    """Variables cut along the first and the second axis; one has so many rows that places take two bytes."""
    for name, shape, parts, axis in (
        ("rows", (10, 4), 3, 0),
        ("columns", (3, 11), 4, 1),
        ("many", (9_001, 2), 5, 0),
        ("vector", (7,), 7, 0),
    ):
        tf1.get_variable(name, shape, partitioner=tf1.fixed_size_partitioner(parts, axis))
    tf1.get_variable("whole", (2, 3))


def sharded() -> None:
    """Three data files, and a partitioned variable that lies in all of them."""
    for device in range(3):
        with tf1.device(f"/cpu:{device}"):
            tf1.get_variable(f"here/{device}", (2, device + 1))
    with tf1.device(lambda operation: f"/cpu:{'part_1' in operation.name:d}"):
        tf1.get_variable("spread", (5, 3), partitioner=tf1.fixed_size_partitioner(2))


def adam() -> None:
    """Two steps of Adam on a plain and a partitioned variable."""
    plain = tf1.get_variable("bert/plain", (3, 4))
    parts = tf1.get_variable("bert/parts", (6, 4), partitioner=tf1.fixed_size_partitioner(2))
    step = tf1.train.get_or_create_global_step()
    loss = tf.reduce_sum(plain) + tf.reduce_sum(tf.convert_to_tensor(parts) ** 2)
    tf1.add_to_collection("train", tf1.train.AdamOptimizer().minimize(loss, global_step=step))


def large() -> None:
    """So many names that the table has several blocks."""
    tf1.get_variable("seed", initializer=np.float32(1))
    for number in range(150):
        name = f"scope_{number}/" + "x" * 900
        tf1.get_variable(name, (3, 2), partitioner=tf1.fixed_size_partitioner(3))


def save(prefix: Path, build: Any, *, sharded: bool = False, devices: int = 1) -> None:
    with tf1.Graph().as_default():
        tf1.set_random_seed(3)
        build()
        settings = tf1.ConfigProto(device_count={"CPU": devices})
        with tf1.Session(config=settings) as session:
            session.run(tf1.global_variables_initializer())
            for step in tf1.get_collection("train") * 2:
                session.run(step)
            tf1.train.Saver(sharded=sharded).save(session, str(prefix), write_meta_graph=False)
    reader = tf.train.load_checkpoint(str(prefix))
    names = reader.get_variable_to_shape_map()
    np.savez(
        prefix.with_suffix(".npz"),
        **{name: bits(reader.get_tensor(name)) for name in names if name != "text"},
    )


def bits(array: Any) -> Any:
    array = np.asarray(array)
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array


if __name__ == "__main__":
    if sys.argv[1] == "read":
        read(sys.argv[2], sys.argv[3])
    else:
        write(Path(sys.argv[2]))
