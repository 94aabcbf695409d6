"""Which hardware runs a model, and why: decided by what a session really got, not by what the library lists."""

import onnxruntime as ort

WANTED = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")


def candidate_providers() -> list[str]:
    """Best first. A provider in this list may still fail to start: then the session shows what it fell back to."""
    available = set(ort.get_available_providers())
    # TensorRT builds an engine per shape, minutes each; CUDA is the default even where both are there.
    return [name for name in WANTED[1:] if name in available]


def explain(session: ort.InferenceSession, wanted: list[str]) -> str:
    """One sentence for the endpoint page."""
    got = session.get_providers()
    if got and got[0] == wanted[0]:
        return f"{got[0]}: first choice of this machine"
    return f"{got[0] if got else 'none'}: {wanted[0]} is installed but did not start here"
