"""Predicts whole files with ONNX Runtime, off the request path: claim, read, predict in chunks, write, finish."""
