"""A model for other programs: an ONNX file, or one Python file."""
