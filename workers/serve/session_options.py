"""How the serving nodes open a model; what is measured about a model elsewhere is measured with the same options."""

import onnxruntime as ort


def session_options(threads: int = 1) -> ort.SessionOptions:
    """One thread for each call: many small calls run at once, so parallelism comes from them."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # a plan is kept for every shape that ever came, and shapes never end
    return options
