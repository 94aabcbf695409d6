"""The fp16 variant of a network: weights and what flows between the layers in half precision, for graphics cards.

On a processor it is slower than float32 (the runtime casts around every layer), so it is tried on CUDA only.
"""

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

LEAST_SAVING = 0.3  # of the file's bytes; less is no variant


def halve(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """A copy in half precision with the same inputs and outputs; None where the file would hardly become smaller."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    made: onnx.ModelProto = convert_float_to_float16(copied, keep_io_types=True)
    return made if 1 - made.ByteSize() / model.ByteSize() >= LEAST_SAVING else None
