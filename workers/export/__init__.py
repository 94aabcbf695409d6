"""Turns a trained model into one self-contained ONNX package and proves that it answers the same."""
