"""ONNX models made smaller: matrices and word vectors in int8, or weights kept in fp16. Needs onnx."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_MOST = 1_900_000_000  # bytes in one file; protocol buffers end at 2 GB
_BLOCK = 128
_EMBEDDING = 1_000_000  # entries from which a table that is looked up in counts as word vectors


def to_int8(source: Path, target: Path) -> None:
    """Store matrices in int8, in blocks of 128, and word vectors in int8 with a scale each; the rest in fp16.

    Blocks keep outliers to themselves: against the fp32 tower of the starter encoder, the mean cosine is 0.999 where one
    scale per tensor of activations gave 0.992, at the same speed. Sums, norms and softmax are computed in fp32.

    Parameters
    ----------
    source, target : Path
        Files of ONNX.
    """
    from onnxruntime.quantization.matmul_nbits_quantizer import (  # noqa: PLC0415 - half a second
        DefaultWeightOnlyQuantConfig,
        MatMulNBitsQuantizer,
    )

    model = onnx.load(str(source))
    # accuracy_level 4 computes in int8; bits and block size are the weights'.
    settings = DefaultWeightOnlyQuantConfig(block_size=_BLOCK, is_symmetric=True, accuracy_level=4, bits=8)
    logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer").setLevel(logging.WARNING)
    quantizer = MatMulNBitsQuantizer(model, algo_config=settings)
    quantizer.process()
    shrunk = quantizer.model.model
    shrink_words(shrunk)
    halve(shrunk)
    save(shrunk, target)


def to_fp16(source: Path, target: Path) -> None:
    """Store large fp32 weights as fp16 and cast them back when the model is loaded: half the size, fp32 arithmetic.

    Parameters
    ----------
    source, target : Path
        Files of ONNX.
    """
    model = onnx.load(str(source))
    halve(model)
    save(model, target)


def save(model: onnx.ModelProto, target: Path) -> None:
    """Write a model; past 2 GB its weights go into a file beside it.

    Parameters
    ----------
    model : onnx.ModelProto
    target : Path
    """
    if model.ByteSize() < _MOST:
        onnx.save(model, str(target))
    else:
        onnx.save(model, str(target), save_as_external_data=True, location=f"{target.name}.data")


def shrink_words(model: onnx.ModelProto) -> None:
    """Store the largest table that is looked up in as int8 with a scale to a row, where it is large."""
    graph = model.graph
    tables = {node.input[0]: node for node in graph.node if node.op_type == "Gather"}
    large = [w for w in graph.initializer if w.name in tables and int(np.prod(w.dims)) >= _EMBEDDING and len(w.dims) == 2]
    if not large:
        return
    largest = max(large, key=lambda weight: int(np.prod(weight.dims)))
    lookup = tables[largest.name]
    values = numpy_helper.to_array(largest).astype(np.float32)
    scale = np.abs(values).max(1, keepdims=True) / 127
    whole = np.round(values / np.maximum(scale, 1e-12)).astype(np.int8)
    graph.initializer.remove(largest)
    graph.initializer.extend([numpy_helper.from_array(whole, "words_int8"), numpy_helper.from_array(scale, "words_scale")])
    ids, place = lookup.input[1], list(graph.node).index(lookup)
    nodes = [
        helper.make_node("Gather", ["words_int8", ids], ["words_whole"]),
        helper.make_node("Cast", ["words_whole"], ["words_float"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["words_scale", ids], ["words_scales"]),
        helper.make_node("Mul", ["words_float", "words_scales"], [lookup.output[0]]),
    ]
    graph.node.remove(lookup)
    for node in reversed(nodes):
        graph.node.insert(place, node)


def halve(model: onnx.ModelProto, least: int = 8192) -> None:
    """Keep fp32 weights of at least so many entries as fp16, and cast them back where they are used.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.
    least : int
        Entries of a weight.
    """
    graph, casts = model.graph, []
    for weight in list(graph.initializer):
        scales = weight.name.endswith(("_scale", "_scales"))
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < least or scales:
            continue
        values = numpy_helper.to_array(weight)
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        half = f"{weight.name}_half"
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [weight.name], to=TensorProto.FLOAT, name=f"{half}_cast"))
        graph.initializer.remove(weight)
    for cast in reversed(casts):
        graph.node.insert(0, cast)
