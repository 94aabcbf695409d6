"""The data plane: predictions over HTTP from ONNX Runtime; no web framework, no database, no training code."""
